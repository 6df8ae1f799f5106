"""Checking data that is on disk already, its pages in the cache, and what the machine can hash.

The time counts from the call that adds the torrent to the last piece checked.
"""

from __future__ import annotations

import hashlib
import os
import time
from concurrent.futures import ThreadPoolExecutor

from bench.case import CEILING, CPU, PEAK, RATE, STALL, Case
from bench.content import Torrent
from bench.figures import Sample
from bench.following import checked, follow
from bench.meter import Elsewhere, Meter
from bench.scratch import read_once
from bench.sizes import size_text
from bench.workbench import Workbench

SETTLE_SECONDS = 0.5
"""After the start of an engine, so that what it does then is not counted."""


def cases(bench: Workbench) -> list[Case]:
    """Twice the size, for every size of pieces; the ceiling takes its turn like an engine."""
    return [_case(bench, bench.options.size * 2, piece) for piece in bench.options.pieces]


def _case(bench: Workbench, size: int, piece: int) -> Case:
    def measure(engine: str) -> Sample:
        if engine == CEILING:
            return {"rate": hashing_ceiling(size, piece) / 1e6}
        return measure_recheck(bench, engine, bench.sources.torrent(size, piece))

    engines = bench.engines if bench.options.profile else (*bench.engines, CEILING)
    detail = f"{size_text(size)}, pieces of {size_text(piece)}"
    return Case("recheck", detail, engines, (RATE, CPU, PEAK, STALL), measure, warm_up=True)


def measure_recheck(bench: Workbench, name: str, torrent: Torrent) -> Sample:
    """One engine that finds the complete file."""
    read_once(torrent.content)
    with bench.run_folder() as folder:
        engine = bench.new(name, folder / "measured")
        try:
            engine.start()
            time.sleep(SETTLE_SECONDS)
            meter, elsewhere = Meter(engine), Elsewhere([engine])
            with bench.observed(engine):
                began = time.monotonic()
                engine.add(torrent, torrent.content.parent)
                clock = follow([engine], torrent, checked, bench.options.timeout)
            seconds = clock.ended - began
            return {
                "rate": torrent.size / seconds / 1e6,
                "seconds": seconds,
                "elsewhere": elsewhere.share(),
                **meter.sample(torrent.size),
            }
        finally:
            engine.stop()


def hashing_ceiling(size: int, piece: int) -> float:
    """Bytes a second of SHA-1 over pieces in memory, in as many threads as there are cores."""
    cores = os.cpu_count() or 1
    pieces = size // piece // cores
    data = [os.urandom(piece) for _ in range(cores)]

    def hash_pieces(one: bytes) -> None:
        for _ in range(pieces):
            hashlib.sha1(one).digest()

    with ThreadPoolExecutor(cores) as threads:
        began = time.monotonic()
        list(threads.map(hash_pieces, data))
        return pieces * piece * cores / (time.monotonic() - began)
