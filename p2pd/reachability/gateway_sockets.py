"""The network between us and a gateway, over Twisted: bound to the way out, bounded in all."""

from __future__ import annotations

import socket
from contextlib import suppress
from typing import Any, Callable

from twisted.internet.defer import Deferred
from twisted.internet.error import ConnectError
from twisted.internet.protocol import ClientFactory, DatagramProtocol, Protocol, connectionDone
from twisted.python.failure import Failure

from p2pd.protocols.nat import ssdp
from p2pd.protocols.nat.device_http import AnswerReader, DeviceUrl
from p2pd.protocols.nat.mapping import NatFormatError
from p2pd.reachability.gateway_link import Datagrams, Found, Received, UnreachableError
from p2pd.reachability.gateways import Gateway
from p2pd.transports.bound_reactor import BoundReactor
from p2pd.transports.way_out import bind_to_device

ANSWER_SECONDS = 8.0
"""For a device's answer over HTTP, from dialling to its last byte: some take long to wake up."""

EVERYBODY, ANNOUNCED_PORT = "224.0.0.1", 5350
"""Where gateways tell that they were started: a socket that is bound there hears nothing else."""

LONGEST_DATAGRAM = 4096 + 1
MOST_DATAGRAMS = 500
"""Read by one socket: who sends more is no gateway."""


class GatewaySockets:
    """See GatewayLink."""

    def __init__(self, reactor: Any) -> None:
        self._reactor = reactor

    def connect(
        self, gateway: Gateway, port: int, received: Received, refused: Callable[[], None]
    ) -> Datagrams:
        """See GatewayLink."""
        opened = _Datagrams(lambda packet, _: received(packet), refused, None)
        self._listen(opened, gateway)
        try:
            opened.port.connect(gateway.dialled, port)
        except OSError as problem:
            opened.close()
            raise UnreachableError(f"it cannot be reached: {problem.strerror}") from None
        return opened

    def search(self, gateway: Gateway, found: Found) -> Datagrams:
        """See GatewayLink."""
        targets = [(ssdp.GROUP, ssdp.PORT), (gateway.dialled, ssdp.PORT)]
        opened = _Datagrams(found, lambda: None, targets)
        self._listen(opened, gateway)
        try:
            local = socket.inet_aton(gateway.local_host)
            opened.port.socket.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_IF, local)
            opened.port.socket.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_TTL, ssdp.HOPS)
        except OSError as problem:
            opened.close()
            raise UnreachableError(f"it cannot be searched for: {problem.strerror}") from None
        return opened

    def overhear(self, gateway: Gateway, received: Received) -> Datagrams:
        """See GatewayLink."""

        def heard(packet: bytes, host: str) -> None:
            if host == gateway.host:
                received(packet)

        opened = _Datagrams(heard, lambda: None, [])
        try:
            opened.port = self._reactor.listenMulticast(
                ANNOUNCED_PORT, opened, EVERYBODY, LONGEST_DATAGRAM, listenMultiple=True
            )
            bind_to_device(opened.port.socket, gateway.device)
        except Exception as problem:
            opened.close()
            raise UnreachableError(f"it cannot be overheard: {problem}"[:200]) from None
        return opened

    async def ask(self, gateway: Gateway, url: DeviceUrl, request: bytes) -> tuple[int, bytes]:
        """See GatewayLink."""
        factory = _AskFactory(request)
        bound = BoundReactor(self._reactor, _Way(gateway))
        try:
            connector = bound.connectTCP(url.host, url.port, factory, ANSWER_SECONDS)
        except ConnectError as problem:
            raise UnreachableError(f"cannot connect: {problem}") from None
        answered = factory.answered
        answered.addTimeout(ANSWER_SECONDS, self._reactor, _silent)
        try:
            return await answered
        finally:
            _hang_up(connector)

    def _listen(self, opened: _Datagrams, gateway: Gateway) -> None:
        try:
            opened.port = self._reactor.listenUDP(
                0, opened, gateway.local_host, maxPacketSize=LONGEST_DATAGRAM
            )
            bind_to_device(opened.port.socket, gateway.device)
        except Exception as problem:
            opened.close()
            raise UnreachableError(f"no socket can be had for it: {problem}"[:200]) from None


class _Way:
    """The way out that a gateway is on."""

    def __init__(self, gateway: Gateway) -> None:
        self.device = gateway.device
        self._local = gateway.local_host

    def address(self, ipv6: bool) -> str | None:
        return self._local if (":" in self._local) is ipv6 else None


class _Datagrams(DatagramProtocol):
    """`targets` is where to send; None: the socket is connected."""

    port: Any = None

    def __init__(
        self, received: Found, refused: Callable[[], None], targets: list[tuple[str, int]] | None
    ) -> None:
        self._received = received
        self._refused = refused
        self._targets = targets
        self._left = MOST_DATAGRAMS

    def send(self, packet: bytes) -> None:
        """See Datagrams."""
        problems: list[str] = []
        for target in [None] if self._targets is None else self._targets:
            try:
                if self.transport is not None:
                    self.transport.write(packet, target)
            except Exception as problem:
                problems.append(str(problem)[:200])
        if problems and len(problems) == len(self._targets or [None]):
            raise UnreachableError(f"it cannot be reached: {problems[0]}")

    def close(self) -> None:
        """See Datagrams."""
        port, self.port = self.port, None
        self._left = 0
        if port is not None:
            with suppress(Exception):
                port.stopListening()

    def datagramReceived(self, datagram: bytes, addr: Any) -> None:  # noqa: N802 - Twisted's name
        """Somebody sent something."""
        self._left -= 1
        if self._left >= 0:
            self._received(datagram, addr[0])

    def connectionRefused(self) -> None:  # noqa: N802 - Twisted's name
        """Nobody is at that port."""
        self._refused()

    def stopProtocol(self) -> None:  # noqa: N802 - Twisted's name
        """Closed, and not by us: that is what becomes of a refusal under epoll."""
        if self.port is not None:
            self.port = None
            self._refused()


class _Ask(Protocol):
    factory: _AskFactory

    def connectionMade(self) -> None:  # noqa: N802 - Twisted's name
        """Ask."""
        self._reader = AnswerReader()
        assert self.transport is not None
        self.transport.write(self.factory.request)

    def dataReceived(self, data: bytes) -> None:  # noqa: N802 - Twisted's name
        """A part of the answer."""
        self._read(lambda: self._reader.receive_data(data))

    def connectionLost(self, reason: Failure = connectionDone) -> None:  # noqa: N802
        """The end."""
        self._read(self._reader.end)

    def _read(self, read: Callable[[], None]) -> None:
        if self.factory.answered.called:
            return
        try:
            read()
        except NatFormatError as problem:
            self.factory.answered.errback(Failure(UnreachableError(str(problem))))
        else:
            if self._reader.complete:
                self.factory.answered.callback((self._reader.status, self._reader.body))


class _AskFactory(ClientFactory):
    noisy = False

    def __init__(self, request: bytes) -> None:
        self.request = request
        self.answered: Deferred[tuple[int, bytes]] = Deferred()

    def buildProtocol(self, addr: object) -> Any:  # noqa: N802 - Twisted's name
        """For the one connection."""
        made = _Ask()
        made.factory = self
        return made

    def clientConnectionFailed(self, connector: Any, reason: Failure) -> None:  # noqa: N802
        """Nobody is there."""
        if not self.answered.called:
            words = str(reason.value)[:200].rstrip(".")
            self.answered.errback(Failure(UnreachableError(f"cannot connect: {words}")))


def _hang_up(connector: Any) -> None:
    """Whatever the device still has to say."""
    if connector.state == "connecting":
        connector.stopConnecting()
    elif connector.state == "connected":
        connector.transport.abortConnection()


def _silent(_result: object, seconds: float) -> Any:
    raise UnreachableError(f"no answer within {seconds:.0f} seconds")
