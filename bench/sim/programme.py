"""Which scenarios there are, at which sizes, and which of them run when nothing else is said.

The longest come first, so that none of them is what is waited for at the end of `--jobs 2`. Bounds
other than 1.15 for crowds of few pieces guard what was reached: see docs/simulator.rst.
"""

from __future__ import annotations

from typing import Callable, Mapping

from bench.sim.crowds import arrivals, leaving_crowd, light_crowd
from bench.sim.dht import DhtSize, growing, hostile
from bench.sim.scenarios import (
    KIB,
    Size,
    flash_crowd,
    free_riders,
    malicious,
    rough,
    seed_leaves,
    stalling,
    super_seeding,
)
from bench.sim.verdict import Verdict
from p2pd.testing.sim.conduct import Conduct

Run = Callable[[int], Verdict]
"""Runs a scenario with a seed for its chance."""

PROGRAMME: Mapping[str, Run] = {
    "dht-10000": lambda seed: growing([DhtSize(n, seed=seed) for n in (100, 1000, 10_000)]),
    "flash-200": lambda seed: flash_crowd(Size(200, pieces=400, seed=seed)),
    "light-5000": lambda seed: light_crowd(Size(5000, pieces=40, seed=seed), peers=20, most=2.3),
    "dht-1000": lambda seed: growing([DhtSize(n, seed=seed) for n in (100, 300, 1000)]),
    "dht-hostile": lambda seed: hostile(
        DhtSize(300, lookups=200, seconds=1200.0, seed=seed), rubbish=0.1, sybils=0.1
    ),
    "light-1000": lambda seed: light_crowd(Size(1000, seed=seed), most=1.5),
    "flash-50": lambda seed: flash_crowd(Size(50, pieces=400, seed=seed)),
    "leaving-50": lambda seed: leaving_crowd(Size(50, pieces=400, seed=seed)),
    "flash-100": lambda seed: flash_crowd(Size(100, seed=seed), most=1.35, most_cpu=60.0),
    "arrivals": lambda seed: arrivals(Size(60, seed=seed), spread=300.0),
    "free-riders": lambda seed: free_riders(Size(100, seed=seed)),
    "light-200": lambda seed: light_crowd(Size(200, pieces=400, seed=seed)),
    "seed-leaves": lambda seed: seed_leaves(Size(50, seed=seed, limit=600.0)),
    "large-pieces": lambda seed: flash_crowd(
        Size(10, pieces=400, piece=256 * KIB, up=256.0 * KIB, seed=seed)
    ),
    "super-seeding": lambda seed: super_seeding(Size(50, seed=seed)),
    "spoilers": lambda seed: malicious(Size(40, seed=seed)),
    # Who sends nothing but bad blocks is found out by one whole piece, so each of them costs each
    # honest node that: with 12 of them 12 % of 100 pieces, whatever the policy; and 3 % of these.
    "poisoners": lambda seed: malicious(Size(40, pieces=400, seed=seed), conduct=Conduct.POISONER),
    "stalling": lambda seed: stalling(Size(40, seed=seed)),
    "rough": lambda seed: rough(Size(40, seed=seed)),
    "flash-10": lambda seed: flash_crowd(Size(10, pieces=400, seed=seed)),
}

SLOW = frozenset({"dht-10000", "flash-200", "light-1000", "light-5000"})
"""Those that run only when they are named, or with `--all`: they take minutes."""
