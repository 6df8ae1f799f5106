"""Which scenarios there are, and at which sizes."""

from __future__ import annotations

from typing import Callable, Mapping

from bench.sim.crowds import light_crowd
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
    "flash-10": lambda seed: flash_crowd(Size(10, pieces=400, seed=seed)),
    "flash-50": lambda seed: flash_crowd(Size(50, pieces=400, seed=seed)),
    "flash-100": lambda seed: flash_crowd(Size(100, seed=seed), most_real=60.0),
    "flash-200": lambda seed: flash_crowd(Size(200, pieces=200, seed=seed)),
    "large-pieces": lambda seed: flash_crowd(
        Size(10, pieces=400, piece=256 * KIB, up=256.0 * KIB, seed=seed)
    ),
    "free-riders": lambda seed: free_riders(Size(100, seed=seed)),
    "seed-leaves": lambda seed: seed_leaves(Size(50, seed=seed, limit=600.0)),
    "super-seeding": lambda seed: super_seeding(Size(50, seed=seed)),
    "spoilers": lambda seed: malicious(Size(40, seed=seed)),
    "poisoners": lambda seed: malicious(Size(40, seed=seed), conduct=Conduct.POISONER),
    "stalling": lambda seed: stalling(Size(40, seed=seed)),
    "rough": lambda seed: rough(Size(40, seed=seed)),
    "light-200": lambda seed: light_crowd(Size(200, pieces=400, seed=seed)),
    "light-1000": lambda seed: light_crowd(Size(1000, seed=seed)),
    "light-5000": lambda seed: light_crowd(Size(5000, pieces=40, seed=seed), peers=20),
}
