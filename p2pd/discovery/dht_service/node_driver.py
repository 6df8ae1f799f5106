"""One node of the DHT on its socket: hands it what comes and the time, and sends what it says."""

from __future__ import annotations

from typing import Callable, Iterable

from p2pd.base.addresses import PeerAddress
from p2pd.base.clock import Clock, DelayedCall
from p2pd.discovery.dht.node import DhtNode
from p2pd.discovery.dht_service.loopback import is_loopback
from p2pd.discovery.dht_service.paced_sending import PacedSending
from p2pd.transports.datagram_batches import Datagram
from p2pd.transports.udp_socket import UdpSocket

LEAST_SECONDS = 0.05
"""Between two looks at deadlines: those that are due in between are handled together."""


class NodeDriver:
    """`listen` is the address that its id is kept for: a wildcard's stands for its family."""

    def __init__(
        self, node: DhtNode, by: UdpSocket, listen: str, clock: Clock, sending: PacedSending
    ) -> None:
        self.node = node
        self.socket = by
        self.listen = listen
        self.at_home = is_loopback(by.host)
        """Whether it reaches nobody but this machine."""
        self._clock = clock
        self._sending = sending
        self._call: DelayedCall | None = None
        self._due = 0.0
        self._closed = False

    def received(self, datagrams: Iterable[Datagram]) -> None:
        """What came in one wake-up; `settle` is called for all nodes of the host after that."""
        now = self._clock.seconds()
        receive = self.node.receive_datagram
        for data, address in datagrams:
            receive(data, address, now)

    def ask(self, work: Callable[[DhtNode, float], object]) -> None:
        """Have the node do something, and send what that leads to."""
        if not self._closed:
            work(self.node, self._clock.seconds())
            self.settle()

    def reaches(self, address: PeerAddress) -> bool:
        """Whether it is of use to tell it of an address."""
        return address.is_ipv6 is self.node.ipv6 and self.at_home <= is_loopback(address.host)

    def settle(self) -> None:
        """Send what there is to send, and wait for what is due next."""
        if self._closed:
            return
        self._sending.send(self.socket, self.node.datagrams_to_send())
        due = self.node.next_deadline()
        if due is None:
            self._sleep()
            return
        now = self._clock.seconds()
        due = max(due, now + LEAST_SECONDS)
        # An earlier wake-up does no harm, and setting a timer anew for each datagram costs.
        if self._call is None or due < self._due:
            self._sleep()
            self._due = due
            self._call = self._clock.callLater(due - now, self._woken)

    def close(self) -> None:
        """No more of it; its socket is not ours."""
        self._closed = True
        self._sleep()

    def _woken(self) -> None:
        self._call = None
        self.node.handle_timer(self._clock.seconds())
        self.settle()

    def _sleep(self) -> None:
        if self._call is not None:
            self._call.cancel()
            self._call = None
