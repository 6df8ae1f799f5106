"""What the DHT knows, for after a restart: nodes that answered, and our own ids.

None of it is worth more than a few seconds of looking for others again, so a row that makes no
sense is left out, and is no reason to call the database damaged.
"""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass, field
from typing import Any, Iterator, Mapping, Sequence

from twisted.internet.defer import Deferred

from p2pd.base.addresses import PeerAddress, canonical_host
from p2pd.base.errors import FormatError
from p2pd.state.damage import DamagedError
from p2pd.state.database import Database
from p2pd.state.row_types import checked

ID_SIZE = 20

MOST_NODES = 400
"""Of each family."""

MOST_IDS = 32
"""Addresses that we listened at."""

Node = tuple[bytes, PeerAddress]
"""A node's id and where it is."""


@dataclass(frozen=True, slots=True)
class SavedDht:
    """`own_ids` by the address that is listened at: a wildcard's stands for its family."""

    own_ids: Mapping[str, bytes] = field(default_factory=dict)
    nodes: Sequence[Node] = ()


class DhtNodeStore:
    """The two tables, which are written as a whole."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def load(self) -> Deferred[SavedDht]:
        """What was saved, and makes sense."""
        return self._database.run(_load)

    def save(self, saved: SavedDht) -> Deferred[None]:
        """This instead of what was there; of too many the first."""
        nodes = [*_first(saved.nodes, ipv6=False), *_first(saved.nodes, ipv6=True)]
        own_ids = list(saved.own_ids.items())[:MOST_IDS]
        return self._database.run(_save, own_ids, nodes)


def _first(nodes: Sequence[Node], *, ipv6: bool) -> list[Node]:
    return [node for node in nodes if node[1].is_ipv6 is ipv6][:MOST_NODES]


def _load(cursor: sqlite3.Cursor) -> SavedDht:
    nodes = [
        (node_id, PeerAddress(host, port))
        for host, port, node_id in _rows(cursor, "dht_nodes", 2 * MOST_NODES)
        if len(node_id) == ID_SIZE and 0 < port < 65536 and _is_host(host)
    ]
    own_ids = {
        listen: node_id
        for listen, node_id in _rows(cursor, "dht_own_ids", MOST_IDS)
        if len(node_id) == ID_SIZE
    }
    return SavedDht(own_ids, nodes)


def _rows(cursor: sqlite3.Cursor, table: str, most: int) -> Iterator[Any]:
    cursor.execute(f"SELECT * FROM {table} LIMIT ?", [most])
    for row in cursor.fetchall():
        try:
            yield checked(table, row)
        except DamagedError:
            continue


def _is_host(text: str) -> bool:
    try:
        return canonical_host(text) == text
    except FormatError:
        return False


def _save(
    cursor: sqlite3.Cursor, own_ids: Sequence[tuple[str, bytes]], nodes: Sequence[Node]
) -> None:
    cursor.execute("DELETE FROM dht_nodes")
    cursor.executemany(
        "INSERT OR REPLACE INTO dht_nodes VALUES (?, ?, ?)",
        [(*address, node_id) for node_id, address in nodes],
    )
    cursor.execute("DELETE FROM dht_own_ids")
    cursor.executemany("INSERT INTO dht_own_ids VALUES (?, ?)", own_ids)
