"""The flash crowd of the lighter model, for sizes that whole sessions cannot be simulated at."""

from __future__ import annotations

from bench.sim.scenarios import KIB, Size, time_figures
from bench.sim.verdict import Verdict
from p2pd.testing.sim.light import LightSpec, LightSwarm


def light_crowd(size: Size, peers: int = 30) -> Verdict:
    """One seed and leechers that all come within a second, each with so many peers."""
    swarm = LightSwarm(size.pieces, size.piece, size.seed, peers=peers)
    swarm.add(LightSpec(size.seed_up * size.up, seed=True))
    for index in range(size.nodes):
        swarm.add(LightSpec(size.up), joins_at=1.0 + index / size.nodes)
    outcome = swarm.run(size.limit)
    return Verdict(
        f"light flash crowd of {size.nodes}",
        f"the lighter model, {peers} peers each, {size.pieces} pieces of {size.piece // KIB} KiB",
        time_figures(outcome, size, most=1.15),
        {f"{size.nodes} leechers": outcome},
    )
