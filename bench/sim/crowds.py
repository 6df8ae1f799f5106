"""More crowds: for the lighter model, and of leechers that leave when they are done, or stay."""

from __future__ import annotations

from bench.sim.scenarios import KIB, Size, bound, leave_when_done, make_swarm, time_figures
from bench.sim.verdict import Figure, Verdict
from p2pd.testing.sim.light import LightSpec, LightSwarm
from p2pd.testing.sim.outcome import SwarmOutcome


def light_crowd(size: Size, peers: int = 30, most: float = 1.15) -> Verdict:
    """One seed and leechers that all come within a second, each with so many peers."""
    swarm = LightSwarm(size.pieces, size.piece, size.seed, peers=peers)
    swarm.add(LightSpec(size.seed_up * size.up, seed=True))
    for index in range(size.nodes):
        swarm.add(LightSpec(size.up), joins_at=1.0 + index / size.nodes)
    outcome = swarm.run(size.limit)
    return Verdict(
        f"light flash crowd of {size.nodes}",
        f"the lighter model, {peers} peers each, {size.pieces} pieces of {size.piece // KIB} KiB",
        time_figures(outcome, size, most),
        {f"{size.nodes} leechers": outcome},
        bound=bound(outcome, size),
    )


def leaving_crowd(size: Size) -> Verdict:
    """A flash crowd of which everybody leaves when done: the last ones are helped by nobody."""
    swarm, _ = make_swarm(size)
    leave_when_done(swarm)
    outcome = swarm.run(size.limit)
    return Verdict(
        f"flash crowd of {size.nodes} that leaves",
        f"{size.pieces} pieces of {size.piece // KIB} KiB, leechers leave when they are done",
        [
            *time_figures(outcome, size, most=1.15, vain=0.01),
            Figure("share that completes", len(outcome.times()) / size.nodes, least=1.0),
        ],
        {f"{size.nodes} leechers": outcome},
        bound=bound(outcome, size),
    )


def arrivals(size: Size, spread: float) -> Verdict:
    """Leechers come one after the other; they leave when they are done, or all stay as seeds."""
    leaving, staying = _arrive(size, spread, leave=True), _arrive(size, spread, leave=False)
    fluid = _steady_bound(leaving, size)
    return Verdict(
        f"{size.nodes} come within {spread:g} s",
        f"{size.pieces} pieces of {size.piece // KIB} KiB; they leave when they are done, or stay",
        [
            Figure("mean, when they leave, to the bound", leaving.mean_time() / fluid, most=1.15),
            Figure("mean, when they stay, to the same", staying.mean_time() / fluid, most=0.65),
            Figure("copies sent by the seed, when they leave", _seeded(leaving)),
            Figure("copies sent by the seed, when they stay", _seeded(staying)),
        ],
        {"they leave": leaving, "they stay": staying},
        bound=fluid,
    )


def _arrive(size: Size, spread: float, *, leave: bool) -> SwarmOutcome:
    swarm, _ = make_swarm(size, spread=spread)
    if leave:
        leave_when_done(swarm)
    return swarm.run(size.limit)


def _steady_bound(outcome: SwarmOutcome, size: Size) -> float:
    """Seconds that leechers who leave need at least, on the average.

    n of them have to be sent n F bytes. They can send those themselves while they are there, which
    is n T seconds together, and so can the seed as long as anybody is: n F <= n T U + S D.
    """
    here = outcome.seconds - min(node.joined_at for node in outcome.leechers())
    seeded = size.seed_up * size.up * here / size.nodes
    return (outcome.size - seeded) / size.up


def _seeded(outcome: SwarmOutcome) -> float:
    return sum(node.uploaded for node in outcome.nodes if node.seed) / outcome.size
