"""How large a swarm is, of what many nodes tell of it (BEP 33)."""

from __future__ import annotations

from p2pd.base.addresses import PeerAddress
from p2pd.discovery.dht.bloom_filter import BloomFilter
from p2pd.protocols.krpc.arguments import Values, taken_filter
from p2pd.protocols.krpc.compact import pack_address

MOST_PLAIN = 4000
"""Peers of nodes that know no filters, of which no more are remembered."""


class SwarmCount:
    """Filters of all nodes joined; nodes that have none are counted by the peers they tell of."""

    def __init__(self) -> None:
        self._seeds = BloomFilter()
        self._peers = BloomFilter()
        self._plain: set[bytes] = set()
        self._told = False

    def add(self, values: Values, peers: list[PeerAddress]) -> None:
        """What one node answered. Raises FormatError."""
        seeds, others = taken_filter(values, b"BFsd"), taken_filter(values, b"BFpe")
        if seeds is not None and others is not None:
            self._told = True
            self._seeds.join(BloomFilter(seeds))
            self._peers.join(BloomFilter(others))
        elif peers:
            self._told = True
            room = MOST_PLAIN - len(self._plain)
            self._plain.update(pack_address(peer)[:-2] for peer in peers[: max(room, 0)])

    def estimates(self) -> tuple[float | None, float | None]:
        """Seeds and other peers; None for both when nobody told of any."""
        if not self._told:
            return None, None
        for host in self._plain:
            if host not in self._seeds:
                self._peers.insert(host)
        return self._seeds.estimate(), self._peers.estimate()
