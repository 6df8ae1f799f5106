"""What a flood of connection attempts leaves of a running transfer's rate.

A transfer is run twice, one right after the other: alone, and with a process beside it that knocks
at the measured engine's port from the first progress on. What is left is the ratio of both rates.
"""

from __future__ import annotations

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
from bench.sizes import size_text
from bench.workbench import Workbench
from bench.works.strangers import Strangers, measure_beside
from bench.works.transfer import ROLES, Roles
from p2pd.service.config import PeersSection

WORK = "flood"
FLOODER = Path(flood.__file__)
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

    def strangers(engine: Engine, folder: Path) -> Strangers:
        options = bench.options
        plan = flood.Plan(
            engine.host, engine.port, torrent.info_hash, options.attempts, options.timeout
        )
        return Strangers("flood", FLOODER, asdict(plan), folder)

    sample = measure_beside(bench, name, torrent, roles, strangers, places=PLACES)
    pace = sample["attempts"] / sample["strangers_seconds"]
    if pace < LEAST_PACE * bench.options.attempts:
        raise BenchError(f"only {pace:.0f} attempts a second were made")
    return sample | {"pace": pace}
