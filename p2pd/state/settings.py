"""Settings that clients changed at run time, by name; they go over the configuration."""

from __future__ import annotations

import json
import sqlite3
from typing import Any, Sequence

from twisted.internet.defer import Deferred

from p2pd.state.database import Database
from p2pd.state.row_types import checked


class SettingsStore:
    """Names and JSON values."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def load(self) -> Deferred[dict[str, Any]]:
        """All of them."""
        return self._database.run(_load)

    def save(self, name: str, value: Any) -> Deferred[None]:
        """Set one."""
        return self._database.run(_save, name, json.dumps(value))


def _load(cursor: sqlite3.Cursor) -> dict[str, Any]:
    cursor.execute("SELECT name, value FROM settings")
    return {name: json.loads(value) for name, value in map(_checked, cursor.fetchall())}


def _checked(row: Sequence[Any]) -> Sequence[Any]:
    return checked("settings", row)


def _save(cursor: sqlite3.Cursor, name: str, value: str) -> None:
    cursor.execute("INSERT OR REPLACE INTO settings VALUES (?, ?)", [name, value])
