"""The scenarios of the DHT, small: what was stored is found, and nodes that lie do not hide it."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from bench.sim.dht import KINDS, DhtSize, growing, hostile, run_dht
from bench.sim.plots import draw
from bench.sim.verdict import Verdict
from p2pd.discovery.dht.mutable_items import immutable_target
from p2pd.testing.sim.dht import DhtSwarm
from p2pd.testing.sim.dht_conduct import Sybils, add_rubbish, add_sybil

SMALL = DhtSize(100, values=4, lookups=20, seconds=300.0, churn=1.0)


def figure(verdict: Verdict, name: str) -> float:
    return next(figure.value for figure in verdict.figures if figure.name == name)


def test_in_a_network_that_changes_everything_is_found(tmp_path: Path) -> None:
    verdict = growing([DhtSize(20, values=2, lookups=10, seconds=100.0), SMALL])
    for kind in KINDS:
        assert figure(verdict, f"100 nodes: {kind.kind} found") >= 99
    assert 1 <= figure(verdict, "100 nodes: hops") <= 4
    assert figure(verdict, "hops more for each doubling, 20 to 100") < 1
    assert verdict.passed
    path = draw(verdict, tmp_path)
    assert path is not None
    assert "Hops" in path.read_text()


def test_so_it_is_among_nodes_that_lie() -> None:
    verdict = hostile(SMALL, rubbish=0.1, sybils=0.1)
    for kind in KINDS:
        assert figure(verdict, f"100 nodes: {kind.kind} found") >= 95


def test_a_run_is_the_same_each_time_for_one_seed_and_another_for_another() -> None:
    def told(seed: int) -> list[object]:
        run = run_dht(DhtSize(20, values=2, lookups=10, seconds=100.0, seed=seed), growth=60.0)
        return [run.swarm.network.sent, *run.outcomes]

    assert told(1) == told(1) != told(2)


def test_nodes_come_and_go_at_the_rate_that_is_asked_for() -> None:
    swarm = DhtSwarm()
    swarm.grow(20, 60.0)
    stays = swarm.nodes[3]
    stays.stays = True
    swarm.churn(share=6.0, seconds=600.0)
    swarm.run(600.0)
    assert (len(swarm.nodes), swarm.left) == (20, 20)
    assert stays.here
    assert len({node.address for node in swarm.nodes}) == 20


@pytest.mark.parametrize("hostile_share", [0.0, 1.0])
def test_sybils_do_hide_what_nobody_else_keeps(hostile_share: float) -> None:
    """They are a danger: of a network that consists of them nothing is to be had."""
    swarm = DhtSwarm()
    swarm.grow(3, 10.0)
    sybils = Sybils(random.Random(1))
    for _ in range(30):
        if hostile_share:
            add_sybil(swarm, sybils)
        else:
            swarm.add()
        swarm.run(2.0)
    swarm.run(60.0)
    found: list[bytes | None] = []
    value = b"5:hello"
    first, second = swarm.nodes[0], swarm.nodes[1]
    first.node.put_immutable(value, swarm.now, lambda _: None)
    swarm.carry(first)
    swarm.run(30.0)
    second.node.get_immutable(immutable_target(value), swarm.now, lambda v, _: found.append(v))
    swarm.carry(second)
    swarm.run(60.0)
    assert found == [None if hostile_share else value]


def test_rubbish_is_what_it_says() -> None:
    swarm = DhtSwarm(loss=0.0)
    swarm.grow(3, 10.0)
    for _ in range(5):
        assert not add_rubbish(swarm).honest
    swarm.run(300.0)
    assert sum(node.node.status().malformed for node in swarm.nodes[:3]) > 0
