"""Tables of things that a user chose, each with a note of what came of it.

What is in their JSON is for who hands it in to know; here it is only sure to be JSON.
"""

from __future__ import annotations

import json
import sqlite3
from typing import Any, Mapping, NamedTuple

from twisted.internet.defer import Deferred

from p2pd.state.database import Database
from p2pd.state.row_types import checked, sum_of

FOLLOWED, PUBLISHED = "followed_torrents", "published_items"

Values = Mapping[str, Any]


class NotedRow(NamedTuple):
    """One of them."""

    id: int
    chosen: Values
    note: Values


class NotedStore:
    """One such table."""

    def __init__(self, database: Database, table: str) -> None:
        self._database = database
        self._table = table

    def load(self) -> Deferred[list[NotedRow]]:
        """All rows, in the order in which they were added."""
        return self._database.run(noted_rows, self._table)

    def add(self, chosen: Values, note: Values) -> Deferred[int]:
        """A new one; its id."""
        return self._database.run(add_noted, self._table, json.dumps(chosen), json.dumps(note))

    def save(self, row: NotedRow) -> Deferred[None]:
        """One as it is now, if it is there."""
        texts = json.dumps(row.chosen), json.dumps(row.note)
        return self._database.run(_save, self._table, row.id, *texts)

    def remove(self, id_: int) -> Deferred[None]:
        """Forget one."""
        return self._database.run(_remove, self._table, id_)


def noted_rows(cursor: sqlite3.Cursor, table: str) -> list[NotedRow]:
    """All rows of a table, in the database's thread."""
    cursor.execute(f"SELECT * FROM {table} ORDER BY id")
    rows = [checked(table, row) for row in cursor.fetchall()]
    return [NotedRow(id_, json.loads(chosen), json.loads(note)) for id_, chosen, note, _ in rows]


def add_noted(cursor: sqlite3.Cursor, table: str, chosen: str, note: str) -> int:
    """A new row, in the database's thread; its id."""
    cursor.execute(
        f"INSERT INTO {table} VALUES (NULL, ?, ?, ?)", [chosen, note, sum_of((chosen, note))]
    )
    return cursor.lastrowid or 0


def _save(cursor: sqlite3.Cursor, table: str, id_: int, chosen: str, note: str) -> None:
    cursor.execute(
        f"UPDATE {table} SET chosen = ?, note = ?, row_sum = ? WHERE id = ?",
        [chosen, note, sum_of((chosen, note)), id_],
    )


def _remove(cursor: sqlite3.Cursor, table: str, id_: int) -> None:
    cursor.execute(f"DELETE FROM {table} WHERE id = ?", [id_])
