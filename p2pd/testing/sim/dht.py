"""A network of DHT nodes in virtual time: real nodes that come and go, and their datagrams.

Each has a public address of its own and an id that fits it (BEP 42), knows some of the others when
it comes, and leaves without a word. All chance comes from one number.
"""

from __future__ import annotations

import ipaddress
import random
from typing import Callable

from p2pd.base.addresses import PeerAddress
from p2pd.discovery.dht.node import DhtNode
from p2pd.discovery.dht.node_ids import bound_node_id
from p2pd.discovery.dht.options import DhtOptions
from p2pd.testing.sim.datagrams import DatagramNetwork, DatagramParty, Endpoint
from p2pd.testing.sim.event_clock import EventClock

HOUR = 3600.0
KNOWN = 3
"""Others that a node is told of when it comes."""

LEAST_DELAY, MOST_DELAY = 0.005, 0.1
"""Seconds to the middle of the network."""

PORT = 6881


class SimulatedDhtNode:
    """A node and where it is; `honest` is whether it does as it should."""

    __slots__ = ("endpoint", "honest", "node", "place", "stays")

    def __init__(self, node: DhtNode, endpoint: Endpoint, place: int, stays: bool) -> None:
        self.node = node
        self.endpoint = endpoint
        self.place = place
        self.stays = stays
        self.honest = True

    @property
    def address(self) -> PeerAddress:
        """Its address."""
        return self.endpoint.address

    @property
    def here(self) -> bool:
        """Whether it has not left."""
        return self.endpoint.here


class DhtSwarm:
    """Nodes of one DHT. `loss` is the share of datagrams that do not arrive."""

    def __init__(
        self, seed: int = 0, *, loss: float = 0.01, options: DhtOptions | None = None
    ) -> None:
        self.clock = EventClock()
        self.rng = random.Random(f"dht {seed}")
        self.network = DatagramNetwork(self.clock, random.Random(f"datagrams {seed}"), loss)
        self.nodes: list[SimulatedDhtNode] = []
        self.left = 0
        self._options = options or DhtOptions()
        self._hosts: set[str] = set()

    @property
    def now(self) -> float:
        """Virtual seconds since the start."""
        return self.clock.now

    def run(self, seconds: float) -> None:
        """Let time pass."""
        self.clock.run_to(self.clock.now + seconds)

    # -- who is there --------------------------------------------------------------------------

    def add(
        self, *, stays: bool = False, party: Callable[[DhtNode], DatagramParty] | None = None
    ) -> SimulatedDhtNode:
        """A node that joins now. `party` puts something between it and the network."""
        host = self._new_host()
        rng = random.Random(self.rng.getrandbits(64))
        node = DhtNode(
            bound_node_id(host, rng), ipv6=False, rng=rng, now=self.now, options=self._options
        )
        for other in self.rng.sample(self.nodes, min(KNOWN, len(self.nodes))):
            node.add_node(other.address, self.now)
        delay = self.rng.uniform(LEAST_DELAY, MOST_DELAY)
        outside = node if party is None else party(node)
        endpoint = self.network.join(PeerAddress(host, PORT), outside, delay)
        simulated = SimulatedDhtNode(node, endpoint, len(self.nodes), stays)
        simulated.honest = party is None
        self.nodes.append(simulated)
        return simulated

    def grow(self, count: int, seconds: float) -> None:
        """Let so many join, one after the other, while time passes."""
        for _ in range(count):
            self.add()
            self.run(seconds / count)

    def remove(self, node: SimulatedDhtNode) -> None:
        """It leaves without a word."""
        self.network.leave(node.endpoint)
        last = self.nodes.pop()
        if last is not node:
            self.nodes[node.place] = last
            last.place = node.place
        self.left += 1

    def churn(self, share: float, seconds: float) -> None:
        """Ask for this to happen: of those that are here now that share leaves in an hour.

        For each that leaves another one comes, both at any time.
        """
        for _ in range(round(len(self.nodes) * share * seconds / HOUR)):
            self.clock.at(self.now + self.rng.uniform(0, seconds), self._one_leaves)
            self.clock.at(self.now + self.rng.uniform(0, seconds), self.add)

    def any_honest(self) -> SimulatedDhtNode:
        """One of those that are here, by chance."""
        while not (node := self.rng.choice(self.nodes)).honest:
            pass
        return node

    def carry(self, node: SimulatedDhtNode) -> None:
        """After something was asked of a node: let its datagrams go out."""
        self.network.carry(node.endpoint)

    def _one_leaves(self) -> None:
        while (node := self.rng.choice(self.nodes)).stays:
            pass
        self.remove(node)

    def _new_host(self) -> str:
        while True:
            address = ipaddress.IPv4Address(self.rng.getrandbits(32))
            if address.is_global and not address.is_multicast and str(address) not in self._hosts:
                self._hosts.add(str(address))
                return str(address)
