"""UDP sockets that do as a test says, and the part of a reactor that they need."""

from __future__ import annotations

import errno
import socket
from collections import deque
from collections.abc import Callable, Sequence
from typing import Any

from p2pd.base.addresses import PeerAddress, canonical_host
from p2pd.transports.datagram_batches import COUNT, MAPPED, Datagram
from p2pd.transports.udp_port import UdpPort

FIRST_PORT = 40_000
"""What somebody gets who asks for any port."""


class FakeUdpSocket:
    """Bound to a host; `respond` (packet, address) is called for every packet that is sent."""

    def __init__(self, host: str, port: int, device: str = "", *, both: bool = False) -> None:
        self.host = host
        self.port = port or FIRST_PORT
        self.device = device
        self.family = socket.AF_INET6 if ":" in host else socket.AF_INET
        self.type = socket.SOCK_DGRAM
        self.both = both
        self.sent: list[tuple[bytes, tuple[str, int]]] = []
        self.arriving: deque[tuple[bytes, tuple[str, int]] | OSError] = deque()
        self.refusing: deque[OSError | None] = deque()
        """What the next packets end in; None: they are sent."""
        self.open = True
        self.reader: Any = None
        self.respond: Callable[[bytes, tuple[str, int]], object] = lambda packet, address: None

    def receive(self, packet: bytes, address: tuple[str, int]) -> None:
        """A packet comes, and the reactor notices."""
        self.arriving.append((packet, address))
        self.reader.doRead()

    # -- socket.socket ---------------------------------------------------------------------------

    def fileno(self) -> int:
        return id(self)

    def getsockname(self) -> tuple[Any, ...]:
        return (self.host, self.port, *((0, 0) if ":" in self.host else ()))

    def getsockopt(self, level: int, option: int) -> int:
        assert (level, option) == (socket.IPPROTO_IPV6, socket.IPV6_V6ONLY)
        return not self.both

    def recvfrom_into(self, buffer: memoryview) -> tuple[int, tuple[Any, ...]]:
        assert self.open
        if not self.arriving:
            raise BlockingIOError
        found = self.arriving.popleft()
        if isinstance(found, OSError):
            raise found
        data, address = found
        buffer[: len(data)] = data
        return len(data), (*address, *((0, 0) if self.family == socket.AF_INET6 else ()))

    def sendto(self, data: bytes, address: tuple[str, int]) -> int:
        assert self.open
        problem = self.refusing.popleft() if self.refusing else None
        if problem is not None:
            raise problem
        self.sent.append((data, address))
        self.respond(data, address)
        return len(data)

    def close(self) -> None:
        self.open = False


class OneByOne:
    """What KernelBatches does with real sockets."""

    def receive(self, by: Any) -> list[Datagram]:
        found: list[Datagram] = []
        buffer = memoryview(bytearray(65_536))
        try:
            while len(found) < COUNT:
                size, sender = by.recvfrom_into(buffer)
                host, port = canonical_host(sender[0]), sender[1]
                found.append((bytes(buffer[:size]), PeerAddress(host, port)))
        except OSError:
            if not found:
                raise
        return found

    def send(self, by: Any, datagrams: Sequence[Datagram]) -> int:
        for number, (data, (host, port)) in enumerate(datagrams):
            mapped = by.family == socket.AF_INET6 and ":" not in host
            try:
                by.sendto(data, (MAPPED + host if mapped else host, port))
            except OSError as problem:
                if not number:
                    raise
                by.refusing.appendleft(problem)  # the kernel tells of it the next time
                return number
        return len(datagrams)


class FakeUdp:
    """Opens the sockets of one machine, and is told by them who reads and writes."""

    def __init__(self) -> None:
        self.sockets: list[FakeUdpSocket] = []
        self.writers: list[Any] = []
        self.taken: set[int] = set()
        self.absent: set[str] = set()
        """Hosts that this machine does not have."""

    def open(self, host: str, port: int, device: str = "") -> Any:
        port = port or FIRST_PORT
        if host in self.absent:
            raise OSError(errno.EADDRNOTAVAIL, "not here")
        if port in self.taken:
            raise OSError(errno.EADDRINUSE, "taken")
        made = FakeUdpSocket(host, port, device)
        self.sockets.append(made)
        return made

    def addReader(self, reader: Any) -> None:
        reader._socket.reader = reader

    def removeReader(self, reader: Any) -> None:
        reader._socket.reader = None

    def addWriter(self, writer: Any) -> None:
        self.writers.append(writer)

    def removeWriter(self, writer: Any) -> None:
        if writer in self.writers:
            self.writers.remove(writer)

    def open_ones(self) -> list[tuple[str, int]]:
        return [(each.host, each.port) for each in self.sockets if each.open]


def udp_port(udp: FakeUdp, interface: Any = "", port: int = 6881) -> UdpPort:
    """An open port of a machine."""
    made = UdpPort(udp, interface, open_socket=udp.open, batches=OneByOne())
    made.open(port)
    return made
