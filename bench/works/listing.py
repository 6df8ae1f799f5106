"""How soon a client that polls has its answer, of thousands of torrents."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable

from bench.accounting import cpu_seconds
from bench.case import STALL, Case, Figure
from bench.engines.engine import Engine
from bench.engines.p2pd import P2pd
from bench.engines.transmission import Transmission
from bench.errors import BenchError
from bench.figures import Sample
from bench.library import Library
from bench.line_child import LineChild
from bench.workbench import Workbench
from bench.works import scale
from bench.works.follow import FIELDS

WORK = "listing"

TIMES = 9
SETTLE_SECONDS = 75.0
"""What was active at the start is recently active for a minute."""

FIRST = Figure("first", "first ms", 0)
ALL = Figure("all", "all ms", 0)
ALL_CPU = Figure("all_cpu", "all CPU ms", 0)
RECENT = Figure("recent", "recent ms", 1)

FIGURES = (FIRST, ALL, ALL_CPU, RECENT, STALL)

Lister = P2pd | Transmission


def cases(bench: Workbench) -> list[Case]:
    """One case, of the engines that have such a call."""
    found: list[tuple[Library, LineChild]] = []

    def measure(engine: str) -> Sample:
        if not found:
            found.append(scale.made(bench, "listed"))
        return measure_listing(bench, engine, found[0][0])

    engines = tuple(name for name in bench.engines if name in (P2pd.name, Transmission.name))
    return [Case(WORK, f"{bench.options.library} torrents", engines, FIGURES, measure)]


def measure_listing(bench: Workbench, name: str, library: Library) -> Sample:
    """One run: 20 fields of all, again and again, then of those active in the last minute."""
    with bench.run_folder() as folder:
        engine = bench.new(name, folder / "engine")
        assert isinstance(engine, Lister)
        try:
            rest = max(SETTLE_SECONDS, bench.options.rest_seconds)
            scale.bring_up(bench, engine, library, rest)
            return _asked(engine, len(library.torrents))
        finally:
            engine.stop()


def _asked(engine: Lister, count: int) -> Sample:
    _look_stall(engine)
    began = time.monotonic()
    rows = engine.rows(FIELDS)
    first = 1000 * (time.monotonic() - began)
    if len(rows) != count or len(rows[0]) != len(FIELDS):
        raise BenchError(f"{engine.name} told of {len(rows)} torrents of {count}")
    spent = cpu_seconds(engine.pid)
    sample = {"first": first, "all": _median(lambda: engine.rows(FIELDS))}
    sample["all_cpu"] = 1000 * (cpu_seconds(engine.pid) - spent) / TIMES
    stall = _look_stall(engine)
    sample["recent"] = _median(lambda: engine.rows(FIELDS, recent=True))
    return sample if stall is None else sample | {"stall": stall}


def _median(ask: Callable[[], object]) -> float:
    """Milliseconds, for the client that waits."""
    times = []
    for _ in range(TIMES):
        began = time.monotonic()
        ask()
        times.append(1000 * (time.monotonic() - began))
    return statistics.median(times)


def _look_stall(engine: Engine) -> float | None:
    """Milliseconds that p2pd's reactor was kept at worst, since it was last asked."""
    return float(engine.figures()["worst_stall"]) if isinstance(engine, P2pd) else None
