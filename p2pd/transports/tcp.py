"""TCP streams on Twisted's reactor that read into one shared buffer and write with sendmsg.

Twisted's own transport allocates a bytes object for every read and joins what is written; at
1 GB/s both show. Here all connections of a reactor read into one scratch buffer (what arrives is
parsed before the next read, so nobody needs it longer) and the write queue goes to the kernel as
it is, up to 64 buffers a call, without a copy.
"""

from __future__ import annotations

import socket
from typing import Any, Sequence, cast

from twisted.internet import main, protocol, tcp
from twisted.internet.interfaces import IAddress, IConnector
from twisted.python.failure import Failure

from p2pd.base.addresses import PeerAddress
from p2pd.transports.interfaces import (
    Buffer,
    Connected,
    Failed,
    Landing,
    Nobody,
    StreamReceiver,
)
from p2pd.transports.tcp_counts import TcpCounts
from p2pd.transports.way_out import bound_to_device

READ_SIZE = 1024 * 1024
"""Bytes of one read, and the end of a wake-up: then other sockets have their turn.

Each return to the kernel also lets go of the interpreter lock, and worker threads that take it then
keep the reactor waiting. Four reads of a quarter measured a tenth slower.
"""

BUFFERS_PER_SEND = 64
LOW_WATER = 256 * 1024
"""Bytes still queued at which the receiver is told that it may write more."""

_scratch = memoryview(bytearray(READ_SIZE))


class VectoredConnection(tcp.Connection):
    """The reading and writing half shared by accepted and dialled sockets."""

    protocol: TcpStream

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        self.queue: list[Buffer] = []
        self.queued = 0
        self._wanted = False
        super().__init__(*args, **kwargs)

    def doRead(self) -> Any:  # noqa: N802, D102 - Twisted's name and contract
        landing = self.protocol.landing
        places = landing.buffers() if landing is not None else ()
        try:
            if places:
                size = self.socket.recvmsg_into(places)[0]
            else:
                size = self.socket.recv_into(_scratch)
        except (BlockingIOError, InterruptedError):
            return None
        except OSError:
            return main.CONNECTION_LOST
        if not size:
            return main.CONNECTION_DONE
        self.protocol.counts.received += size
        if landing is not None and places:
            landing.filled(size)
        else:
            self.protocol.received(_scratch[:size])
        return None

    def write_buffers(self, buffers: Sequence[Buffer]) -> None:
        """Queue buffers, and send at once what the socket takes if nothing waits before them."""
        if not self.connected or self.disconnecting:
            return
        idle = not self.queue
        self.queue.extend(buffers)
        self.queued += sum(map(len, buffers))
        if idle and self.queue and (self._send() is not None or self.queue):
            # An error met here is reported by doWrite, out of the reactor's own loop: the caller
            # must not find its stream lost while it is writing.
            self.startWriting()

    def doWrite(self) -> Any:  # noqa: N802, D102 - Twisted's name and contract
        problem = self._send()
        if problem is not None:
            return problem
        if self.queued <= LOW_WATER and not self.disconnecting:
            self._wanted = False
            self.protocol.receiver.stream_writable()
        if not self.queue and (self.disconnecting or not self._wanted):
            self.stopWriting()
            if self.disconnecting:
                return main.CONNECTION_DONE
        return None

    def call_when_writable(self) -> None:
        """Have the receiver told so when the socket takes more, even if nothing is queued."""
        if self.connected and not self.disconnecting:
            self._wanted = True
            self.startWriting()

    def _send(self) -> Exception | None:
        queue = self.queue
        while queue:
            batch = queue[:BUFFERS_PER_SEND]
            try:
                sent = self.socket.sendmsg(batch)
            except (BlockingIOError, InterruptedError):
                return None
            except OSError:
                return cast(Exception, main.CONNECTION_LOST)
            self.queued -= sent
            self.protocol.counts.sent += sent
            if not self.queued:
                queue.clear()
                return None
            for position, buffer in enumerate(batch):
                if sent < len(buffer):
                    if sent:
                        queue[position] = memoryview(buffer)[sent:]
                    del queue[:position]
                    return None
                sent -= len(buffer)
            del queue[: len(batch)]
        return None

    def connectionLost(self, reason: Failure) -> None:  # noqa: N802, D102 - Twisted's name
        self.queue.clear()
        self.queued = 0
        super().connectionLost(reason)


class VectoredServer(VectoredConnection, tcp.Server):
    """An accepted connection."""


class VectoredClient(VectoredConnection, tcp.Client):
    """A dialled connection."""

    def createInternetSocket(self) -> socket.socket:  # noqa: N802, D102 - Twisted's name
        return bound_to_device(super().createInternetSocket(), self.connector.device)


class VectoredConnector(tcp.Connector):
    """A connection attempt that ends in a vectored connection."""

    device = ""

    def _makeTransport(self) -> VectoredClient:  # noqa: N802 - Twisted's name
        return VectoredClient(self.host, self.port, self.bindAddress, self, self.reactor)


class TcpStream(protocol.Protocol):
    """A PeerStream over a vectored connection."""

    transport: VectoredConnection
    binding: bytes | None = None
    """What goes over it goes in the clear, as far as this layer knows."""

    def __init__(self, connected: Connected, address: PeerAddress, counts: TcpCounts) -> None:
        self.counts = counts
        self._connected = connected
        self._address = address
        self.receiver: StreamReceiver = Nobody()
        self.landing: Landing | None = None

    @property
    def address(self) -> PeerAddress:
        """The other end."""
        return self._address

    @property
    def pending(self) -> int:
        """Bytes queued here; what the kernel has taken no longer counts."""
        return self.transport.queued

    def write(self, buffers: Sequence[Buffer]) -> None:
        """Send these in order."""
        self.transport.write_buffers(buffers)

    def call_when_writable(self) -> None:
        """Tell the receiver when the socket takes more."""
        self.transport.call_when_writable()

    def pause(self) -> None:
        """Leave what comes to the kernel, which tells the sender when it has enough."""
        self.transport.pauseProducing()

    def resume(self) -> None:
        """Read again."""
        self.transport.resumeProducing()

    def close(self) -> None:
        """Send what is pending, then close."""
        self.transport.loseConnection()

    def abort(self) -> None:
        """Close now."""
        self.transport.abortConnection()

    def received(self, data: memoryview) -> None:
        """Bytes from the socket, valid during this call."""
        self.receiver.stream_received(data)

    def connectionMade(self) -> None:  # noqa: N802, D102 - Twisted's name
        self.transport.setTcpNoDelay(True)
        self.receiver = self._connected(self)

    def connectionLost(self, reason: Failure = protocol.connectionDone) -> None:  # noqa: N802, D102
        receiver, self.receiver = self.receiver, Nobody()
        self.landing = None
        receiver.stream_lost(reason.getErrorMessage())


class DialFactory(protocol.ClientFactory):
    """Builds the stream of one attempt, or says why there is none."""

    noisy = False

    def __init__(
        self, address: PeerAddress, connected: Connected, failed: Failed, counts: TcpCounts
    ) -> None:
        self._counts = counts
        self._address = address
        self._connected = connected
        self._failed: Failed | None = failed

    def buildProtocol(self, addr: IAddress | None) -> TcpStream:  # noqa: N802, D102 - Twisted's name
        return TcpStream(self._connected, self._address, self._counts)

    def clientConnectionFailed(self, connector: IConnector, reason: Failure) -> None:  # noqa: N802, D102
        if self._failed is not None:
            self._failed(reason.getErrorMessage())

    def forget(self) -> None:
        """The caller gave up: nothing more is said."""
        self._failed = None
