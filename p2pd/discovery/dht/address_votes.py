"""Our own address, as the nodes that answer us see it (BEP 42): what most of their networks say.

A node of the DHT costs nothing, so a few that agree prove little: only answers to our own questions
count, one for each network, and many of them have to agree.
"""

from __future__ import annotations

from collections import Counter, OrderedDict

from p2pd.base.addresses import PeerAddress, is_local
from p2pd.discovery.dht.table_entry import subnet_of

VOTERS = 40
"""Networks whose latest word counts."""

ENOUGH = 5
"""Networks that must agree, and they must be more than half of all."""


class AddressVotes:
    """`address` is what is believed, None while nothing is; its port is the one told most."""

    __slots__ = ("_counts", "_votes", "address")

    def __init__(self) -> None:
        self._votes: OrderedDict[bytes, PeerAddress] = OrderedDict()
        self._counts: Counter[PeerAddress] = Counter()
        self.address: PeerAddress | None = None

    def told(self, ours: PeerAddress, by: PeerAddress) -> bool:
        """The node at `by` sees us as `ours`; whether another host is believed from now on."""
        subnet = subnet_of(by.host)
        if subnet is None or is_local(ours.host) or ours.is_ipv6 is not by.is_ipv6:
            return False
        former = self._votes.pop(subnet, None)
        self._votes[subnet] = ours
        if former == ours:
            return False
        self._counts[ours] += 1
        if former is not None:
            self._forget(former)
        if len(self._votes) > VOTERS:
            self._forget(self._votes.popitem(last=False)[1])
        return self._count()

    def _forget(self, vote: PeerAddress) -> None:
        self._counts[vote] -= 1
        if not self._counts[vote]:
            del self._counts[vote]

    def _count(self) -> bool:
        hosts: dict[str, int] = {}
        for vote, count in self._counts.items():
            hosts[vote.host] = hosts.get(vote.host, 0) + count
        host, count = max(hosts.items(), key=lambda each: each[1])
        if count < ENOUGH or 2 * count <= len(self._votes):
            return False
        of_host = (vote for vote in self._counts if vote.host == host)
        former, self.address = self.address, max(of_host, key=self._counts.__getitem__)
        return former is None or former.host != host
