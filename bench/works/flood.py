"""What a flood of connection attempts leaves of a running transfer's rate.

A transfer is run twice, one right after the other: alone, and with a process beside it that knocks
at the measured engine's port from the first progress on. What is left is the ratio of both rates.
"""

from __future__ import annotations

import contextlib
import json
import sys
from dataclasses import asdict
from pathlib import Path

from bench.case import FLOODED_RATE, KEPT, RATE, STALL, Case
from bench.content import Torrent
from bench.engines.engine import Engine
from bench.engines.libtorrent import Libtorrent
from bench.engines.p2pd import P2pd
from bench.errors import BenchError
from bench.figures import Sample
from bench.inside import flood
from bench.line_child import LineChild
from bench.sizes import size_text
from bench.workbench import Workbench
from bench.works.transfer import ROLES, Roles, measure_transfer
from p2pd.service.config import PeersSection

WORK = "flood"
FLOODER = Path(flood.__file__)
READY_SECONDS = 10.0
TIMES_SIZE = 4
"""The torrent is so many times as large: a transfer has to last for some seconds of flood."""

PLACES = PeersSection().max_connections, PeersSection().max_connections_per_torrent
"""p2pd's own: with a thousand for a torrent strangers would have all of them."""

LEAST_PACE = 0.9
"""Of what was asked for; a flood that falls behind by more proves nothing."""


def cases(bench: Workbench) -> list[Case]:
    """A case for each direction, of p2pd and libtorrent."""
    engines = tuple(name for name in bench.engines if name in (P2pd.name, Libtorrent.name))
    return [_case(bench, role, engines) for role in ("leech", "seed")]


def _case(bench: Workbench, role: str, engines: tuple[str, ...]) -> Case:
    options = bench.options
    size, piece = options.size * TIMES_SIZE, options.pieces[0]

    def measure(engine: str) -> Sample:
        return measure_flood(bench, engine, bench.sources.torrent(size, piece), ROLES[role])

    pace = f"{options.attempts:g} attempts/s"
    detail = f"{role} of {size_text(size)}, pieces of {size_text(piece)}, {pace}"
    return Case(WORK, detail, engines, (RATE, FLOODED_RATE, KEPT, STALL), measure)


def measure_flood(bench: Workbench, name: str, torrent: Torrent, roles: Roles) -> Sample:
    """Both transfers of one engine."""
    alone = measure_transfer(bench, name, torrent, roles, places=PLACES)
    with contextlib.ExitStack() as stack:

        def disturb(engine: Engine, folder: Path) -> Flood:
            return stack.enter_context(Flood(bench, engine, torrent, folder))

        beside = measure_transfer(bench, name, torrent, roles, places=PLACES, disturb=disturb)
    return {
        **beside,
        "rate": alone["rate"],
        "alone_cpu": alone["cpu"],
        "flooded_rate": beside["rate"],
        "kept": 100 * beside["rate"] / alone["rate"],
    }


class Flood:
    """The process that knocks at an engine's port."""

    def __init__(self, bench: Workbench, engine: Engine, torrent: Torrent, folder: Path) -> None:
        options = bench.options
        plan = flood.Plan(
            engine.host, engine.port, torrent.info_hash, options.attempts, options.timeout
        )
        command = [sys.executable, "-P", str(FLOODER), json.dumps(asdict(plan))]
        self._child = LineChild("flood", command, folder, pipes=True)
        self._pace = plan.pace
        self._begun = False

    def __enter__(self) -> Flood:
        self._child.listen(READY_SECONDS)
        return self

    def __exit__(self, *_: object) -> None:
        self._child.end(2.0)

    @property
    def pid(self) -> int:
        """Its process."""
        return self._child.pid

    def begin(self) -> None:
        """Knock from now on."""
        if not self._begun:
            self._begun = True
            self._child.tell("go")

    def end(self) -> Sample:
        """What became of it. Raises BenchError when it was no flood."""
        self._child.tell("enough")
        told = self._child.listen(READY_SECONDS)
        pace = told["attempts"] / told["seconds"]
        if pace < LEAST_PACE * self._pace:
            raise BenchError(f"only {pace:.0f} attempts a second were made")
        found = {name: float(told[name]) for name in ("answered", "turned_away", "open")}
        return {**found, "attempts": pace, "flood_seconds": told["seconds"]}
