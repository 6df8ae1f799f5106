"""A library of thousands of torrents: how soon it is back, what it takes, what trackers see."""

from __future__ import annotations

import sys
import time
from pathlib import Path
from typing import Any

from bench.accounting import cpu_seconds, proportional, resident, unshared
from bench.case import IDLE_CPU, READY, Case, Figure
from bench.engines.aria2 import Aria2
from bench.engines.engine import Engine
from bench.engines.p2pd import P2pd
from bench.errors import CannotMeasureError
from bench.figures import Sample
from bench.library import Library
from bench.line_child import LineChild
from bench.processes import HOST, wait_until
from bench.sizes import MIB
from bench.workbench import Workbench
from p2pd.clients.free_port import free_port

WORK = "scale"
TRACKER = Path(__file__).parents[1] / "inside" / "tracker.py"
INTERVAL = 1800

ROOM = 1024 * MIB
"""The torrents, and what an engine keeps of them, twice."""

START_CPU = Figure("start_cpu", "start CPU s", 2)
RSS = Figure("rss", "RSS MiB", 0)
RSS_LATER = Figure("rss_later", "RSS later", 0)
PSS_LATER = Figure("pss_later", "PSS later", 0)
STOP = Figure("stop", "stop s", 2)
STALL = Figure("stall", "stall ms", 0, compared=False)
LATER_STALL = Figure("stall_later", "stall later", 0, compared=False)
BUSIEST = Figure("busiest", "most requests/s", 0, compared=False)
ANNOUNCED = Figure("announced", "announced", 0, compared=False)

FIGURES = (
    READY, START_CPU, RSS, RSS_LATER, PSS_LATER, IDLE_CPU, STOP, STALL, LATER_STALL, BUSIEST,
    ANNOUNCED,
)  # fmt: skip


def cases(bench: Workbench) -> list[Case]:
    """One case; the library and its trackers are made when the first engine needs them."""
    found: list[tuple[Library, LineChild]] = []

    def measure(engine: str) -> Sample:
        if engine == Aria2.name:
            raise CannotMeasureError("it keeps no torrents from one start to the next")
        if not found:
            found.append(made(bench, "library"))
        return _measure(bench, engine, *found[0])

    detail = f"{bench.options.library} torrents"
    return [Case(WORK, detail, bench.engines, FIGURES, measure)]


def made(bench: Workbench, folder: str) -> tuple[Library, LineChild]:
    """The library, and its trackers, in a folder of this name."""
    ports = [free_port(), free_port()]
    command = [sys.executable, "-P", str(TRACKER), HOST, str(INTERVAL), *map(str, ports)]
    tracker = LineChild("tracker", command, bench.folder, pipes=True)
    tracker.listen(10.0)
    trackers = [f"http://{HOST}:{port}/announce" for port in ports]
    return Library(bench.folder / folder, bench.options.library, trackers), tracker


def bring_up(bench: Workbench, engine: Engine, library: Library, rest: float) -> None:
    """Have it seed all of the library, and then rest for so many seconds."""
    engine.furnish(library)
    engine.start()
    count, answer = len(library.torrents), f"answer of {engine.name} that tells of all torrents"
    wait_until(lambda: engine.seeding() == count, bench.options.timeout, answer, engine.child)
    time.sleep(rest)


def _measure(bench: Workbench, name: str, library: Library, tracker: LineChild) -> Sample:
    with bench.run_folder() as folder:
        engine = bench.new(name, folder / "engine")
        try:
            engine.furnish(library)
            tracker.call("counts")
            return _run(bench, engine, library, tracker)
        finally:
            engine.stop()


def _run(bench: Workbench, engine: Engine, library: Library, tracker: LineChild) -> Sample:
    count, options = len(library.torrents), bench.options
    began = time.monotonic()
    engine.start()
    answer = f"answer of {engine.name} that tells of all torrents"
    wait_until(lambda: engine.seeding() == count, options.timeout, answer, engine.child)
    sample = {
        "ready": time.monotonic() - began,
        "start_cpu": cpu_seconds(engine.pid),
        "rss": resident(engine.pid) / MIB,
    }
    _stall(engine)
    time.sleep(options.rest_seconds)
    sample |= _named("stall", _stall(engine))
    spent, began = cpu_seconds(engine.pid), time.monotonic()
    time.sleep(options.idle_seconds)
    spent, lasted = cpu_seconds(engine.pid) - spent, time.monotonic() - began
    counts: dict[str, Any] = tracker.call("counts")
    sample |= {
        "idle_cpu": 100 * spent / lasted,
        "rss_later": resident(engine.pid) / MIB,
        "pss_later": proportional(engine.pid) / MIB,
        "uss_later": unshared(engine.pid) / MIB,
        "busiest": counts["busiest"],
        "announced": counts["announces"],
        "connections": counts["connections"],
    }
    sample |= _named("stall_later", _stall(engine))
    began = time.monotonic()
    engine.stop()
    return sample | {"stop": time.monotonic() - began}


def _stall(engine: Engine) -> float | None:
    """Milliseconds that p2pd's reactor was kept at worst, since it was last asked."""
    if isinstance(engine, P2pd) and engine.watched:
        return float(engine.figures()["worst_stall"])
    return None


def _named(name: str, value: float | None) -> Sample:
    return {} if value is None else {name: value}
