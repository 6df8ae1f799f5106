"""The torrents' table. What changes in it is told to the copies beside the database."""

from __future__ import annotations

import sqlite3
from typing import Any, Mapping, Sequence

from twisted.internet.defer import Deferred

from p2pd.state.database import Database
from p2pd.state.kept_due import choices_changed, torrent_added, torrent_removed
from p2pd.state.records import (
    PROGRESS,
    SAVED,
    Opening,
    TorrentRecord,
    insert,
    load_all,
    opening_of,
    row_values,
    update,
)

__all__ = ["PROGRESS", "Opening", "TorrentRecord", "TorrentStore"]

OF_FILES = ("file_states", "clean", "summary")
"""What is known when a torrent was brought to rest or closed, and need not be in memory."""

KEPT = [name for name in SAVED if name not in OF_FILES]
CLOSED = [*PROGRESS, *OF_FILES]


class TorrentStore:
    """Values are copied when a method is called, not when it is done."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def load_all(self) -> Deferred[list[TorrentRecord]]:
        """Every torrent, by id; those that are whole, without what they are opened with."""
        return self._database.run(load_all)

    def openings(self, ids: Sequence[int]) -> Deferred[list[Opening]]:
        """What these torrents are opened with."""
        return self._database.run(lambda cursor: [opening_of(cursor, id_) for id_ in ids])

    async def add(self, record: TorrentRecord) -> None:
        """Insert it, under its `id` if it has one that is free; else that is set."""
        record.id = await self._database.run(_add, row_values(record, ["id", *SAVED]))

    def save(self, record: TorrentRecord) -> Deferred[None]:
        """Write the row, but for what is known of its files; and its metadata if it has it."""
        return self._database.run(save_row, record.id, row_values(record, KEPT))

    def save_progress(self, record: TorrentRecord) -> Deferred[None]:
        """Write what changes while it runs."""
        return self._database.run(update, record.id, row_values(record, PROGRESS))

    def save_totals(self, records: Sequence[TorrentRecord]) -> Deferred[None]:
        """The same of many."""
        rows = {record.id: row_values(record, PROGRESS) for record in records}
        return self._database.run(_update_all, rows)

    def save_closed(self, records: Sequence[TorrentRecord]) -> Deferred[None]:
        """Write what changes when torrents are closed or brought to rest.

        What users chose was written when they did.
        """
        rows = {record.id: row_values(record, CLOSED) for record in records}
        return self._database.run(_update_all, rows)

    def remove(self, id_: int) -> Deferred[None]:
        """Forget a torrent."""
        return self._database.run(remove_row, id_)

    def mark_running(self, ids: Sequence[int]) -> Deferred[None]:
        """To these a crash may happen while their files are written.

        They are not clean until they are saved as such.
        """
        return self._database.run(_mark_running, list(ids))

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
    update(cursor, id_, row)


def _update_all(cursor: sqlite3.Cursor, rows: Mapping[int, Mapping[str, Any]]) -> None:
    for id_, row in rows.items():
        update(cursor, id_, row)


def remove_row(cursor: sqlite3.Cursor, id_: int) -> None:
    """Forget a torrent, and what there is about it in other tables."""
    torrent_removed(cursor, id_)
    cursor.execute("DELETE FROM torrents WHERE id = ?", [id_])
    cursor.execute("DELETE FROM moves WHERE torrent = ?", [id_])
    cursor.execute("DELETE FROM metainfos WHERE torrent = ?", [id_])


def _mark_running(cursor: sqlite3.Cursor, ids: list[int]) -> None:
    cursor.executemany(
        "UPDATE torrents SET clean = 0 WHERE clean AND id = ?", [[id_] for id_ in ids]
    )
