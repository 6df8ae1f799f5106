"""Transfers on loopback: one engine is measured, libtorrent is on the other side.

libtorrent dials, so nobody needs a tracker. The time counts from the first progress that is seen
to the last piece verified, as the leecher itself tells; CPU from the dialling on.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from bench.case import CPU, PEAK, RATE, STALL, Case
from bench.ciphers import Cipher
from bench.content import Torrent
from bench.engines.engine import Engine, Status
from bench.engines.libtorrent import Libtorrent
from bench.engines.p2pd import P2pd
from bench.figures import Sample
from bench.following import downloaded, follow, wait_checked, wait_complete
from bench.meter import Elsewhere, Meter
from bench.scratch import warm_pages
from bench.sizes import MIB, size_text
from bench.workbench import Workbench

REDIAL_SECONDS = 2.0
MARGIN = 256 * MIB


@dataclass(frozen=True, slots=True)
class Roles:
    """Who is measured, as a seed or as a leecher, and how many are on the other side."""

    measured_leeches: bool
    others: int = 1
    cipher: Cipher = Cipher.NONE


ROLES = {
    "leech": Roles(True),
    "seed": Roles(False),
    "many-seeds": Roles(True, 8),
    "many-leechers": Roles(False, 8),
    "leech-rc4": Roles(True, cipher=Cipher.RC4),
    "seed-rc4": Roles(False, cipher=Cipher.RC4),
    "leech-tls": Roles(True, cipher=Cipher.TLS),
    "seed-tls": Roles(False, cipher=Cipher.TLS),
}
ENCRYPTING = (P2pd.name, Libtorrent.name)
"""The engines that are measured so."""


class Disturbance(Protocol):
    """What goes on beside a transfer."""

    @property
    def pid(self) -> int:
        """Its process."""

    def begin(self) -> None:
        """The transfer makes progress; may be called again."""

    def end(self) -> Sample:
        """It is over."""


def cases(bench: Workbench, work: str) -> list[Case]:
    """The cases of one work, for every size of pieces; with many leechers each gets a quarter."""
    size = bench.options.size // (4 if work == "many-leechers" else 1)
    return [_case(bench, work, size, piece) for piece in bench.options.pieces]


def memory_cases(bench: Workbench) -> list[Case]:
    """The leech again, with the size given and with twice that, to compare peaks of memory."""
    piece = bench.options.pieces[0]
    return [_case(bench, "memory", bench.options.size * factor, piece) for factor in (1, 2)]


def _case(bench: Workbench, work: str, size: int, piece: int) -> Case:
    roles = ROLES.get(work, ROLES["leech"])

    def measure(engine: str) -> Sample:
        torrent = bench.torrent_for(engine, size, piece, roles.cipher)
        return measure_transfer(bench, engine, torrent, roles)

    figures = (PEAK, STALL) if work == "memory" else (RATE, CPU, PEAK, STALL)
    detail = f"{size_text(size)}, pieces of {size_text(piece)}"
    engines = bench.engines
    if roles.cipher is not Cipher.NONE:
        engines = tuple(name for name in engines if name in ENCRYPTING)
    return Case(work, detail, engines, figures, measure, warm_up=work != "memory")


def measure_transfer(
    bench: Workbench,
    name: str,
    torrent: Torrent,
    roles: Roles,
    *,
    places: tuple[int, int] | None = None,
    settings: Mapping[str, str] | None = None,
    disturb: Callable[[Engine, Path], Disturbance] | None = None,
) -> Sample:
    """One transfer, its bytes compared afterwards; for the options see Workbench.new."""
    with bench.run_folder() as folder, contextlib.ExitStack() as stack:
        measured = bench.new(
            name,
            folder / "measured",
            places=places,
            cipher=roles.cipher,
            settings=settings,
        )
        others = bench.others(roles.others, folder, cipher=roles.cipher)
        for engine in (measured, *others):
            stack.callback(engine.stop)
        swarm = Swarm(torrent, measured, others, roles, bench.options.timeout)
        swarm.prepare(folder)
        sample = swarm.transfer(bench, disturb(measured, folder) if disturb else None)
        for engine in (measured, *others):
            engine.stop()
        swarm.verify()
    return sample


class Swarm:
    """The engines of one transfer; `limit` is seconds for each step of it."""

    def __init__(
        self,
        torrent: Torrent,
        measured: Engine,
        others: Sequence[Engine],
        roles: Roles,
        limit: float,
    ) -> None:
        self._torrent = torrent
        self._measured = measured
        self._others = others
        self._leechers = [measured] if roles.measured_leeches else list(others)
        self._seeds = list(others) if roles.measured_leeches else [measured]
        self._limit = limit
        self._redial_at = 0.0

    def prepare(self, folder: Path) -> None:
        """Seeds that have checked everything, warm memory, leechers that wait."""
        torrent = self._torrent
        for seed in self._seeds:
            seed.start()
            seed.add(torrent, torrent.content.parent)
        for seed in self._seeds:
            wait_complete(seed, torrent, self._limit)
        warm_pages(folder, torrent.size * len(self._leechers) + MARGIN)
        for leecher in self._leechers:
            leecher.start()
            _target(leecher).mkdir()
            leecher.add(torrent, _target(leecher))
        for leecher in self._leechers:
            wait_checked(leecher, torrent, self._limit)

    def transfer(self, bench: Workbench, beside: Disturbance | None = None) -> Sample:
        """Dial, wait for the end, and count."""

        def progress_of(status: Status) -> float:
            progress = downloaded(status)
            if progress and beside is not None:
                beside.begin()
            return progress

        moved = self._torrent.size * len(self._leechers)
        meter, others = Meter(self._measured), [Meter(other) for other in self._others]
        pids = [beside.pid] if beside is not None else []
        elsewhere = Elsewhere([self._measured, *self._others], pids)
        with bench.observed(self._measured):
            clock = follow(
                self._leechers, self._torrent, progress_of, self._limit, self._dial_the_lonely
            )
        return {
            **(beside.end() if beside is not None else {}),
            "rate": clock.rate(moved) / 1e6,
            "seconds": clock.ended - clock.asked,
            "elsewhere": elsewhere.share(),
            **meter.sample(moved),
            "others_cpu": sum(other.sample(moved)["cpu"] for other in others),
        }

    def _dial_the_lonely(self, now: float) -> None:
        """Have those dial who have no peer: some engines do not hear the first time."""
        if now < self._redial_at:
            return
        self._redial_at = now + REDIAL_SECONDS
        for engine in self._others:
            told = engine.status(self._torrent)
            if not told.peers and (engine in self._seeds or not told.done):
                engine.connect(self._torrent, [self._measured])

    def verify(self) -> None:
        """Compare every copy. Raises WrongBytesError."""
        for leecher in self._leechers:
            self._torrent.verify(_target(leecher))


def _target(leecher: Engine) -> Path:
    return leecher.folder / "data"
