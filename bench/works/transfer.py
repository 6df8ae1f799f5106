"""Transfers on loopback: one engine is measured, libtorrent is on the other side.

libtorrent dials, so nobody needs a tracker. The time counts from the first progress that is seen
to the last piece verified, as the leecher itself tells; CPU from the dialling on.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from bench.accounting import cpu_seconds, peak_resident, reset_peak
from bench.case import CPU, PEAK, RATE, STALL, Case
from bench.content import Torrent
from bench.engines.choice import REFERENCE
from bench.engines.engine import Engine
from bench.engines.p2pd import P2pd
from bench.errors import BenchError
from bench.figures import Sample
from bench.polling import TransferClock
from bench.processes import wait_until
from bench.scratch import warm_pages
from bench.sizes import GIB, MIB, size_text
from bench.workbench import Workbench

REDIAL_SECONDS = 2.0
MARGIN = 256 * MIB


@dataclass(frozen=True, slots=True)
class Roles:
    """Who is measured, as a seed or as a leecher, and how many are on the other side."""

    measured_leeches: bool
    others: int = 1


ROLES = {
    "leech": Roles(True),
    "seed": Roles(False),
    "many-seeds": Roles(True, 8),
    "many-leechers": Roles(False, 8),
}


def cases(bench: Workbench, work: str) -> list[Case]:
    """The cases of one work, for every size of pieces; with many leechers each gets a quarter."""
    size = bench.options.size // (4 if work == "many-leechers" else 1)
    return [_case(bench, work, size, piece) for piece in bench.options.pieces]


def memory_cases(bench: Workbench) -> list[Case]:
    """The leech again, with the size given and with twice that, to compare peaks of memory."""
    piece = bench.options.pieces[0]
    return [
        _case(bench, "memory", bench.options.size * factor, piece, ROLES["leech"])
        for factor in (1, 2)
    ]


def _case(
    bench: Workbench, work: str, size: int, piece: int, roles: Roles | None = None
) -> Case:
    chosen = roles or ROLES[work]

    def measure(engine: str) -> Sample:
        torrent = bench.torrent_for(engine, size, piece)
        return measure_transfer(bench, engine, torrent, chosen)

    figures = (PEAK, STALL) if work == "memory" else (RATE, CPU, PEAK, STALL)
    detail = f"{size_text(size)}, pieces of {size_text(piece)}"
    return Case(work, detail, bench.engines, figures, measure)


def measure_transfer(bench: Workbench, name: str, torrent: Torrent, roles: Roles) -> Sample:
    """One transfer, its bytes compared afterwards."""
    with bench.run_folder() as folder, contextlib.ExitStack() as stack:
        measured = bench.new(name, folder / "measured")
        others = [bench.new(REFERENCE, folder / f"other-{n}") for n in range(roles.others)]
        for engine in (measured, *others):
            stack.callback(engine.stop)
        leechers = [measured] if roles.measured_leeches else others
        swarm = Swarm(bench, torrent, measured, others, leechers, folder)
        with swarm.ready():
            sample = swarm.transfer()
        swarm.verify()
    return sample


def wait_complete(seed: Engine, torrent: Torrent, seconds: float) -> None:
    """Until it has checked every piece and seeds. Raises BenchError."""
    complete = f"complete {seed.name}"
    wait_until(lambda: seed.status(torrent).done, seconds, complete, seed.child)


def wait_checked(leecher: Engine, torrent: Torrent, seconds: float) -> None:
    """Until it found that there is nothing yet. Raises BenchError."""
    start = f"start of the torrent in {leecher.name}"
    wait_until(lambda: not leecher.status(torrent).checking, seconds, start, leecher.child)


class Swarm:
    """The engines of one transfer."""

    def __init__(
        self,
        bench: Workbench,
        torrent: Torrent,
        measured: Engine,
        others: Sequence[Engine],
        leechers: Sequence[Engine],
        folder: Path,
    ) -> None:
        self._bench = bench
        self._torrent = torrent
        self._measured = measured
        self._others = others
        self._leechers = leechers
        self._folder = folder
        self._redial = 0.0

    @property
    def _seeds(self) -> list[Engine]:
        return [e for e in (self._measured, *self._others) if e not in self._leechers]

    def _target(self, leecher: Engine) -> Path:
        return leecher.folder / "data"

    @contextlib.contextmanager
    def ready(self) -> Iterator[None]:
        """Seeds that have checked everything, leechers that wait, warm memory; ends them all."""
        torrent, limit = self._torrent, self._bench.options.timeout
        for seed in self._seeds:
            seed.start()
            seed.add(torrent, torrent.content.parent)
        for seed in self._seeds:
            wait_complete(seed, torrent, limit)
        warm_pages(self._folder, torrent.size * len(self._leechers) + MARGIN)
        for leecher in self._leechers:
            leecher.start()
            self._target(leecher).mkdir()
            leecher.add(torrent, self._target(leecher))
        for leecher in self._leechers:
            wait_checked(leecher, torrent, limit)
        yield
        for engine in (*self._leechers, *self._seeds):
            engine.stop()

    def transfer(self) -> Sample:
        """Dial, wait for the end, and count."""
        measured, torrent = self._measured, self._torrent
        reset_peak(measured.pid)
        if isinstance(measured, P2pd) and measured.watched:
            measured.figures()
        before = [cpu_seconds(engine.pid) for engine in (measured, *self._others)]
        with self._bench.observed(measured):
            began = time.monotonic()
            clock = self._until_done(began)
        after = [cpu_seconds(engine.pid) for engine in (measured, *self._others)]
        spent = [late - early for early, late in zip(before, after, strict=True)]
        moved = torrent.size * len(self._leechers)
        sample = {
            "rate": clock.rate(moved) / 1e6,
            "seconds": clock.ended - began,
            "cpu": spent[0] / (moved / GIB),
            "others_cpu": sum(spent[1:]) / (moved / GIB),
            "peak": peak_resident(measured.pid) / MIB,
        }
        if isinstance(measured, P2pd) and measured.watched:
            sample["stall"] = measured.figures()["worst_stall"]
        return sample

    def _until_done(self, began: float) -> TransferClock:
        clock, limit = TransferClock(began), self._bench.options.timeout
        while True:
            told = [leecher.status(self._torrent) for leecher in self._leechers]
            progress = sum(0.0 if one.checking else one.progress for one in told) / len(told)
            now = time.monotonic()
            pause = clock.saw(now, progress)
            if all(one.done for one in told):
                return clock
            if now - began > limit:
                raise BenchError(f"only {progress:.0%} was transferred within {limit:.0f} s")
            self._dial_the_lonely(now)
            time.sleep(pause)

    def _dial_the_lonely(self, now: float) -> None:
        """Dial whoever has no peer: some engines are deaf for a moment after they were told."""
        if now < self._redial:
            return
        self._redial = now + REDIAL_SECONDS
        for engine in self._others:
            told = engine.status(self._torrent)
            if not told.peers and (engine not in self._leechers or not told.done):
                engine.connect(self._torrent, self._measured.port)

    def verify(self) -> None:
        """Compare every copy. Raises WrongBytesError."""
        for leecher in self._leechers:
            self._torrent.verify(self._target(leecher))
