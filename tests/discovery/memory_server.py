"""A web server's end of connections in memory, for what is asked with Twisted's Agent."""

from __future__ import annotations

from typing import Any

from twisted.internet.error import ConnectionRefusedError as Refused
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


class MemoryReactor(FakeReactor):
    """Connects at once; `refused` are addresses where nobody answers."""

    def __init__(self) -> None:
        super().__init__()
        self.wires: list[Wire] = []
        self.refused: set[str] = set()

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
        wire = Wire(host, port)
        self.wires.append(wire)
        wire.protocol = factory.buildProtocol(None)
        wire.protocol.makeConnection(wire)
        return wire
