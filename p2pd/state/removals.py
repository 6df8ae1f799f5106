"""The journal of files that are to go: those of torrents that were removed with their data.

A torrent is forgotten and its files are written down here in one transaction: a kill between the
two leaves neither a torrent that has lost its files nor files that nobody knows of.
"""

from __future__ import annotations

import json
import sqlite3
from typing import NamedTuple, Sequence

from twisted.internet.defer import Deferred

from p2pd.state.database import Database
from p2pd.state.resume import remove_row
from p2pd.state.row_types import checked, sum_of


class DoomedFiles(NamedTuple):
    """Files below one download folder, each by the parts of its path."""

    folder: str
    files: tuple[tuple[str, ...], ...]


class RemovalRow(NamedTuple):
    """One entry of the journal."""

    id: int
    doomed: DoomedFiles


class RemovalStore:
    """Their table."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def begin(
        self, torrent: int | None, doomed: Sequence[DoomedFiles]
    ) -> Deferred[list[RemovalRow]]:
        """Forget a torrent, if one is given, and know of these files instead, or neither."""
        return self._database.run(_begin, torrent, list(doomed))

    def load(self) -> Deferred[list[RemovalRow]]:
        """All of them."""
        return self._database.run(_load)

    def end(self, id_: int) -> Deferred[None]:
        """They are gone."""
        return self._database.run(_end, id_)


def _begin(
    cursor: sqlite3.Cursor, torrent: int | None, doomed: list[DoomedFiles]
) -> list[RemovalRow]:
    if torrent is not None:
        remove_row(cursor, torrent)
    rows = []
    for each in doomed:
        values = (each.folder, json.dumps(each.files))
        cursor.execute(
            "INSERT INTO removals (folder, files, row_sum) VALUES (?, ?, ?)",
            [*values, sum_of(values)],
        )
        rows.append(RemovalRow(cursor.lastrowid or 0, each))
    return rows


def _load(cursor: sqlite3.Cursor) -> list[RemovalRow]:
    cursor.execute("SELECT id, folder, files, row_sum FROM removals ORDER BY id")
    rows = []
    for row in cursor.fetchall():
        id_, folder, files, _ = checked("removals", row)
        paths = tuple(tuple(path) for path in json.loads(files))
        rows.append(RemovalRow(id_, DoomedFiles(folder, paths)))
    return rows


def _end(cursor: sqlite3.Cursor, id_: int) -> None:
    cursor.execute("DELETE FROM removals WHERE id = ?", [id_])
