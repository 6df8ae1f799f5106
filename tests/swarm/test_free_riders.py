"""Who gives nothing gets less than half of what others get, as long as they want the same."""

from __future__ import annotations

import pytest

from p2pd.testing.sim.conduct import Conduct
from p2pd.testing.sim.light import LightSpec, LightSwarm

UP = 64 * 1024.0


def received(seed: int) -> tuple[float, float]:
    """The mean bytes of contributors and of free riders when the first contributor is done.

    One seed of twice the uplink of a leecher: the uplinks of the leechers are what everyone waits
    for; downlinks have no bound. A fifth gives nothing.
    """
    swarm = LightSwarm(150, 64 * 1024, seed)
    swarm.add(LightSpec(2 * UP, seed=True))
    for index in range(20):
        conduct = Conduct.FREE_RIDER if index % 5 == 0 else Conduct.HONEST
        swarm.add(LightSpec(UP, conduct=conduct), joins_at=1.0 + index / 20)
    outcome = swarm.run(1000, lambda: any(node.completed_at for node in swarm.nodes))
    contributors, riders = (
        [node.downloaded for node in outcome.leechers(conduct)]
        for conduct in (Conduct.HONEST, Conduct.FREE_RIDER)
    )
    return sum(contributors) / len(contributors), sum(riders) / len(riders)


@pytest.mark.parametrize("seed", range(3))
def test_free_riders_get_less_than_half_while_there_is_contention(seed: int) -> None:
    contributors, riders = received(seed)
    assert contributors > 2 * riders > 0
