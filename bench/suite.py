"""Runs cases, the engines of each taking turns: A B C A B C."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Callable

from bench.case import Case, Outcome
from bench.engines.choice import REFERENCE
from bench.errors import BenchError, CannotMeasureError
from bench.report import outcome_lines
from bench.sizes import MIB
from bench.workbench import Workbench
from bench.works import (
    flood,
    follow,
    half_open,
    idle,
    krpc,
    latency,
    limited_swarm,
    listing,
    magnet,
    recheck,
    scale,
    stall,
    transfer,
)

FAILURES = (BenchError, OSError, ValueError, LookupError)
"""What a run may end with: it then has no figure, and the suite goes on."""


def all_cases(bench: Workbench) -> list[Case]:
    """The cases of the works that were asked for."""
    others: dict[str, Callable[[Workbench], list[Case]]] = {
        "recheck": recheck.cases,
        "memory": transfer.memory_cases,
        "idle": idle.cases,
        scale.WORK: scale.cases,
        "latency": latency.cases,
        "stall": stall.cases,
        limited_swarm.WORK: limited_swarm.cases,
        flood.WORK: flood.cases,
        half_open.WORK: half_open.cases,
        follow.WORK: follow.cases,
        listing.WORK: listing.cases,
        krpc.WORK: krpc.cases,
        magnet.WORK: magnet.cases,
    }
    found: list[Case] = []
    for work in bench.options.works:
        found += transfer.cases(bench, work) if work in transfer.ROLES else others[work](bench)
    return found


def room_needed(bench_size: int, works: tuple[str, ...]) -> int:
    """Bytes of files that there are at one time at most: sources, and the copies of one run."""
    large = 2 if {"memory", "recheck"} & set(works) else 0
    flooded = bool({flood.WORK, half_open.WORK} & set(works))
    large += flood.TIMES_SIZE if flooded else 0
    sources = 1 + large + (0.25 if "many-leechers" in works else 0)
    copies = 2 if {"memory", "many-leechers", "stall"} & set(works) else 1
    copies = flood.TIMES_SIZE if flooded else copies
    swarm = limited_swarm.ROOM if limited_swarm.WORK in works else 0
    library = scale.ROOM * len({scale.WORK, follow.WORK, listing.WORK} & set(works))
    return int((sources + sources / 4 + copies) * bench_size) + swarm + library + 256 * MIB


def run_case(case: Case, runs: int) -> Outcome:
    """Every engine `runs` times. What fails is told in words and has no figure."""
    outcome = Outcome(case)
    if case.warm_up and runs > 1:
        _warm_up(case)
    engines = list(case.engines)
    for run in range(runs):
        for engine in tuple(engines):
            try:
                sample = case.measure(engine)
            except CannotMeasureError as problem:
                engines.remove(engine)
                outcome.unable.append(f"{engine}: {problem}")
            except FAILURES as problem:
                outcome.problems.append(f"{engine}, run {run + 1}: {problem}")
                print(f"  {engine} failed: {problem}", file=sys.stderr, flush=True)
            else:
                outcome.samples.setdefault(engine, []).append(sample)
                told = " ".join(f"{name}={value:.3g}" for name, value in sample.items())
                print(f"  {case.title}, run {run + 1}, {engine}: {told}", file=sys.stderr)
    return outcome


def _warm_up(case: Case) -> None:
    engine = REFERENCE if REFERENCE in case.engines else case.engines[0]
    # What is wrong with it is told when it is measured.
    with contextlib.suppress(*FAILURES):
        case.measure(engine)


def run_all(cases: list[Case], runs: int) -> list[Outcome]:
    """All cases, each printed when it is done."""
    outcomes = []
    for case in cases:
        outcomes.append(run_case(case, runs))
        print("\n".join(outcome_lines(outcomes[-1])) + "\n", flush=True)
    return outcomes
