"""qBittorrent's folder: BT_backup/ with two files a torrent, or torrents.db.

The database is copied before it is opened, with the journal that belongs to it: SQLite would write
into the folder otherwise.
"""

from __future__ import annotations

import functools
import os
import shutil
import sqlite3
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import closing
from pathlib import Path
from typing import Any

from p2pd.base.errors import P2pdError
from p2pd.clients.importing import state_files
from p2pd.clients.importing.found import Found, config_home, data_home, found, home, in_queue
from p2pd.formats.foreign import qbittorrent
from p2pd.formats.foreign.model import ForeignTorrent

DATABASE = "torrents.db"
BACKUP = "BT_backup"
WITHIN = ("", "data", "qBittorrent", "qBittorrent/data")
"""Where below a folder that somebody names the state may be: profiles have one more level."""
MAX_STEPS = 50_000
"""Of a thousand instructions each, which SQLite may take."""


def candidates(environ: Mapping[str, str]) -> list[Path]:
    """Where it usually is: of users, of packages of its daemon, of a Flatpak, of old versions."""
    return [
        data_home(environ) / "qBittorrent",
        data_home(environ) / "data" / "qBittorrent",
        config_home(environ) / "qBittorrent",
        home(environ) / ".var/app/org.qbittorrent.qBittorrent/data/qBittorrent",
        Path("/var/lib/qbittorrent/.local/share/qBittorrent"),
        Path("/var/lib/qbittorrent-nox/.local/share/qBittorrent"),
        Path("/var/lib/qbittorrent"),
    ]


def belongs(folder: Path) -> Path | None:
    """The folder with the state in or below the one that is named."""
    if folder.name == BACKUP:
        return folder.parent
    for within in WITHIN:
        place = folder / within
        if os.access(place / DATABASE, os.R_OK) or os.access(place / BACKUP, os.R_OK | os.X_OK):
            return place
    return None


def read_all(folder: Path) -> tuple[int, Iterator[Found]]:
    """All torrents. Raises P2pdError."""
    if (folder / DATABASE).exists():  # then the files, if there are any, are old
        rows, saved_at = _rows(folder / DATABASE)
        each = (functools.partial(qbittorrent.read_row, row, saved_at) for row in rows)
        names = [str(row.get("torrent_id"))[:64] for row in rows]
        return len(rows), (found(name, read) for name, read in zip(names, each, strict=True))
    names = in_queue(state_files.names(folder / BACKUP, ".fastresume"), _queue(folder))
    return len(names), (found(name, functools.partial(_read, folder, name)) for name in names)


def _read(folder: Path, name: str) -> ForeignTorrent:
    resume = state_files.read(folder / BACKUP / f"{name}.fastresume")
    torrent = state_files.read_if_there(folder / BACKUP / f"{name}.torrent")
    return qbittorrent.read_files(
        resume.data, None if torrent is None else torrent.data, resume.saved_at
    )


def _queue(folder: Path) -> list[str]:
    try:
        file = state_files.read_if_there(folder / BACKUP / "queue")
        return [] if file is None else qbittorrent.read_queue(file.data)
    except P2pdError:
        return []


def _rows(place: Path) -> tuple[list[dict[str, Any]], float]:
    try:
        with tempfile.TemporaryDirectory(prefix="p2pctl-") as folder:
            copy = Path(folder, DATABASE)
            saved_at = 0.0
            for suffix in ("", "-wal"):
                beside = Path(f"{place}{suffix}")
                if beside.exists():
                    shutil.copyfile(beside, f"{copy}{suffix}")
                    saved_at = max(saved_at, beside.stat().st_mtime)
            return _read_rows(copy), saved_at
    except OSError as problem:
        raise P2pdError(f"{place}: {problem.strerror or problem}") from None
    except sqlite3.Error as problem:
        raise P2pdError(f"{place} cannot be read: {problem}") from None


def _read_rows(place: Path) -> list[dict[str, Any]]:
    steps = iter(range(MAX_STEPS))
    with closing(sqlite3.connect(place)) as database:
        database.execute("PRAGMA trusted_schema = OFF")
        database.set_progress_handler(lambda: next(steps, None) is None, 1000)
        database.row_factory = sqlite3.Row
        rows = [dict(row) for row in database.execute("SELECT * FROM torrents")]
        return sorted(rows, key=_place_in_queue)


def _place_in_queue(row: Mapping[str, Any]) -> float:
    """Those that are complete have none, and come last."""
    place = row.get("queue_position")
    return place if isinstance(place, int) and place >= 0 else float("inf")
