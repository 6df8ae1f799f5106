"""Swarms in memory: bounded, and forgotten when their peers no longer announce."""

from __future__ import annotations

import random
from collections import OrderedDict
from typing import Sequence

from p2pd.base.addresses import PeerAddress
from p2pd.tracker.swarm_store import KeyMismatchError, SwarmCounts, SwarmPeer, TrackerFullError

Swarm = OrderedDict[PeerAddress, tuple[SwarmPeer, float]]
"""Peers with the time at which they expire, the next to expire first."""


class MemorySwarmStore:
    """A SwarmStore for one process. Bounds: torrents, and peers in each of them."""

    def __init__(
        self,
        *,
        max_torrents: int = 100_000,
        max_peers: int = 10_000,
        rng: random.Random | None = None,
    ) -> None:
        self._max_torrents = max_torrents
        self._max_peers = max_peers
        self._rng = rng or random.SystemRandom()
        self._swarms: dict[bytes, Swarm] = {}
        self._downloads: dict[bytes, int] = {}

    async def announce(
        self, info_hash: bytes, peer: SwarmPeer, *, event: str, expires: float, now: float
    ) -> SwarmCounts:
        """Put the peer in, or out when it stopped. Raises TrackerFullError, KeyMismatchError."""
        swarm = self._swarm(info_hash, now)
        known = swarm.get(peer.address) if swarm is not None else None
        if known is not None and known[0].key and known[0].key != peer.key:
            raise KeyMismatchError
        if event == "stopped":
            if swarm is not None:
                swarm.pop(peer.address, None)
                self._drop_if_empty(info_hash, swarm)
            return self._counts(info_hash)
        if swarm is None:
            swarm = self._new_swarm(info_hash, now)
        if known is None and len(swarm) >= self._max_peers:
            raise TrackerFullError
        swarm[peer.address] = (peer, expires)
        swarm.move_to_end(peer.address)
        if event == "completed" and (known is None or not known[0].is_seeder):
            self._downloads[info_hash] = self._downloads.get(info_hash, 0) + 1
        return self._counts(info_hash)

    async def peers(
        self, info_hash: bytes, asking: SwarmPeer, count: int, *, now: float
    ) -> Sequence[SwarmPeer]:
        """Up to `count` others at random; a seeder is given no seeders."""
        swarm = self._swarm(info_hash, now)
        if swarm is None or count <= 0:
            return []
        others = [
            peer
            for peer, _ in swarm.values()
            if peer.address != asking.address and not (asking.is_seeder and peer.is_seeder)
        ]
        return others if len(others) <= count else self._rng.sample(others, count)

    async def scrape(self, info_hash: bytes, *, now: float) -> SwarmCounts | None:
        """The counts of a swarm; None when there is none."""
        self._swarm(info_hash, now)
        if info_hash not in self._swarms and info_hash not in self._downloads:
            return None
        return self._counts(info_hash)

    def __len__(self) -> int:
        return len(self._swarms)

    def _swarm(self, info_hash: bytes, now: float) -> Swarm | None:
        """The swarm without the peers that expired."""
        swarm = self._swarms.get(info_hash)
        if swarm is None:
            return None
        while swarm and next(iter(swarm.values()))[1] <= now:
            swarm.popitem(last=False)
        self._drop_if_empty(info_hash, swarm)
        return swarm or None

    def _new_swarm(self, info_hash: bytes, now: float) -> Swarm:
        if len(self._swarms) >= self._max_torrents:
            for other in list(self._swarms):
                self._swarm(other, now)
            if len(self._swarms) >= self._max_torrents:
                raise TrackerFullError
        swarm = self._swarms[info_hash] = OrderedDict()
        return swarm

    def _drop_if_empty(self, info_hash: bytes, swarm: Swarm) -> None:
        if not swarm:
            self._swarms.pop(info_hash, None)
            # How often it was finished is forgotten with the swarm, or memory would only grow.
            self._downloads.pop(info_hash, None)

    def _counts(self, info_hash: bytes) -> SwarmCounts:
        swarm = self._swarms.get(info_hash, OrderedDict())
        seeders = sum(peer.is_seeder for peer, _ in swarm.values())
        downloads = self._downloads.get(info_hash, 0)
        return SwarmCounts(seeders, len(swarm) - seeders, downloads)
