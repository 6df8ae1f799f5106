"""Swarms of whole sessions: they complete, nodes behave as they are told, all from one seed."""

from __future__ import annotations

from dataclasses import replace

import pytest

from p2pd.testing.sim.conduct import Conduct
from p2pd.testing.sim.disks import SLOW_DISK
from p2pd.testing.sim.network import Link
from p2pd.testing.sim.nodes import NodeSpec
from p2pd.testing.sim.outcome import SwarmOutcome
from p2pd.testing.sim.swarm import Swarm, hosts, make_shared

PIECE = 32 * 1024
UP = 64 * 1024.0
LINK = Link(up=UP, delay=0.025)


def swarm_of(count: int, *others: Conduct, seed: int = 0, spec: NodeSpec | None = None) -> Swarm:
    """A seed, so many honest leechers, and others, all alike but for what they do."""
    swarm = Swarm(make_shared(16, PIECE), seed)
    spec = spec or NodeSpec("", LINK)
    first, *names = hosts(1 + count + len(others))
    swarm.add(replace(spec, host=first, seed=True, link=replace(spec.link, dialable=True)))
    for host, conduct in zip(names, (*[Conduct.HONEST] * count, *others), strict=True):
        swarm.add(replace(spec, host=host, conduct=conduct), joins_at=1.0)
    return swarm


def figures(outcome: SwarmOutcome) -> list[tuple[object, ...]]:
    return [(n.host, n.seconds, n.uploaded, n.downloaded, n.wasted) for n in outcome.nodes]


def test_a_swarm_completes_and_its_bytes_add_up() -> None:
    outcome = swarm_of(6).run(300)
    assert len(outcome.times()) == 6
    assert all(node.downloaded == outcome.size for node in outcome.leechers())
    sent = sum(node.uploaded for node in outcome.nodes)
    assert sent >= 6 * outcome.size
    assert outcome.mean_time() >= outcome.bound(UP, UP)
    assert outcome.samples[-1].rarest == 7
    assert outcome.samples[-1].complete == 7


def test_one_seed_gives_one_outcome_and_another_another() -> None:
    first, second = (figures(swarm_of(5).run(300)) for _ in range(2))
    assert first == second
    assert figures(swarm_of(5, seed=1).run(300)) != first


@pytest.mark.parametrize("conduct", [Conduct.POISONER, Conduct.SPOILER])
def test_who_sends_bad_blocks_costs_something_but_stops_nobody(conduct: Conduct) -> None:
    swarm = swarm_of(4, conduct)
    outcome = swarm.run(600)
    assert len(outcome.times()) == 4
    assert sum(node.wasted for node in outcome.leechers()) > 0
    bad = next(node for node in outcome.nodes if node.conduct is conduct)
    assert bad.banned_by > 0
    assert not any(node.banned_by for node in outcome.nodes if node is not bad)


def test_who_stalls_gives_each_peer_one_block() -> None:
    swarm = swarm_of(4, Conduct.STALLER)
    outcome = swarm.run(600)
    assert len(outcome.times()) == 4
    staller = swarm.nodes[-1]
    assert swarm.network.place(staller.spec.host).up.sent < 8 * 16 * 1024


def test_free_riders_give_nothing() -> None:
    outcome = swarm_of(4, Conduct.FREE_RIDER).run(600)
    (rider,) = outcome.leechers(Conduct.FREE_RIDER)
    assert rider.uploaded == 0
    assert rider.downloaded > 0


def test_slow_disks_are_waited_for() -> None:
    quick = swarm_of(3, spec=NodeSpec("", Link(up=20e6))).run(300)
    slow = swarm_of(3, spec=NodeSpec("", Link(up=20e6), disk=SLOW_DISK)).run(300)
    assert len(slow.times()) == 3
    assert slow.mean_time() > quick.mean_time()


def test_a_node_that_leaves_or_crashes_goes_on_where_it_was() -> None:
    swarm = swarm_of(3)
    swarm.run(8)
    leaver, crasher = swarm.nodes[1:3]
    had = len(leaver.have())
    assert 0 < had < 16
    leaver.leave()
    crasher.crash()
    swarm.network.run(30)
    assert not leaver.is_here
    leaver.join()
    crasher.join()
    swarm.network.run(0.1)
    assert len(leaver.have()) == had
    outcome = swarm.run(600)
    assert len(outcome.times()) == 3
    assert leaver.downloaded() < 1.3 * outcome.size


def test_nodes_that_come_and_go_complete() -> None:
    swarm = swarm_of(5)
    for node in swarm.nodes[1:4]:
        swarm.churn(node, stays=20.0, away=10.0)
    assert len(swarm.run(600).times()) == 5


def test_without_a_tracker_nobody_is_found() -> None:
    swarm = swarm_of(2)
    swarm.tracker.up = False
    outcome = swarm.run(50)
    assert outcome.times() == []
    swarm.tracker.up = True
    assert len(swarm.run(1000).times()) == 2


def test_two_behind_nats_meet_only_over_a_third() -> None:
    swarm = swarm_of(2, spec=NodeSpec("", replace(LINK, dialable=False)))
    outcome = swarm.run(300)
    assert len(outcome.times()) == 2
    seed, *leechers = outcome.nodes
    assert seed.uploaded >= 2 * outcome.size
    assert not any(node.uploaded for node in leechers)
