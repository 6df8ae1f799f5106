"""A web server's end of connections in memory, for what is asked with Twisted's Agent."""

from __future__ import annotations

from typing import Any

from twisted.internet.address import IPv4Address
from twisted.internet.error import ConnectionRefusedError as Refused
from twisted.internet.error import UserError
from twisted.internet.testing import StringTransport
from twisted.python.failure import Failure

from tests.discovery.fake_network import FakeReactor


class Wire(StringTransport):
    """One connection: what was asked over it, and whether it was given up."""

    def __init__(self, host: str, port: int) -> None:
        super().__init__()
        self.at = (host, port)
        self.aborted = False
        self.protocol: Any = None

    def abortConnection(self) -> None:
        self.aborted = True

    @property
    def requests(self) -> list[str]:
        """The heads of all requests."""
        return self.value().decode().split("\r\n\r\n")[:-1]

    def answer(self, head: str, body: bytes = b"") -> None:
        """Send it, whether or not anybody asked."""
        self.protocol.dataReceived(head.replace("\n", "\r\n").encode() + b"\r\n\r\n" + body)

    def send(self, data: bytes) -> None:
        """More of a body."""
        self.protocol.dataReceived(data)


class Connecting:
    """A connection that does not come about."""

    def __init__(self, host: str, port: int, factory: Any) -> None:
        self._at = (host, port)
        self._factory = factory

    def getDestination(self) -> IPv4Address:
        return IPv4Address("TCP", *self._at)

    def stopConnecting(self) -> None:
        self._factory.clientConnectionFailed(self, Failure(UserError()))


class MemoryReactor(FakeReactor):
    """Connects at once; it is refused at the addresses `refused`, `silent` ones never answer."""

    def __init__(self) -> None:
        super().__init__()
        self.wires: list[Wire] = []
        self.refused: set[str] = set()
        self.silent: set[str] = set()

    def connectTCP(
        self,
        host: str,
        port: int,
        factory: Any,
        timeout: float,
        bindAddress: Any,  # noqa: N803
    ) -> Any:
        factory.doStart()
        if host in self.refused:
            factory.clientConnectionFailed(None, Failure(Refused()))
            return None
        if host in self.silent:
            connecting = Connecting(host, port, factory)
            factory.startedConnecting(connecting)
            return connecting
        wire = Wire(host, port)
        self.wires.append(wire)
        wire.protocol = factory.buildProtocol(None)
        wire.protocol.makeConnection(wire)
        return wire
