"""Addresses of peers that worked, for after a restart, and hosts that may not be among them.

They are worth no more than some time of looking, so a row that makes no sense is left out, and is
no reason to call the database damaged.
"""

from __future__ import annotations

import sqlite3
from typing import Any, Iterator, Sequence

from twisted.internet.defer import Deferred

from p2pd.base.addresses import PeerAddress, canonical_host
from p2pd.base.errors import FormatError
from p2pd.state.damage import DamagedError
from p2pd.state.database import Database
from p2pd.state.row_types import checked
from p2pd.swarm.caught_hosts import KEPT_OUT, LIMIT, CaughtHost

Kept = tuple[Sequence[CaughtHost], Sequence[tuple[str, float]]]
"""Those that worked; and hosts that are kept out, with when they were met last."""


class CaughtHostStore:
    """The two tables, which are written as a whole."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def load(self) -> Deferred[Kept]:
        """What was kept, and makes sense."""
        return self._database.run(_load)

    def save(self, hosts: Sequence[CaughtHost], kept_out: Sequence[tuple[str, float]]) -> Any:
        """These instead of what was there."""
        return self._database.run(_save, list(hosts)[:LIMIT], list(kept_out)[-KEPT_OUT:])


def _load(cursor: sqlite3.Cursor) -> Kept:
    hosts = [
        CaughtHost(PeerAddress(row[0], row[1]), *row[2:])
        for row in _rows(cursor, "caught_hosts", LIMIT)
        if 0 < row[1] < 65536 and min(row[2:]) >= 0
    ]
    return hosts, [(host, at) for host, at in _rows(cursor, "kept_out_hosts", KEPT_OUT)]


def _rows(cursor: sqlite3.Cursor, table: str, most: int) -> Iterator[Any]:
    cursor.execute(f"SELECT * FROM {table} LIMIT ?", [most])
    for row in cursor.fetchall():
        try:
            if canonical_host(checked(table, row)[0]) == row[0]:
                yield row
        except (DamagedError, FormatError):
            continue


def _save(
    cursor: sqlite3.Cursor, hosts: Sequence[CaughtHost], kept_out: Sequence[tuple[str, float]]
) -> None:
    cursor.execute("DELETE FROM caught_hosts")
    cursor.execute("DELETE FROM kept_out_hosts")
    cursor.executemany(
        "INSERT INTO caught_hosts VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
        [(*one.address, *one[1:]) for one in hosts],
    )
    cursor.executemany("INSERT INTO kept_out_hosts VALUES (?, ?)", kept_out)
