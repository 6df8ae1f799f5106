"""Who changed what over the control API: the latest entries, and no more of them than `MOST`."""

from __future__ import annotations

import sqlite3
from typing import Any, NamedTuple, Sequence

from twisted.internet.defer import Deferred

from p2pd.state.database import Database
from p2pd.state.row_types import checked

MOST = 10_000
"""Entries that are kept; the oldest make room."""


class AuditEntry(NamedTuple):
    """One call."""

    id: int
    """0 until it is kept."""
    at: float
    """Unix seconds."""
    user: str
    key: str
    """The name of the key that it came with; empty: with a password, or by a unix socket."""
    address: str
    method: str
    ids: str
    """The torrents that it was about, in JSON; empty: it was not about torrents."""
    params: str
    """The rest of what was asked for, in JSON, without secrets and cut to a length."""
    result: str
    """`ok`, or the name of the error."""


class AuditQuestion(NamedTuple):
    """Which entries are wanted; what is empty does not matter."""

    most: int
    before: int | None = None
    """An id: those that are older."""
    user: str = ""
    method: str = ""


class AuditStore:
    """The table."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def add(self, entry: AuditEntry) -> Deferred[None]:
        """Keep one more."""
        return self._database.run(_add, entry)

    def read(self, wanted: AuditQuestion) -> Deferred[list[AuditEntry]]:
        """Some of them, the latest first."""
        return self._database.run(_read, wanted)


def _add(cursor: sqlite3.Cursor, entry: AuditEntry) -> None:
    marks = ", ".join("?" * (len(entry) - 1))
    columns = ", ".join(AuditEntry._fields[1:])
    cursor.execute(f"INSERT INTO audit ({columns}) VALUES ({marks})", entry[1:])
    assert cursor.lastrowid is not None
    cursor.execute("DELETE FROM audit WHERE id <= ?", [cursor.lastrowid - MOST])


def _read(cursor: sqlite3.Cursor, wanted: AuditQuestion) -> list[AuditEntry]:
    conditions: list[str] = []
    values: list[Any] = []
    for condition, value in (
        ("id < ?", wanted.before),
        ("user = ?", wanted.user or None),
        ("method = ?", wanted.method or None),
    ):
        if value is not None:
            conditions.append(condition)
            values.append(value)
    where = f"WHERE {' AND '.join(conditions)} " if conditions else ""
    found = cursor.execute(
        f"SELECT * FROM audit {where}ORDER BY id DESC LIMIT ?", [*values, wanted.most]
    )
    return [_entry(row) for row in found.fetchall()]


def _entry(row: Sequence[Any]) -> AuditEntry:
    return AuditEntry(*checked("audit", row))
