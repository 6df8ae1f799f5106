"""The lighter model of a swarm: like whole sessions on the whole, and far quicker."""

from __future__ import annotations

from p2pd.testing.sim.conduct import Conduct
from p2pd.testing.sim.light import LightSpec, LightSwarm
from p2pd.testing.sim.network import Link
from p2pd.testing.sim.nodes import NodeSpec
from p2pd.testing.sim.outcome import SwarmOutcome
from p2pd.testing.sim.swarm import Swarm, hosts, make_shared

UP = 64 * 1024.0
PIECES, PIECE = 48, 32 * 1024


def light(count: int, seed: int = 0, riders: int = 0, *, hides: bool = True) -> SwarmOutcome:
    swarm = LightSwarm(PIECES, PIECE, seed)
    swarm.add(LightSpec(UP, seed=True, hides=hides))
    for index in range(count + riders):
        conduct = Conduct.HONEST if index < count else Conduct.FREE_RIDER
        swarm.add(LightSpec(UP, conduct=conduct), joins_at=1.0 + index / count)
    return swarm.run(1000)


def test_everyone_completes_and_nothing_comes_from_nowhere() -> None:
    outcome = light(30)
    assert len(outcome.times()) == 30
    assert all(node.downloaded == outcome.size for node in outcome.leechers())
    sent = sum(node.uploaded for node in outcome.nodes)
    received = sum(node.downloaded + node.wasted for node in outcome.nodes)
    assert received <= sent <= received + 60 * 16 * 1024
    assert outcome.mean_time() >= outcome.bound(UP, UP)


def test_it_is_near_to_what_whole_sessions_do() -> None:
    swarm = Swarm(make_shared(PIECES, PIECE))
    link = Link(up=UP, delay=0.025)
    first, *others = hosts(9)
    swarm.add(NodeSpec(first, link, seed=True))
    swarm.add_all([NodeSpec(host, link) for host in others], first_at=1.0, spread=1.0)
    whole = swarm.run(1000).mean_time()
    assert 0.6 * whole < light(8).mean_time() < 1.1 * whole


def test_one_seed_gives_one_outcome_and_another_another() -> None:
    times = light(10).times()
    assert light(10).times() == times
    assert light(10, seed=1).times() != times


def test_free_riders_give_nothing() -> None:
    outcome = light(10, riders=3)
    assert all(not node.uploaded for node in outcome.leechers(Conduct.FREE_RIDER))


def test_a_seed_that_hides_what_it_has_sends_less() -> None:
    hiding, open_ = light(20), light(20, hides=False)
    assert hiding.nodes[0].uploaded < open_.nodes[0].uploaded
    assert hiding.mean_time() < open_.mean_time()
