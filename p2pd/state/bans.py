"""The bans that are in force, for after a restart."""

from __future__ import annotations

import sqlite3
from typing import Any, Sequence

from twisted.internet.defer import Deferred

from p2pd.state.database import Database
from p2pd.state.row_types import checked
from p2pd.swarm.bans import Ban


class BanStore:
    """Their tables: of hosts and peers there, and of nodes."""

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
    found = [Ban(*checked("bans", row)) for row in cursor.fetchall()]
    cursor.execute("SELECT node_key, reason, since, until FROM node_bans")
    found += [node_ban(checked("node_bans", row)) for row in cursor.fetchall()]
    return sorted(found, key=lambda ban: ban.since)


def node_ban(row: Sequence[Any]) -> Ban:
    """Of a row of the table of nodes."""
    key, reason, since, until = row
    return Ban("", 0, b"", reason, since, until, key)


def _change(cursor: sqlite3.Cursor, gone: Sequence[Ban], new: Sequence[Ban]) -> None:
    cursor.executemany(
        "DELETE FROM bans WHERE host = ? AND port = ? AND peer_id = ?",
        [ban[:3] for ban in gone if not ban.node_key],
    )
    cursor.executemany(
        "DELETE FROM node_bans WHERE node_key = ?",
        [(ban.node_key,) for ban in gone if ban.node_key],
    )
    cursor.executemany(
        "INSERT OR REPLACE INTO bans VALUES (?, ?, ?, ?, ?, ?)",
        [ban[:6] for ban in new if not ban.node_key],
    )
    cursor.executemany(
        "INSERT OR REPLACE INTO node_bans VALUES (?, ?, ?, ?)",
        [(ban.node_key, ban.reason, ban.since, ban.until) for ban in new if ban.node_key],
    )
