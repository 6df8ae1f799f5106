"""A local network without sockets: what one node announces there all others hear (BEP 14)."""

from __future__ import annotations

from typing import Callable, Sequence

from p2pd.base.addresses import PeerAddress
from p2pd.discovery.lsd.arrivals import LsdCounts
from p2pd.testing.virtual_time import VirtualNetwork


class LocalSegment:
    """Who is in it. `announces` is how many datagrams were sent, and with how many info-hashes."""

    def __init__(self, network: VirtualNetwork) -> None:
        self.network = network
        self.neighbours: list[MemoryNeighbour] = []
        self.announces: list[tuple[float, str, tuple[bytes, ...]]] = []

    def place(self, host: str) -> MemoryNeighbour:
        """A place for the node at this IP address."""
        self.neighbours.append(MemoryNeighbour(self, host))
        return self.neighbours[-1]

    def spread(self, by: MemoryNeighbour, info_hashes: Sequence[bytes], port: int) -> None:
        """Everybody else who is there hears of it, after the network's latency."""
        self.announces.append((self.network.clock.seconds(), by.host, tuple(info_hashes)))
        for other in self.neighbours:
            if other is not by:
                address = PeerAddress(by.host, port)
                self.network.clock.callLater(
                    self.network.latency, other.hear, address, tuple(info_hashes)
                )


class MemoryNeighbour:
    """One node in it (session.discovering.lsd_network.LsdNetwork)."""

    def __init__(self, segment: LocalSegment, host: str) -> None:
        self.counts = LsdCounts()
        self.heard: Callable[[PeerAddress, Sequence[bytes]], None] = lambda *_: None
        self.changed: Callable[[], None] = lambda: None
        self.host = host
        self.trouble = ""
        self.networks = 0
        self._segment = segment

    def switch(self, on: bool) -> None:
        """Be there, or not."""
        if on is not bool(self.networks):
            self.networks = int(on)
            if on:
                self.changed()

    def hear(self, address: PeerAddress, info_hashes: Sequence[bytes]) -> None:
        """Somebody announced."""
        if self.networks:
            self.counts.received += 1
            self.heard(address, info_hashes)

    def announce(self, info_hashes: Sequence[bytes], port: int) -> int:
        """Tell the others."""
        self.counts.sent += 1
        self._segment.spread(self, info_hashes, port)
        return self.networks

    def close(self) -> None:
        """Be there no more."""
        self.networks = 0
