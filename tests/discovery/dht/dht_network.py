"""Nodes of the DHT in memory: datagrams take some time, some are lost, and time is virtual."""

from __future__ import annotations

import random
from heapq import heappop, heappush
from typing import Any, Callable

from p2pd.base.addresses import PeerAddress
from p2pd.discovery.dht.node import DhtNode
from p2pd.discovery.dht.node_ids import bound_node_id
from p2pd.discovery.dht.options import DhtOptions
from p2pd.discovery.dht.stores import DhtStores

LATENCY = 0.05


class DhtNetwork:
    """Nodes by their address; `loss` is the part of datagrams that never arrive."""

    def __init__(self, seed: int = 1, loss: float = 0.0) -> None:
        self.rng = random.Random(seed)
        self.loss = loss
        self.now = 1000.0
        self.nodes: dict[PeerAddress, DhtNode] = {}
        self.sent: list[tuple[PeerAddress, PeerAddress, bytes]] = []
        self.listening: Callable[[PeerAddress, PeerAddress, bytes], bytes | None] | None = None
        """May answer in place of nodes that are not there."""
        self._number = 0
        self._events: list[tuple[float, int, PeerAddress, PeerAddress, bytes]] = []

    def address(self, index: int, *, ipv6: bool = False) -> PeerAddress:
        """An address on the internet in a network of its own."""
        if ipv6:
            return PeerAddress(f"2a01:{index + 1:x}::1", 6881)
        return PeerAddress(f"{20 + index // 65536}.{index // 256 % 256}.{index % 256}.9", 6881)

    def add(
        self,
        index: int,
        *,
        ipv6: bool = False,
        options: DhtOptions | None = None,
        stores: DhtStores | None = None,
        node_id: bytes | None = None,
        at: PeerAddress | None = None,
        read_only: bool = False,
    ) -> DhtNode:
        """A node whose id fits its address."""
        address = at or self.address(index, ipv6=ipv6)
        node = DhtNode(
            node_id or bound_node_id(address.host, self.rng),
            ipv6=address.is_ipv6,
            rng=random.Random(self.rng.getrandbits(32)),
            now=self.now,
            options=options,
            stores=stores,
            read_only=read_only,
        )
        self.nodes[address] = node
        return node

    def joined(self, count: int, **more: Any) -> list[DhtNode]:
        """So many nodes that know of the first and found each other."""
        nodes = [self.add(index, **more) for index in range(count)]
        first = next(iter(self.nodes))
        for node in nodes[1:]:
            node.add_node(first, self.now)
            self.run(0.5)
        self.run(60)
        return nodes

    def address_of(self, node: DhtNode) -> PeerAddress:
        """Where a node is."""
        return next(address for address, known in self.nodes.items() if known is node)

    def pump(self) -> None:
        """Take what nodes want to send."""
        for address, node in list(self.nodes.items()):
            for data, to in node.datagrams_to_send():
                self.send(data, address, to)

    def send(self, data: bytes, source: PeerAddress, to: PeerAddress) -> None:
        """A datagram on its way, whoever sends it."""
        self.sent.append((source, to, data))
        if self.rng.random() >= self.loss:
            self._number += 1
            due = self.now + LATENCY * self.rng.uniform(0.5, 1.5)
            heappush(self._events, (due, self._number, source, to, data))

    def run(self, seconds: float) -> None:
        """Let time pass."""
        end = self.now + seconds
        self.pump()
        while True:
            timers = [(node.next_deadline() or end, node) for node in self.nodes.values()]
            due, node = min(timers, key=lambda timer: timer[0], default=(end, None))
            if self._events and self._events[0][0] <= due:
                if self._events[0][0] > end:
                    break
                self._deliver()
            elif due > end or node is None:
                break
            else:
                self.now = max(self.now, due)
                node.handle_timer(self.now)
            self.pump()
        self.now = end

    def run_until(self, condition: Callable[[], Any], limit: float = 120.0) -> None:
        """Let time pass until the condition holds."""
        end = self.now + limit
        while not condition():
            assert self.now < end, f"not within {limit} seconds"
            self.run(0.1)

    def _deliver(self) -> None:
        due, _, source, to, data = heappop(self._events)
        self.now = max(self.now, due)
        node = self.nodes.get(to)
        if node is not None:
            node.receive_datagram(data, source, self.now)
        elif self.listening is not None:
            answer = self.listening(source, to, data)
            if answer is not None:
                self.send(answer, to, source)
