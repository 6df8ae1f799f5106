"""The nodes that the user trusts, for after a restart.

A key of which a bit changed would be another node's: each row has a checksum.
"""

from __future__ import annotations

import sqlite3
from typing import Any, Iterable, Sequence

from twisted.internet.defer import Deferred

from p2pd.state.database import Database
from p2pd.state.row_types import checked, sum_of
from p2pd.swarm.trusted_nodes import TrustedNode


class TrustedNodeStore:
    """Their table."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def load(self) -> Deferred[list[TrustedNode]]:
        """All of them, the oldest first."""
        return self._database.run(_load)

    def change(self, gone: Sequence[bytes], new: Sequence[TrustedNode]) -> Deferred[None]:
        """These keys are trusted no more, these nodes are from now on, or are called otherwise."""
        return self._database.run(_change, list(gone), list(new))


def trusted_nodes_of(rows: Iterable[Sequence[Any]]) -> list[TrustedNode]:
    """Rows that were checked."""
    return [TrustedNode(*row[:-1]) for row in rows]


def _load(cursor: sqlite3.Cursor) -> list[TrustedNode]:
    cursor.execute(
        "SELECT node_key, name, since, host, row_sum FROM trusted_nodes ORDER BY since, node_key"
    )
    return trusted_nodes_of(checked("trusted_nodes", row) for row in cursor.fetchall())


def _change(cursor: sqlite3.Cursor, gone: Sequence[bytes], new: Sequence[TrustedNode]) -> None:
    cursor.executemany("DELETE FROM trusted_nodes WHERE node_key = ?", [(key,) for key in gone])
    cursor.executemany(
        "INSERT OR REPLACE INTO trusted_nodes VALUES (?, ?, ?, ?, ?)",
        [(*node, sum_of(node)) for node in new],
    )
