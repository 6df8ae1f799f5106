"""The record of every torrent: what it is, what the user chose, what is verified."""

from __future__ import annotations

import json
import sqlite3
from dataclasses import dataclass, fields
from typing import Any

from twisted.internet.defer import Deferred

from p2pd.state.database import Database

Tiers = tuple[tuple[str, ...], ...]


@dataclass(slots=True)
class TorrentRecord:
    """One row. Times are Unix seconds, 0 where it has not happened; sizes are bytes."""

    hash_v1: bytes | None
    hash_v2: bytes | None
    name: str
    download_dir: str
    id: int = 0
    """Stable and never used again; 0 until it is added."""
    torrent: bytes | None = None
    """The .torrent as it came, or rebuilt around a magnet's metadata."""
    magnet: str | None = None
    paused: bool = False
    added_at: float = 0.0
    completed_at: float = 0.0
    active_at: float = 0.0
    """When payload moved last."""
    edited_at: float = 0.0
    """When a client changed something last."""
    pieces: bytes | None = None
    """Bitfield of what is verified and on disk; None while nothing was ever recorded."""
    priorities: bytes | None = None
    """One byte a visible file (session.file_selection); None: all wanted, all normal."""
    trackers: Tiers = ()
    labels: tuple[str, ...] = ()
    sequential: bool = False
    sequential_from: int = 0
    """The piece that is the first then."""
    super_seeding: str = "auto"
    """Or "on", or "off"."""
    seed_choking: str = "session"
    """Whom it serves when it is complete: as the session does, or by a rule of its own."""
    peer_limit: int | None = None
    download_limit: int = 100
    """In kB/s (1000 bytes), as `upload_limit`; each counts while its `limited` is set."""
    download_limited: bool = False
    upload_limit: int = 100
    upload_limited: bool = False
    honors_session_limits: bool = True
    file_states: str | None = None
    """Sizes and times of change at the last clean stop."""
    clean: bool = False
    """Whether it was closed properly: then `file_states` says whether the files changed."""
    uploaded: int = 0
    downloaded: int = 0
    corrupt: int = 0
    seconds_downloading: int = 0
    seconds_seeding: int = 0


_COLUMNS = [field.name for field in fields(TorrentRecord)]
_SAVED = [name for name in _COLUMNS if name != "id"]
_FLAGS = (
    "paused", "sequential", "clean", "download_limited", "upload_limited", "honors_session_limits",
)  # fmt: skip
PROGRESS = [
    "pieces", "uploaded", "downloaded", "corrupt", "seconds_downloading", "seconds_seeding",
    "completed_at", "active_at",
]  # fmt: skip
"""What changes while a torrent runs."""


class TorrentStore:
    """The torrents' table. Values are copied when a method is called, not when it is done."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def load_all(self) -> Deferred[list[TorrentRecord]]:
        """Every torrent, by id."""
        return self._database.run(_load_all)

    async def add(self, record: TorrentRecord) -> None:
        """Insert it; its `id` is set."""
        record.id = await self._database.run(_insert, _values(record, _SAVED))

    def save(self, record: TorrentRecord) -> Deferred[None]:
        """Write the whole row."""
        return self._database.run(_update, record.id, _SAVED, _values(record, _SAVED))

    def save_progress(self, record: TorrentRecord) -> Deferred[None]:
        """Write what changes while it runs."""
        return self._database.run(_update, record.id, PROGRESS, _values(record, PROGRESS))

    def remove(self, id_: int) -> Deferred[None]:
        """Forget a torrent."""
        return self._database.run(_delete, id_)

    def mark_running(self) -> Deferred[None]:
        """From now on a crash is possible: no record is clean until it is saved as such."""
        return self._database.run(_mark_running)


def _values(record: TorrentRecord, columns: list[str]) -> list[Any]:
    return [_stored(name, getattr(record, name)) for name in columns]


def _stored(name: str, value: Any) -> Any:
    return json.dumps(value) if name in ("trackers", "labels") else value


def _record(row: tuple[Any, ...]) -> TorrentRecord:
    values = dict(zip(_COLUMNS, row, strict=True))
    values["trackers"] = tuple(tuple(tier) for tier in json.loads(values["trackers"]))
    values["labels"] = tuple(json.loads(values["labels"]))
    for name in _FLAGS:
        values[name] = bool(values[name])
    return TorrentRecord(**values)


def _load_all(cursor: sqlite3.Cursor) -> list[TorrentRecord]:
    cursor.execute(f"SELECT {', '.join(_COLUMNS)} FROM torrents ORDER BY id")
    return [_record(row) for row in cursor.fetchall()]


def _insert(cursor: sqlite3.Cursor, values: list[Any]) -> int:
    marks = ", ".join("?" * len(_SAVED))
    cursor.execute(f"INSERT INTO torrents ({', '.join(_SAVED)}) VALUES ({marks})", values)
    assert cursor.lastrowid is not None
    return cursor.lastrowid


def _update(cursor: sqlite3.Cursor, id_: int, columns: list[str], values: list[Any]) -> None:
    changes = ", ".join(f"{name} = ?" for name in columns)
    cursor.execute(f"UPDATE torrents SET {changes} WHERE id = ?", [*values, id_])


def _delete(cursor: sqlite3.Cursor, id_: int) -> None:
    cursor.execute("DELETE FROM torrents WHERE id = ?", [id_])


def _mark_running(cursor: sqlite3.Cursor) -> None:
    cursor.execute("UPDATE torrents SET clean = 0")
