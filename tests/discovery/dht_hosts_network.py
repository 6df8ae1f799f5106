"""Hosts with a UDP port each, between which datagrams take a while, on one clock."""

from __future__ import annotations

import random
from typing import Any

from twisted.internet.defer import Deferred, succeed

from p2pd.base.errors import StateError
from p2pd.discovery.dht_service.service import DhtService, DhtServiceOptions
from p2pd.state.dht_nodes import SavedDht
from p2pd.transports.udp_port import UdpPort
from tests.discovery.fake_network import FakeReactor
from tests.transports.fake_udp import FakeUdp, FakeUdpSocket, OneByOne

DELAY = 0.02
PORT = 6881


class MemoryStore:
    """What was saved; `fails` has both refuse."""

    def __init__(self) -> None:
        self.saved = SavedDht()
        self.saves = 0
        self.fails = False

    def load(self) -> Deferred[SavedDht]:
        if self.fails:
            raise StateError("no")
        return succeed(self.saved)

    def save(self, saved: SavedDht) -> Deferred[None]:
        if self.fails:
            raise StateError("no")
        self.saved = saved
        self.saves += 1
        return succeed(None)


class Network:
    """What joins the hosts; a datagram to where nobody is is lost."""

    def __init__(self) -> None:
        self.clock = FakeReactor()
        self.sockets: dict[str, FakeUdpSocket] = {}
        self.sent: list[tuple[str, tuple[str, int], bytes]] = []

    def join(self, made: FakeUdpSocket, host: str) -> None:
        """Datagrams of this socket come from `host`."""
        self.sockets[host] = made

        def sent(data: bytes, address: tuple[str, int]) -> None:
            self.sent.append((host, address, data))
            self.clock.callLater(DELAY, self._deliver, data, host, address[0])

        made.respond = sent

    def _deliver(self, data: bytes, sender: str, receiver: str) -> None:
        there = self.sockets.get(receiver)
        if there is not None and there.open:
            there.receive(data, (sender, PORT))

    def run(self, seconds: float, step: float = 0.1) -> None:
        for _ in range(int(seconds / step)):
            self.clock.advance(step)


class Host:
    """A host with a service; `hosts` are its addresses, to which its sockets are bound in turn."""

    def __init__(
        self, network: Network, *hosts: str, interface: Any = None, seed: int = 1, **options: Any
    ) -> None:
        self.network = network
        self.udp = FakeUdp()
        self.store = options.pop("store", None) or MemoryStore()
        self.votes: list[tuple[str, str]] = []
        by = interface or hosts[0]
        self.port = UdpPort(self.udp, by, open_socket=self.open, batches=OneByOne())
        self._hosts = list(hosts)
        on = options.pop("on", True)
        self.service = DhtService(
            network.clock,
            self.port,
            self.store,
            DhtServiceOptions(**options),
            on=on,
            rng=random.Random(f"{hosts}{seed}"),
        )
        self.service.voted = lambda voter, seen: self.votes.append((voter, seen))

    def open(self, host: str, port: int, device: str) -> Any:
        made = self.udp.open(host, port, device)
        # bound to a wildcard, it is at the next of our addresses of its family
        at = next(each for each in self._hosts if (":" in each) is (":" in host))
        self.network.join(made, at if host in ("0.0.0.0", "::") else host)
        return made

    def start(self) -> None:
        self.port.open(PORT)
        Deferred.fromCoroutine(self.service.start())

    def stop(self) -> None:
        Deferred.fromCoroutine(self.service.stop())
        self.port.close()

    def good(self) -> list[int]:
        return [each.good for each in self.service.status().nodes]
