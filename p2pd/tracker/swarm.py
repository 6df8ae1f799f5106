"""The peers of one torrent: counted, and drawn at random, in time that does not grow with them.

What a swarm does not know: when its peers expire, and how big it may become.
"""

from __future__ import annotations

import random
from typing import Sequence

from p2pd.base.addresses import PeerAddress
from p2pd.tracker.swarm_store import SwarmCounts, SwarmPeer


class PeerRow:
    """Peers in no order, one an address."""

    __slots__ = ("_peers", "_places")

    def __init__(self) -> None:
        self._peers: list[SwarmPeer] = []
        self._places: dict[PeerAddress, int] = {}

    def __len__(self) -> int:
        return len(self._peers)

    def __getitem__(self, place: int) -> SwarmPeer:
        return self._peers[place]

    def get(self, address: PeerAddress) -> SwarmPeer | None:
        """The peer at an address."""
        place = self._places.get(address)
        return None if place is None else self._peers[place]

    def put(self, peer: SwarmPeer) -> None:
        """Put a peer in, in place of the one at its address."""
        place = self._places.setdefault(peer.address, len(self._peers))
        if place == len(self._peers):
            self._peers.append(peer)
        else:
            self._peers[place] = peer

    def drop(self, address: PeerAddress) -> None:
        """Take a peer out, if it is in; the last one takes its place."""
        place = self._places.pop(address, None)
        if place is None:
            return
        last = self._peers.pop()
        if place < len(self._peers):
            self._peers[place] = last
            self._places[last.address] = place


class Swarm:
    """Seeders and leechers of one torrent."""

    __slots__ = ("_leechers", "_seeders", "downloads")

    def __init__(self) -> None:
        self._seeders = PeerRow()
        self._leechers = PeerRow()
        self.downloads = 0

    def __len__(self) -> int:
        return len(self._seeders) + len(self._leechers)

    @property
    def counts(self) -> SwarmCounts:
        """As a scrape tells them."""
        return SwarmCounts(len(self._seeders), len(self._leechers), self.downloads)

    def get(self, address: PeerAddress) -> SwarmPeer | None:
        """The peer at an address."""
        return self._leechers.get(address) or self._seeders.get(address)

    def put(self, peer: SwarmPeer) -> None:
        """Put a peer in, or note what became of it."""
        row, other = self._seeders, self._leechers
        if not peer.is_seeder:
            row, other = other, row
        other.drop(peer.address)
        row.put(peer)

    def drop(self, address: PeerAddress) -> None:
        """Take a peer out, if it is in."""
        self._seeders.drop(address)
        self._leechers.drop(address)

    def draw(self, asking: SwarmPeer, count: int, rng: random.Random) -> Sequence[SwarmPeer]:
        """Up to `count` peers at random, without the one that asks; a seeder is given no seeders.

        Each peer is equally likely.
        """
        count = max(0, count)
        seeders = 0 if asking.is_seeder else len(self._seeders)
        total = seeders + len(self._leechers)
        # One more than wanted, because the one that asks may be among them.
        places = rng.sample(range(total), min(total, count + 1))
        drawn = [self._seeders[at] if at < seeders else self._leechers[at - seeders]
                 for at in places]  # fmt: skip
        return [peer for peer in drawn if peer.address != asking.address][:count]
