"""The torrents' table. What changes in it is told to the copies beside the database."""

from __future__ import annotations

import sqlite3
from typing import Any, Mapping, Sequence

from twisted.internet.defer import Deferred

from p2pd.state.database import Database
from p2pd.state.kept_due import choices_changed, torrent_added, torrent_removed
from p2pd.state.records import PROGRESS, SAVED, TorrentRecord, insert, load_all, row_values

__all__ = ["PROGRESS", "TorrentRecord", "TorrentStore"]

CLOSED = [*PROGRESS, "file_states", "clean"]


class TorrentStore:
    """Values are copied when a method is called, not when it is done."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def load_all(self) -> Deferred[list[TorrentRecord]]:
        """Every torrent, by id."""
        return self._database.run(load_all)

    async def add(self, record: TorrentRecord) -> None:
        """Insert it, under its `id` if it has one that is free; else that is set."""
        record.id = await self._database.run(_add, row_values(record, ["id", *SAVED]))

    def save(self, record: TorrentRecord) -> Deferred[None]:
        """Write the whole row."""
        return self._database.run(save_row, record.id, row_values(record, SAVED))

    def save_progress(self, record: TorrentRecord) -> Deferred[None]:
        """Write what changes while it runs."""
        return self._database.run(_update, record.id, row_values(record, PROGRESS))

    def save_closed(self, records: Sequence[TorrentRecord]) -> Deferred[None]:
        """Write what the end of a session changes; what users chose was written when they did."""
        rows = {record.id: row_values(record, CLOSED) for record in records}
        return self._database.run(_update_all, rows)

    def remove(self, id_: int) -> Deferred[None]:
        """Forget a torrent."""
        return self._database.run(_remove, id_)

    def mark_running(self) -> Deferred[None]:
        """From now on a crash is possible: no record is clean until it is saved as such."""
        return self._database.run(_mark_running)

    def kept_torrent(self, record: TorrentRecord) -> Deferred[bytes | None]:
        """The copy of its .torrent beside the database, if there is one."""
        hash_v1, hash_v2 = record.hash_v1, record.hash_v2
        return self._database.run(lambda cursor: self._database.kept.torrent(hash_v1, hash_v2))


def _add(cursor: sqlite3.Cursor, row: dict[str, Any]) -> int:
    taken = cursor.execute("SELECT 1 FROM torrents WHERE id = ?", [row["id"]]).fetchone()
    if not row["id"] or taken:
        row = {name: value for name, value in row.items() if name != "id"}
    id_ = insert(cursor, row)
    torrent_added(cursor, id_, row)
    return id_


def save_row(cursor: sqlite3.Cursor, id_: int, row: Mapping[str, Any]) -> None:
    """Write the whole row of a torrent."""
    choices_changed(cursor, id_, row)
    _update(cursor, id_, row)


def _update(cursor: sqlite3.Cursor, id_: int, row: Mapping[str, Any]) -> None:
    changes = ", ".join(f"{name} = ?" for name in row)
    cursor.execute(f"UPDATE torrents SET {changes} WHERE id = ?", [*row.values(), id_])


def _update_all(cursor: sqlite3.Cursor, rows: Mapping[int, Mapping[str, Any]]) -> None:
    for id_, row in rows.items():
        _update(cursor, id_, row)


def _remove(cursor: sqlite3.Cursor, id_: int) -> None:
    torrent_removed(cursor, id_)
    cursor.execute("DELETE FROM torrents WHERE id = ?", [id_])
    cursor.execute("DELETE FROM moves WHERE torrent = ?", [id_])


def _mark_running(cursor: sqlite3.Cursor) -> None:
    cursor.execute("UPDATE torrents SET clean = 0 WHERE clean")
