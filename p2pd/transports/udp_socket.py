"""One UDP socket on the reactor: reads in batches, and writes into a queue that cannot grow.

Twisted's own port reads a packet, allocates 64 KiB for it and calls its protocol, and what the
kernel has no room for ends in an exception. Here one wake-up's datagrams are read at once and
handed on together, before others have their turn; what cannot be sent waits, up to a bound, and is
dropped beyond it: whoever sends datagrams has to live with lost ones anyway. What datagrams mean is
not known here.
"""

from __future__ import annotations

import errno
import socket
from collections import Counter, deque
from dataclasses import dataclass, field
from typing import Any, Callable, Sequence

from twisted.internet.interfaces import IReadWriteDescriptor
from twisted.logger import Logger
from twisted.python.failure import Failure
from zope.interface import implementer

from p2pd.base.addresses import PeerAddress, canonical_host
from p2pd.transports.datagram_batches import (
    COUNT,
    LARGEST_SENT,
    MAPPED,
    Batches,
    Datagram,
    KernelBatches,
)

MOST_QUEUED = 512
MOST_QUEUED_BYTES = 256 * 1024
"""What may wait for room in the kernel's buffer."""


@dataclass(slots=True)
class UdpCounts:
    """What went over all sockets of a port, without headers."""

    received: Counter[str] = field(default_factory=Counter)
    """Datagrams by what they are; the port that sorts them counts these."""
    received_bytes: int = 0
    sent: int = 0
    sent_bytes: int = 0
    dropped: int = 0
    """Datagrams that the queue had no room for."""
    refused: int = 0
    """Datagrams that the system would not send."""


@implementer(IReadWriteDescriptor)
class UdpSocket:
    """Bound to one address. `ipv4` and `ipv6` say which addresses it can send to: both, if it is
    bound to every address of a host and takes IPv4 as well.

    `received` is called once for each wake-up, with this socket and what came.
    """

    log = Logger()

    def __init__(
        self,
        opened: socket.socket,
        reactor: Any,
        received: Callable[[UdpSocket, list[Datagram]], None],
        counts: UdpCounts,
        batches: Batches | None = None,
    ) -> None:
        self._socket = opened
        self._batches = batches or KernelBatches()
        self._reactor = reactor
        self._received = received
        self._counts = counts
        self._queue: deque[Datagram] = deque()
        self._queued_bytes = 0
        self.host, self.port = _bound_to(opened)
        self.ipv6 = opened.family == socket.AF_INET6
        self.ipv4 = not self.ipv6 or _takes_mapped(opened, self.host)
        self._both = self.ipv4 and self.ipv6
        self.closed = False
        reactor.addReader(self)

    def reaches(self, ipv6: bool) -> bool:
        """Whether it can send to addresses of that family."""
        return self.ipv6 if ipv6 else self.ipv4

    def send(self, data: bytes, address: PeerAddress) -> None:
        """Send, soon, if there is room. Raises OSError when the system refuses."""
        if self.closed:
            raise OSError(errno.EBADF, "shutting down")
        if self._queue or not self._sent(data, address):
            self._enqueue(data, address)

    def send_all(self, datagrams: Sequence[Datagram]) -> None:
        """Send these; those that the system refuses are only counted.

        A busy node of the DHT sends thousands a second: only the system is called for each.
        """
        at = 0
        while at < len(datagrams) and not self.closed:
            if self._queue:
                self._enqueue(*datagrams[at])
                at += 1
            else:
                at += self._send_some(datagrams[at : at + COUNT])

    def close(self) -> None:
        """Give the socket back; what waits is dropped."""
        if not self.closed:
            self.closed = True
            self._queue.clear()
            self._reactor.removeReader(self)
            self._reactor.removeWriter(self)
            self._socket.close()

    # -- what the reactor calls ------------------------------------------------------------------

    def fileno(self) -> int:
        """See IFileDescriptor."""
        return self._socket.fileno()

    def logPrefix(self) -> str:  # noqa: N802 - Twisted's name
        """See ILoggingContext."""
        return f"UDP {self.host}:{self.port}"

    def doRead(self) -> None:  # noqa: N802 - Twisted's name
        """Hand on what came."""
        found = self._read()
        if found:
            try:
                self._received(self, found)
            except Exception:
                # The reactor would let go of the socket, which belongs to others too.
                self.log.failure("datagrams could not be handled")

    def doWrite(self) -> None:  # noqa: N802 - Twisted's name
        """Send what waits, as far as there is room now."""
        queue = self._queue
        for _ in range(min(len(queue), COUNT)):
            data, address = queue[0]
            try:
                if not self._sent(data, address):
                    return
            except OSError:
                pass  # counted
            queue.popleft()
            self._queued_bytes -= len(data)
        if not queue:
            self._reactor.removeWriter(self)

    def connectionLost(self, reason: Failure) -> None:  # noqa: N802 - Twisted's name
        """The reactor ends."""
        self.close()

    # -- reading and writing ---------------------------------------------------------------------

    def _read(self) -> list[Datagram]:
        try:
            found = self._batches.receive(self._socket)
        except BlockingIOError:
            return []
        except OSError as problem:
            # An interface that went down says so once; the port hears of that another way.
            self.log.debug("cannot read: {problem}", problem=problem)
            return []
        self._counts.received_bytes += sum([len(data) for data, _ in found])
        return found

    def _send_some(self, datagrams: Sequence[Datagram]) -> int:
        """With how many it is over: they are sent, or wait, or were refused."""
        try:
            if len(datagrams[0][0]) > LARGEST_SENT:
                if not self._sent(*datagrams[0]):
                    self._enqueue(*datagrams[0])
                return 1
            sent = self._batches.send(self._socket, datagrams)
        except BlockingIOError:
            self._enqueue(*datagrams[0])
            return 1
        except OSError:
            self._counts.refused += 1
            return 1
        self._counts.sent += sent
        self._counts.sent_bytes += sum([len(data) for data, _ in datagrams[:sent]])
        return sent

    def _sent(self, data: bytes, address: PeerAddress) -> bool:
        """False when the kernel has no room now. Raises OSError when it will not send this."""
        host, port = address
        if self._both and ":" not in host:
            host = MAPPED + host
        try:
            self._socket.sendto(data, (host, port))
        except BlockingIOError:
            return False
        except OSError:
            self._counts.refused += 1
            raise
        self._counts.sent += 1
        self._counts.sent_bytes += len(data)
        return True

    def _enqueue(self, data: bytes, address: PeerAddress) -> None:
        full = self._queued_bytes + len(data) > MOST_QUEUED_BYTES
        if full or len(self._queue) >= MOST_QUEUED:
            self._counts.dropped += 1
            return
        if not self._queue:
            self._reactor.addWriter(self)
        self._queue.append((data, address))
        self._queued_bytes += len(data)


def _bound_to(opened: socket.socket) -> tuple[str, int]:
    host, port = opened.getsockname()[:2]
    return canonical_host(host), port


def _takes_mapped(opened: socket.socket, host: str) -> bool:
    if host != "::":
        return False
    return not opened.getsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY)
