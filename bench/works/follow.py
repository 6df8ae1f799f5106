"""What a client costs that follows thousands of torrents in which nothing happens, or that asks."""

from __future__ import annotations

import time
from collections.abc import Callable

from bench.accounting import cpu_seconds, resident
from bench.case import STALL, Case, Figure
from bench.engines.p2pd import P2pd
from bench.errors import BenchError
from bench.figures import Sample
from bench.library import Library
from bench.line_child import LineChild
from bench.sizes import MIB
from bench.workbench import Workbench
from bench.works import scale
from p2pd.clients.event_stream import EventStream

WORK = "follow"

FIELDS = [
    "id", "name", "hash_string", "status", "error", "error_string", "percent_done",
    "left_until_done", "size_when_done", "total_size", "rate_download", "rate_upload", "eta",
    "upload_ratio", "uploaded_ever", "downloaded_ever", "labels", "added_date", "download_dir",
    "peers_connected",
]  # fmt: skip

CHANGES = 10
ASK_SECONDS = 1.0

NOBODY = Figure("nobody", "nobody CPU %", 2, compared=False)
FOLLOWED = Figure("followed", "followed CPU %", 2, compared=False)
ASKED = Figure("asked", "asked CPU %", 2, compared=False)
FIRST = Figure("first", "first ms", 0, compared=False)
KEPT = Figure("kept", "kept MiB", 1, compared=False)
CHANGE = Figure("change", "change ms", 1, compared=False)

FIGURES = (NOBODY, FOLLOWED, ASKED, FIRST, KEPT, CHANGE, STALL)


def cases(bench: Workbench) -> list[Case]:
    """One case, of p2pd alone."""
    found: list[tuple[Library, LineChild]] = []

    def measure(engine: str) -> Sample:
        if not found:
            found.append(scale.made(bench, "followed"))
        return measure_follow(bench, engine, found[0][0])

    engines = tuple(name for name in bench.engines if name == P2pd.name)
    return [Case(WORK, f"{bench.options.library} torrents", engines, FIGURES, measure)]


def measure_follow(bench: Workbench, name: str, library: Library) -> Sample:
    """One run: nobody there, then one who follows, then one who asks each second."""
    with bench.run_folder() as folder:
        engine = bench.new(name, folder / "engine")
        assert isinstance(engine, P2pd)
        try:
            seconds = bench.options.idle_seconds
            scale.bring_up(bench, engine, library, bench.options.rest_seconds)
            sample = {"nobody": _load(engine, seconds, time.sleep)}
            before = resident(engine.pid)
            engine.figures()
            stream, sample["first"] = _follow(engine, len(library.torrents))
            sample["stall"] = float(engine.figures()["worst_stall"])
            sample["kept"] = (resident(engine.pid) - before) / MIB
            sample["followed"] = _load(engine, seconds, time.sleep)
            sample["change"] = _change(engine, stream)
            stream.close()
            sample["asked"] = _load(engine, seconds, lambda left: _ask(engine, left))
            return sample
        finally:
            engine.stop()


def _load(engine: P2pd, seconds: float, meanwhile: Callable[[float], object]) -> float:
    """Percent of a core that the process takes meanwhile."""
    spent, began = cpu_seconds(engine.pid), time.monotonic()
    meanwhile(seconds)
    return 100 * (cpu_seconds(engine.pid) - spent) / (time.monotonic() - began)


def _follow(engine: P2pd, count: int) -> tuple[EventStream, float]:
    """A client that knows everything, and the milliseconds until it did."""
    stream = engine.follow()
    began, known = time.monotonic(), 0
    stream.call("events_subscribe", fields=FIELDS, kinds=["all"])
    for _, params in stream.told():
        known += len(params.get("torrents", ()))
        if "cursor" in params:
            break
    if known != count:
        raise BenchError(f"p2pd told of {known} torrents of {count}")
    return stream, 1000 * (time.monotonic() - began)


def _change(engine: P2pd, stream: EventStream) -> float:
    """Milliseconds from a change to its message, of the interval's at most, on average."""
    spent = 0.0
    told = stream.told()
    for number in range(CHANGES):
        time.sleep(0.1)  # the one before is not waited for any more
        began, label = time.monotonic(), f"label-{number}"
        engine.set_labels(1, [label])
        while not any(row.get("labels") == [label] for row in next(told)[1].get("torrents", ())):
            pass
        spent += time.monotonic() - began
    return 1000 * spent / CHANGES


def _ask(engine: P2pd, seconds: float) -> None:
    """As a client does that cannot follow: for all of them, each second."""
    end = time.monotonic() + seconds
    while (left := end - time.monotonic()) > 0:
        engine.rows(FIELDS)
        time.sleep(min(ASK_SECONDS, left))
