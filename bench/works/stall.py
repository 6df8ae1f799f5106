"""The worst stall of p2pd's reactor while it leeches, seeds and checks, all at the same time."""

from __future__ import annotations

import contextlib
import time

from bench.case import STALL, Case, Figure
from bench.content import Torrent
from bench.engines.engine import Engine
from bench.engines.p2pd import P2pd
from bench.errors import BenchError
from bench.figures import Sample
from bench.following import wait_checked, wait_complete
from bench.meter import Meter
from bench.scratch import warm_pages
from bench.sizes import KIB, size_text
from bench.workbench import Workbench

PIECES = (256 * KIB, 512 * KIB, 1024 * KIB)
"""Of the torrents that are leeched, seeded and checked: of one file, but three torrents."""

ASK_SECONDS = 0.05
SECONDS = Figure("seconds", "s", 2, compared=False)


def cases(bench: Workbench) -> list[Case]:
    """One case, of p2pd alone."""
    size = bench.options.size

    def measure(engine: str) -> Sample:
        return measure_stall(bench, *(bench.sources.torrent(size, piece) for piece in PIECES))

    engines = tuple(name for name in bench.engines if name == P2pd.name)
    detail = f"leech, seed and check of {size_text(size)} each at the same time"
    return [Case("stall", detail, engines, (STALL, SECONDS), measure)]


def measure_stall(bench: Workbench, leeched: Torrent, seeded: Torrent, checked: Torrent) -> Sample:
    """One run; what was leeched, from p2pd too, is compared afterwards."""
    limit, source = bench.options.timeout, leeched.content.parent
    with bench.run_folder() as folder, contextlib.ExitStack() as stack:
        p2pd = bench.new(P2pd.name, folder / "measured")
        seed, leecher = bench.others(2, folder)
        targets = folder / "leeched", folder / "from-p2pd"
        for engine in (p2pd, seed, leecher):
            stack.callback(engine.stop)
            engine.start()
        for target in targets:
            target.mkdir()
        seed.add(leeched, source)
        p2pd.add(seeded, source)
        wait_complete(seed, leeched, limit)
        wait_complete(p2pd, seeded, limit)
        p2pd.add(leeched, targets[0])
        leecher.add(seeded, targets[1])
        wait_checked(p2pd, leeched, limit)
        wait_checked(leecher, seeded, limit)
        warm_pages(folder, 2 * leeched.size)
        meter, began = Meter(p2pd), time.monotonic()
        seed.connect(leeched, [p2pd])
        leecher.connect(seeded, [p2pd])
        p2pd.add(checked, source)
        _wait_all([(p2pd, leeched), (leecher, seeded), (p2pd, checked)], limit)
        sample = {"seconds": time.monotonic() - began, **meter.sample(3 * leeched.size)}
        stack.close()
        leeched.verify(targets[0])
        seeded.verify(targets[1])
    return sample


def _wait_all(wanted: list[tuple[Engine, Torrent]], limit: float) -> None:
    deadline = time.monotonic() + limit
    while not all(engine.status(torrent).done for engine, torrent in wanted):
        if time.monotonic() > deadline:
            raise BenchError(f"leech, seed and check were not done within {limit:.0f} s")
        time.sleep(ASK_SECONDS)
