"""Many torrents that seed and that nobody wants: what they cost, and how soon they are back."""

from __future__ import annotations

import time
from pathlib import Path

from bench.accounting import cpu_seconds, resident
from bench.case import IDLE_CPU, PER_TORRENT, READY, Case
from bench.content import Torrent
from bench.engines.aria2 import Aria2
from bench.errors import CannotMeasureError
from bench.figures import Sample
from bench.processes import wait_until
from bench.workbench import Workbench

SETTLE_SECONDS = 3.0
"""After the start, before idleness is measured."""


def cases(bench: Workbench) -> list[Case]:
    """One case; the torrents are made when the first engine needs them."""
    made: list[tuple[Path, list[Torrent]]] = []

    def measure(engine: str) -> Sample:
        if engine == Aria2.name:
            raise CannotMeasureError("it keeps no torrents from one start to the next")
        if not made:
            made.append(bench.sources.many_small(bench.options.torrents))
        return measure_idle(bench, engine, *made[0])

    detail = f"{bench.options.torrents} torrents"
    return [Case("idle", detail, bench.engines, (IDLE_CPU, PER_TORRENT, READY), measure)]


def measure_idle(bench: Workbench, name: str, data: Path, torrents: list[Torrent]) -> Sample:
    """Start with nothing, then with all torrents complete since before."""
    with bench.run_folder() as folder:
        empty = bench.new(name, folder / "empty", watched=False)
        try:
            empty.start()
            time.sleep(SETTLE_SECONDS)
            nothing = resident(empty.pid)
        finally:
            empty.stop()
        engine = bench.new(name, folder / "filled", watched=False)
        try:
            engine.fill(torrents, data)
            engine.start()
            answer = f"answer of {name} that tells of all torrents"
            limit = bench.options.timeout
            wait_until(lambda: engine.seeding() == len(torrents), limit, answer, engine.child)
            ready = time.monotonic() - engine.child.started_at
            time.sleep(SETTLE_SECONDS)
            spent, began = cpu_seconds(engine.pid), time.monotonic()
            time.sleep(bench.options.idle_seconds)
            spent, lasted = cpu_seconds(engine.pid) - spent, time.monotonic() - began
            return {
                "idle_cpu": 100 * spent / lasted,
                "per_torrent": (resident(engine.pid) - nothing) / len(torrents) / 1024,
                "ready": ready,
            }
        finally:
            engine.stop()
