"""The good peers of each torrent, for after a restart; a torrent's go when it is removed."""

from __future__ import annotations

import sqlite3
from typing import Sequence

from twisted.internet.defer import Deferred, succeed

from p2pd.base.addresses import PeerAddress
from p2pd.state.database import Database
from p2pd.state.row_types import checked
from p2pd.swarm.good_peers import GoodPeer

_ROWS = (
    "SELECT torrent, host, port, seen_at, received, sent, seconds FROM good_peers WHERE torrent = ?"
)


class GoodPeerStore:
    """Their table. After `open` it knows which torrents have any: the others cost nothing."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._torrents: set[int] | None = None

    async def open(self) -> None:
        """See which torrents have any."""
        self._torrents = await self._database.run(_torrents_with_any)

    def load(self, torrent_id: int) -> Deferred[list[GoodPeer]]:
        """Those of one torrent."""
        if self._torrents is not None and torrent_id not in self._torrents:
            return succeed([])
        return self._database.run(_load, torrent_id)

    def save(self, torrent_id: int, peers: Sequence[GoodPeer]) -> Deferred[None]:
        """These instead of those that were there; nothing for a torrent that is removed."""
        if self._torrents is not None:
            self._torrents.add(torrent_id)
        return self._database.run(_save, torrent_id, list(peers))


def _torrents_with_any(cursor: sqlite3.Cursor) -> set[int]:
    cursor.execute("SELECT DISTINCT torrent FROM good_peers")
    return {row[0] for row in cursor.fetchall()}


def _load(cursor: sqlite3.Cursor, torrent_id: int) -> list[GoodPeer]:
    cursor.execute(_ROWS, [torrent_id])
    rows = [checked("good_peers", row)[1:] for row in cursor.fetchall()]
    return [GoodPeer(PeerAddress(row[0], row[1]), *row[2:]) for row in rows]


def _save(cursor: sqlite3.Cursor, torrent_id: int, peers: Sequence[GoodPeer]) -> None:
    cursor.execute("DELETE FROM good_peers WHERE torrent = ?", [torrent_id])
    cursor.executemany(
        "INSERT INTO good_peers SELECT ?, ?, ?, ?, ?, ?, ?"
        " WHERE EXISTS (SELECT 1 FROM torrents WHERE id = ?)",
        [(torrent_id, *peer.address, *peer[1:5], torrent_id) for peer in peers],
    )
