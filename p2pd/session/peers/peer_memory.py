"""Where a session keeps the good peers of its torrents (state.good_peers.GoodPeerStore)."""

from __future__ import annotations

from typing import Protocol, Sequence

from twisted.internet.defer import Deferred

from p2pd.swarm.good_peers import GoodPeer


class PeerMemory(Protocol):
    """By the id of the torrent."""

    def load(self, torrent_id: int) -> Deferred[list[GoodPeer]]:
        """Those that were kept last."""

    def save(self, torrent_id: int, peers: Sequence[GoodPeer]) -> Deferred[None]:
        """Keep these instead."""
