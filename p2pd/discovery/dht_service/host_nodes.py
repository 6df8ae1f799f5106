"""The nodes of this host: one for each address that is listened at, in each family (BEP 32, 45).

They come and go with the sockets, and share what they store for others. Each has the id it had when
it was last there, which is bound to the address that others see us at (BEP 42).
"""

from __future__ import annotations

import random
from functools import partial
from typing import Callable, Iterator, Sequence

from p2pd.base.addresses import PeerAddress, is_local
from p2pd.base.clock import Clock
from p2pd.discovery.dht.node import DhtNode
from p2pd.discovery.dht.options import DhtOptions
from p2pd.discovery.dht.query_limits import QueryRates
from p2pd.discovery.dht.stores import DhtStores
from p2pd.discovery.dht_service.bucket import Bucket
from p2pd.discovery.dht_service.node_driver import NodeDriver
from p2pd.discovery.dht_service.node_memory import NodeMemory
from p2pd.discovery.dht_service.paced_sending import PacedSending
from p2pd.transports.datagram_batches import Datagram
from p2pd.transports.udp_port import UdpPort
from p2pd.transports.udp_socket import UdpSocket

MOST_NODES = 8
"""Of a host: an interface may have any number of addresses."""

ENOUGH_GOOD = 8
"""Good nodes in a table that finds the others by itself."""

READ_OVER_ANSWERED = 5.0
"""So many times as many datagrams as queries that are answered are looked at in a second."""

VOTE_SECONDS = 1.0
"""Between two words on our address that are passed on."""

UNBOUNDED = 1e9

ID_SIZE = 20

Key = tuple[str, bool]
"""Where a node listens, and whether that is IPv6: a wildcard stands for its family."""

Voted = Callable[[str, str], None]
"""Called with a node's address and the address that it sees us at."""


class HostNodes:
    """`gone` is called with each driver that ends, after it was closed.

    `unread` counts datagrams that were thrown away as they came: too many did.
    """

    def __init__(
        self,
        clock: Clock,
        udp: UdpPort,
        memory: NodeMemory,
        sending: PacedSending,
        stores: DhtStores,
        rng: random.Random,
        *,
        voted: Voted,
        gone: Callable[[NodeDriver], None],
        make_node: Callable[..., DhtNode] = DhtNode,
    ) -> None:
        self._clock = clock
        self._udp = udp
        self._memory = memory
        self._sending = sending
        self._stores = stores
        self._rng = rng
        self._voted = voted
        self._gone = gone
        self._make_node = make_node
        self.unread = 0
        self._reading = Bucket(clock, 0.0)
        self._voted_at = -VOTE_SECONDS
        self._drivers: dict[Key, NodeDriver] = {}

    def __len__(self) -> int:
        return len(self._drivers)

    def __iter__(self) -> Iterator[NodeDriver]:
        return iter(list(self._drivers.values()))

    def follow(self, *, read_only: bool) -> bool:
        """Have a node at each socket, in each family that it reaches; whether any is new."""
        wanted = {key: by for by in self._worth_it() for key in _keys(by)}
        for key, driver in list(self._drivers.items()):
            if wanted.get(key) is not driver.socket:
                self._memory.note([driver])
                self._end(key)
        new = [key for key in list(wanted)[:MOST_NODES] if key not in self._drivers]
        for key in new:
            self._begin(key, wanted[key], read_only)
        self._introduce()
        return bool(new)

    def answer(self, queries: float) -> None:
        """Answer at most so many queries a second; 0: as many as come."""
        rates = QueryRates(of_all=queries or UNBOUNDED, bytes_of_all=200 * (queries or UNBOUNDED))
        self._stores.limits.use(rates)
        self._reading.rate = READ_OVER_ANSWERED * queries

    def end_all(self) -> None:
        """No more of them."""
        self._memory.note(self)
        for key in list(self._drivers):
            self._end(key)

    def received(self, by: UdpSocket, datagrams: Sequence[Datagram]) -> None:
        """What came by a socket in one wake-up."""
        allowed = self._reading.take(len(datagrams))
        if allowed < len(datagrams):
            self.unread += len(datagrams) - allowed
            datagrams = datagrams[:allowed]
        for key in _keys(by):
            driver = self._drivers.get(key)
            if driver is not None:
                ipv6 = key[1]
                both = by.ipv4 and by.ipv6
                driver.received(
                    [each for each in datagrams if each[1].is_ipv6 is ipv6] if both else datagrams
                )
        # An answer may have told of nodes of the other family.
        for driver in self:
            driver.settle()

    def in_need(self) -> list[NodeDriver]:
        """Those whose table does not hold without help."""
        return [driver for driver in self if driver.node.status().good < ENOUGH_GOOD]

    def add_routers(self, addresses: Sequence[PeerAddress]) -> None:
        """Those that need it may begin with these."""
        for driver in self.in_need():
            reached = [each for each in addresses if driver.reaches(each)]
            driver.ask(partial(_add_routers, reached))

    def add_node(self, address: PeerAddress) -> None:
        """There may be a node at an address."""
        for driver in self:
            if driver.reaches(address):
                driver.ask(lambda node, now: node.add_node(address, now))

    def _worth_it(self) -> list[UdpSocket]:
        """The sockets; of IPv6 ones those for the local network only if there are no others."""
        sockets = self._udp.sockets
        if any(each.ipv6 and not is_local(each.host) for each in sockets):
            return [each for each in sockets if not each.ipv6 or not is_local(each.host)]
        return list(sockets)

    def _begin(self, key: Key, by: UdpSocket, read_only: bool) -> None:
        listen, ipv6 = key
        now = self._clock.seconds()
        node = self._make_node(
            self._memory.own_id(listen) or self._rng.randbytes(ID_SIZE),
            ipv6=ipv6,
            rng=self._rng,
            now=now,
            options=DhtOptions(),
            stores=self._stores,
            read_only=read_only,
        )
        node.address_voted = self._vote
        driver = self._drivers[key] = NodeDriver(node, by, listen, self._clock, self._sending)
        for node_id, address in self._memory.nodes(ipv6):
            if driver.reaches(address):
                node.add_node(address, now, node_id)
        driver.settle()

    def _vote(self, voter: PeerAddress, seen: PeerAddress) -> None:
        """Pass it on, once in a while: every answer has one, and they say the same."""
        now = self._clock.seconds()
        if now - self._voted_at >= VOTE_SECONDS:
            self._voted_at = now
            self._voted(voter.host, seen.host)

    def _introduce(self) -> None:
        """Each family's nodes have one of the other family to pass on what they hear of it."""
        first: dict[bool, DhtNode] = {}
        for driver in self:
            first.setdefault(driver.node.ipv6, driver.node)
        for driver in self:
            driver.node.sibling = first.get(not driver.node.ipv6)

    def _end(self, key: Key) -> None:
        driver = self._drivers.pop(key)
        driver.close()
        self._gone(driver)


def _add_routers(addresses: Sequence[PeerAddress], node: DhtNode, now: float) -> None:
    """One of our own network is a node like any other: it is nobody else's way in."""
    for each in addresses:
        if is_local(each.host):
            node.add_node(each, now)
        else:
            node.add_router(each, now)


def _keys(by: UdpSocket) -> list[Key]:
    """What a socket's nodes are known by."""
    if by.ipv4 and by.ipv6:
        return [("0.0.0.0", False), ("::", True)]
    return [(by.host, by.ipv6)]
