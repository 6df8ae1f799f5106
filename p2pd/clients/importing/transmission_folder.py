"""Transmission's folder: settings.json, resume/ and torrents/."""

from __future__ import annotations

import functools
import json
import os
from collections.abc import Iterator, Mapping
from pathlib import Path

from p2pd.base.errors import P2pdError
from p2pd.clients.importing import state_files
from p2pd.clients.importing.found import Found, config_home, found, home, in_queue
from p2pd.formats.foreign import transmission
from p2pd.formats.foreign.model import ForeignGroup, ForeignTorrent


def candidates(environ: Mapping[str, str]) -> list[Path]:
    """Where it usually is: of users, of Debian's daemon, of others' packages, of a Flatpak."""
    own = environ.get("TRANSMISSION_HOME")
    config = config_home(environ)
    flatpak = home(environ) / ".var/app/com.transmissionbt.Transmission/config/transmission"
    return [
        *([Path(own)] if own else []),
        config / "transmission-daemon",
        config / "transmission",
        Path("/var/lib/transmission-daemon/.config/transmission-daemon"),
        Path("/var/lib/transmission/.config/transmission-daemon"),
        flatpak,
    ]


def belongs(folder: Path) -> Path | None:
    """The folder itself, if there is progress in it."""
    return folder if os.access(folder / "resume", os.R_OK | os.X_OK) else None


def read_all(folder: Path) -> tuple[int, Iterator[Found]]:
    """All torrents. Raises P2pdError."""
    names = in_queue(state_files.names(folder / "resume", ".resume"), _queue(folder))
    read = functools.partial(_read, folder, usual_peers=_usual_peers(folder))
    return len(names), (found(name, functools.partial(read, name)) for name in names)


def _read(folder: Path, name: str, usual_peers: int) -> ForeignTorrent:
    resume = state_files.read(folder / "resume" / f"{name}.resume")
    torrents = folder / "torrents"
    torrent = state_files.read_if_there(torrents / f"{name}.torrent")
    torrent = torrent or state_files.read(torrents / f"{name}.magnet")
    return transmission.read(resume.data, torrent.data, resume.saved_at, usual_peers=usual_peers)


def groups(folder: Path, environ: Mapping[str, str]) -> list[ForeignGroup]:
    """Its bandwidth groups; none if they cannot be read."""
    try:
        file = state_files.read_if_there(folder / "bandwidth-groups.json")
        return [] if file is None else transmission.read_groups(file.data)
    except P2pdError:
        return []


def _queue(folder: Path) -> list[str]:
    try:
        file = state_files.read_if_there(folder / "queue.json")
        return [] if file is None else transmission.read_queue(file.data)
    except P2pdError:
        return []


def _usual_peers(folder: Path) -> int:
    """What every torrent gets that is added: nobody chose that."""
    try:
        settings = json.loads(state_files.read(folder / "settings.json").data)
        limit = settings.get("peer-limit-per-torrent", settings.get("peer_limit_per_torrent"))
    except (P2pdError, ValueError, AttributeError, RecursionError):
        return transmission.USUAL_PEERS
    return limit if isinstance(limit, int) else transmission.USUAL_PEERS
