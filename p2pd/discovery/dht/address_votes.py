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

    __slots__ = ("_votes", "address")

    def __init__(self) -> None:
        self._votes: OrderedDict[bytes, PeerAddress] = OrderedDict()
        self.address: PeerAddress | None = None

    def told(self, ours: PeerAddress, by: PeerAddress) -> bool:
        """The node at `by` sees us as `ours`; whether another host is believed from now on."""
        subnet = subnet_of(by.host)
        if subnet is None or is_local(ours.host) or ours.is_ipv6 is not by.is_ipv6:
            return False
        self._votes[subnet] = ours
        self._votes.move_to_end(subnet)
        if len(self._votes) > VOTERS:
            self._votes.popitem(last=False)
        return self._count()

    def _count(self) -> bool:
        host, count = Counter(vote.host for vote in self._votes.values()).most_common(1)[0]
        if count < ENOUGH or 2 * count <= len(self._votes):
            return False
        ports = Counter(vote.port for vote in self._votes.values() if vote.host == host)
        former, self.address = self.address, PeerAddress(host, ports.most_common(1)[0][0])
        return former is None or former.host != host
