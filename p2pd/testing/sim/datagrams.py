"""A network of datagrams in virtual time: they arrive after a delay, or not at all.

For parties without input or output of their own, such as the nodes of the DHT: bytes and the time
go in, datagrams and a deadline come out. There are no rates: what such parties send is little.
"""

from __future__ import annotations

import random
from typing import Iterable, Protocol

from p2pd.base.addresses import PeerAddress
from p2pd.testing.sim.event_clock import EventClock


class DatagramParty(Protocol):
    """Whoever sends and receives, as ``discovery.dht.node.DhtNode`` does."""

    def receive_datagram(self, data: bytes, address: PeerAddress, now: float) -> None:
        """A datagram from `address`."""

    def datagrams_to_send(self) -> Iterable[tuple[bytes, PeerAddress]]:
        """What is to be sent, once."""

    def next_deadline(self) -> float | None:
        """When ``handle_timer`` is to be called, if nothing happens before."""

    def handle_timer(self, now: float) -> None:
        """The deadline has come."""


class Endpoint:
    """A party at its address, and its way to the middle of the network, in seconds."""

    __slots__ = ("address", "delay", "due", "here", "party")

    def __init__(self, address: PeerAddress, party: DatagramParty, delay: float) -> None:
        self.address = address
        self.party = party
        self.delay = delay
        self.due: float | None = None
        self.here = True


class DatagramNetwork:
    """Carries datagrams between the endpoints that are there. `loss` is a share of all of them."""

    def __init__(self, clock: EventClock, rng: random.Random, loss: float = 0.0) -> None:
        self.clock = clock
        self.sent = 0
        self.sent_bytes = 0
        self._rng = rng
        self._loss = loss
        self._endpoints: dict[PeerAddress, Endpoint] = {}

    def __len__(self) -> int:
        return len(self._endpoints)

    def join(self, address: PeerAddress, party: DatagramParty, delay: float) -> Endpoint:
        """From now on it is there."""
        endpoint = self._endpoints[address] = Endpoint(address, party, delay)
        self.carry(endpoint)
        return endpoint

    def leave(self, endpoint: Endpoint) -> None:
        """Gone without a word; what is under way to it is lost."""
        endpoint.here = False
        del self._endpoints[endpoint.address]

    def carry(self, endpoint: Endpoint) -> None:
        """Take what a party has to send, and see when it wants to be woken.

        To be called whenever something was asked of a party from outside.
        """
        clock, party = self.clock, endpoint.party
        for data, to in party.datagrams_to_send():
            self.sent += 1
            self.sent_bytes += len(data)
            receiver = self._endpoints.get(to)
            if receiver is not None and self._rng.random() >= self._loss:
                arrives = clock.now + endpoint.delay + receiver.delay
                clock.at(arrives, self._deliver, receiver, data, endpoint.address)
        due = party.next_deadline()
        if due is not None and (endpoint.due is None or due < endpoint.due):
            endpoint.due = due
            clock.at(max(due, clock.now), self._wake, endpoint, due)

    def _deliver(self, receiver: Endpoint, data: bytes, sender: PeerAddress) -> None:
        if receiver.here:
            receiver.party.receive_datagram(data, sender, self.clock.now)
            self.carry(receiver)

    def _wake(self, endpoint: Endpoint, due: float) -> None:
        # One that was asked for before an earlier one has nothing to say any more.
        if endpoint.here and endpoint.due == due:
            endpoint.due = None
            wanted = endpoint.party.next_deadline()
            if wanted is not None and wanted <= self.clock.now:
                endpoint.party.handle_timer(self.clock.now)
            self.carry(endpoint)
