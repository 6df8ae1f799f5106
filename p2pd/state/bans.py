"""The bans that are in force, for after a restart."""

from __future__ import annotations

import sqlite3
from typing import Sequence

from twisted.internet.defer import Deferred

from p2pd.state.database import Database
from p2pd.state.row_types import checked
from p2pd.swarm.bans import Ban


class BanStore:
    """Their table."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def load(self) -> Deferred[list[Ban]]:
        """All of them, the oldest first."""
        return self._database.run(_load)

    def change(self, gone: Sequence[Ban], new: Sequence[Ban]) -> Deferred[None]:
        """Some are in force no more, others are from now on."""
        return self._database.run(_change, list(gone), list(new))


def _load(cursor: sqlite3.Cursor) -> list[Ban]:
    cursor.execute("SELECT host, port, peer_id, reason, since, until FROM bans ORDER BY since")
    return [Ban(*checked("bans", row)) for row in cursor.fetchall()]


def _change(cursor: sqlite3.Cursor, gone: Sequence[Ban], new: Sequence[Ban]) -> None:
    cursor.executemany(
        "DELETE FROM bans WHERE host = ? AND port = ? AND peer_id = ?", [ban[:3] for ban in gone]
    )
    cursor.executemany("INSERT OR REPLACE INTO bans VALUES (?, ?, ?, ?, ?, ?)", new)
