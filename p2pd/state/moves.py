"""The journal of torrents that are being moved: from where, to where, and how far that is.

A move is switched in one transaction with the torrent's folder. Whatever is cut off goes on from
what is written here (session/moving/torrent_moving.py says how).
"""

from __future__ import annotations

import sqlite3
from typing import Any, Mapping, NamedTuple

from twisted.internet.defer import Deferred

from p2pd.state.database import Database
from p2pd.state.records import SAVED, TorrentRecord, name_of, row_values
from p2pd.state.resume import save_row
from p2pd.state.row_types import checked, sum_of

BEGUN, COPYING, PLACING, CLEARING = "begun", "copying", "placing", "clearing"
"""Nothing is there; some of it is; all of it is, under its names or not; and the old is to go."""


class MoveRow(NamedTuple):
    """One move; paths are those of download folders."""

    torrent: int
    source: str
    target: str
    stage: str


class MoveStore:
    """Their table."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def load(self) -> Deferred[list[MoveRow]]:
        """All of them."""
        return self._database.run(_load)

    def save(self, row: MoveRow) -> Deferred[None]:
        """Begin one, or say how far it is."""
        return self._database.run(_save, row)

    def switch(self, row: MoveRow, record: TorrentRecord) -> Deferred[None]:
        """The torrent's record, with its new folder, and how far the move is, or neither."""
        return self._database.run(_switch, row, record.id, row_values(record, SAVED))

    def end(self, torrent: int) -> Deferred[None]:
        """It is over."""
        return self._database.run(_end, torrent)

    def is_kept(self, record: TorrentRecord) -> Deferred[bool]:
        """Whether the copy of the record beside the database has its folder, too."""
        return self._database.run(_is_kept, name_of(record.hash_v1, record.hash_v2))


def _load(cursor: sqlite3.Cursor) -> list[MoveRow]:
    # One that was written while its torrent was removed.
    cursor.execute("DELETE FROM moves WHERE torrent NOT IN (SELECT id FROM torrents)")
    cursor.execute("SELECT torrent, source, target, stage, row_sum FROM moves ORDER BY torrent")
    return [MoveRow(*checked("moves", row)[:4]) for row in cursor.fetchall()]


def _save(cursor: sqlite3.Cursor, row: MoveRow) -> None:
    cursor.execute("INSERT OR REPLACE INTO moves VALUES (?, ?, ?, ?, ?)", [*row, sum_of(row)])


def _switch(cursor: sqlite3.Cursor, row: MoveRow, id_: int, values: Mapping[str, Any]) -> None:
    save_row(cursor, id_, values)
    _save(cursor, row)


def _end(cursor: sqlite3.Cursor, torrent: int) -> None:
    cursor.execute("DELETE FROM moves WHERE torrent = ?", [torrent])


def _is_kept(cursor: sqlite3.Cursor, name: str) -> bool:
    return cursor.execute("SELECT 1 FROM kept_due WHERE name = ?", [name]).fetchone() is None
