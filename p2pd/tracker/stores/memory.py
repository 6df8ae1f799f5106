"""Swarms in memory: bounded, and forgotten when their peers no longer announce.

The bounds hold whatever strangers send: torrents, peers of one torrent, peers in all, and how many
of these one host may be, so that a single one cannot fill the table.
"""

from __future__ import annotations

import ipaddress
import random
from collections import OrderedDict
from typing import Sequence

from p2pd.base.addresses import PeerAddress
from p2pd.tracker.swarm import Swarm
from p2pd.tracker.swarm_store import KeyMismatchError, SwarmCounts, SwarmPeer, TrackerFullError

MOST_EXPIRED_AT_ONCE = 5000
"""Peers forgotten in one call at most: after a long silence the reactor is not held up."""

V6_NETWORK_BYTES = 8
"""A host has as many IPv6 addresses as it likes within its /64."""


class MemorySwarmStore:
    """A SwarmStore for one process. Peers expire in the order in which they announced."""

    def __init__(
        self,
        *,
        max_torrents: int = 100_000,
        max_peers: int = 10_000,
        max_all_peers: int = 250_000,
        max_of_host: int = 50_000,
        rng: random.Random | None = None,
    ) -> None:
        self.max_torrents = max_torrents
        self._max_peers = max_peers
        self.max_all_peers = max_all_peers
        self._max_of_host = max_of_host
        self._rng = rng or random.SystemRandom()
        self._swarms: dict[bytes, Swarm] = {}
        self._expiry: OrderedDict[tuple[bytes, PeerAddress], float] = OrderedDict()
        self._of_host: dict[bytes, int] = {}

    async def announce(
        self, info_hash: bytes, peer: SwarmPeer, *, event: str, expires: float, now: float
    ) -> SwarmCounts:
        """Put the peer in, or out when it stopped. Raises TrackerFullError, KeyMismatchError."""
        self._expire(now)
        if event == "stopped":
            return self._stopped(info_hash, peer)
        swarm = self._swarms.get(info_hash)
        known = swarm.get(peer.address) if swarm is not None else None
        if known is None:
            self._make_room(swarm, peer.address)
        if swarm is None:
            swarm = self._swarms[info_hash] = Swarm()
        swarm.put(peer)
        self._expiry[info_hash, peer.address] = expires
        self._expiry.move_to_end((info_hash, peer.address))
        if event == "completed" and (known is None or not known.is_seeder):
            swarm.downloads += 1
        return swarm.counts

    async def peers(
        self, info_hash: bytes, asking: SwarmPeer, count: int, *, now: float
    ) -> Sequence[SwarmPeer]:
        """Up to `count` others at random; a seeder is given no seeders."""
        self._expire(now)
        swarm = self._swarms.get(info_hash)
        return [] if swarm is None else swarm.draw(asking, count, self._rng)

    async def scrape(self, info_hash: bytes, *, now: float) -> SwarmCounts | None:
        """The counts of a swarm; None when there is none."""
        self._expire(now)
        swarm = self._swarms.get(info_hash)
        return None if swarm is None else swarm.counts

    def __len__(self) -> int:
        return len(self._swarms)

    @property
    def peers_known(self) -> int:
        """Over all swarms."""
        return len(self._expiry)

    def _stopped(self, info_hash: bytes, peer: SwarmPeer) -> SwarmCounts:
        """Take a peer out. With another's key it is a neighbour behind the same address."""
        swarm = self._swarms.get(info_hash)
        if swarm is None:
            return SwarmCounts()
        known = swarm.get(peer.address)
        if known is not None:
            if known.key and known.key != peer.key:
                raise KeyMismatchError
            self._forget(info_hash, peer.address)
        return swarm.counts

    def _make_room(self, swarm: Swarm | None, address: PeerAddress) -> None:
        """Count one more peer in. Raises TrackerFullError."""
        host = _network(address)
        if (
            (swarm is None and len(self._swarms) >= self.max_torrents)
            or (swarm is not None and len(swarm) >= self._max_peers)
            or len(self._expiry) >= self.max_all_peers
            or self._of_host.get(host, 0) >= self._max_of_host
        ):
            raise TrackerFullError
        self._of_host[host] = self._of_host.get(host, 0) + 1

    def _expire(self, now: float) -> None:
        for _ in range(MOST_EXPIRED_AT_ONCE):
            if not self._expiry or next(iter(self._expiry.values())) > now:
                return
            self._forget(*next(iter(self._expiry)))

    def _forget(self, info_hash: bytes, address: PeerAddress) -> None:
        del self._expiry[info_hash, address]
        host = _network(address)
        self._of_host[host] -= 1
        if not self._of_host[host]:
            del self._of_host[host]
        swarm = self._swarms[info_hash]
        swarm.drop(address)
        if not swarm:
            # How often it was finished is forgotten with the swarm, or memory would only grow.
            del self._swarms[info_hash]


def _network(address: PeerAddress) -> bytes:
    packed = ipaddress.ip_address(address.host).packed
    return packed if len(packed) == 4 else packed[:V6_NETWORK_BYTES]
