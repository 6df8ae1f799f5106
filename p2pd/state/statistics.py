"""Totals over all runs: whole numbers by name."""

from __future__ import annotations

import sqlite3
from typing import Mapping

from twisted.internet.defer import Deferred

from p2pd.state.database import Database
from p2pd.state.row_types import checked


class StatisticsStore:
    """The totals as they were when they were last saved."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def load(self) -> Deferred[dict[str, int]]:
        """All totals."""
        return self._database.run(_load)

    def save(self, totals: Mapping[str, int]) -> Deferred[None]:
        """Set these totals."""
        return self._database.run(_save, dict(totals))


def _load(cursor: sqlite3.Cursor) -> dict[str, int]:
    cursor.execute("SELECT name, value FROM statistics")
    return {name: total for name, total in (checked("statistics", row) for row in cursor)}


def _save(cursor: sqlite3.Cursor, totals: dict[str, int]) -> None:
    cursor.executemany("INSERT OR REPLACE INTO statistics VALUES (?, ?)", totals.items())
