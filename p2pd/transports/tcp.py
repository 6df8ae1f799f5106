"""TCP streams on Twisted's reactor that read into one shared buffer and write with sendmsg.

Twisted's own transport allocates a bytes object for every read and joins what is written; at
1 GB/s both show. Here all connections of a reactor read into one scratch buffer (what arrives is
parsed before the next read, so nobody needs it longer) and the write queue goes to the kernel as
it is, up to 64 buffers a call, without a copy.
"""

from __future__ import annotations

import errno
import socket
from collections import deque
from itertools import islice
from typing import Any, Sequence, cast

from twisted.internet import address as twisted_address
from twisted.internet import main, protocol, tcp
from twisted.internet.error import CannotListenError
from twisted.internet.interfaces import IAddress, IConnector, IReactorCore
from twisted.logger import ILogObserver, LogEvent, Logger, globalLogPublisher
from twisted.python.failure import Failure
from zope.interface import implementer

from p2pd.base.addresses import PeerAddress, canonical_host
from p2pd.transports.interfaces import (
    Buffer,
    Connected,
    Dialling,
    Failed,
    Landing,
    Listening,
    StreamReceiver,
)

READ_SIZE = 1024 * 1024
"""Bytes of one read, and the end of a wake-up: then other sockets have their turn.

Each return to the kernel also lets go of the interpreter lock, and worker threads that take it then
keep the reactor waiting. Four reads of a quarter measured a tenth slower.
"""

BUFFERS_PER_SEND = 64
LOW_WATER = 256 * 1024
"""Bytes still queued at which the receiver is told that it may write more."""

BACKLOG = 512

TROUBLE_SECONDS = 60.0
"""From one warning that nobody can be accepted to the next."""

_scratch = memoryview(bytearray(READ_SIZE))


class VectoredConnection(tcp.Connection):
    """The reading and writing half shared by accepted and dialled sockets."""

    protocol: TcpStream

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        self.queue: deque[Buffer] = deque()
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
            batch = list(islice(queue, BUFFERS_PER_SEND))
            try:
                sent = self.socket.sendmsg(batch)
            except (BlockingIOError, InterruptedError):
                return None
            except OSError:
                return cast(Exception, main.CONNECTION_LOST)
            self.queued -= sent
            if not self.queued:
                queue.clear()
                return None
            for buffer in batch:
                if sent < len(buffer):
                    if sent:
                        queue[0] = memoryview(buffer)[sent:]
                    return None
                sent -= len(buffer)
                queue.popleft()
        return None

    def connectionLost(self, reason: Failure) -> None:  # noqa: N802, D102 - Twisted's name
        self.queue.clear()
        self.queued = 0
        super().connectionLost(reason)


class VectoredServer(VectoredConnection, tcp.Server):
    """An accepted connection."""


class VectoredClient(VectoredConnection, tcp.Client):
    """A dialled connection."""


@implementer(ILogObserver)
class _AcceptTroubles:
    """Passes on what Twisted logs while accepting, and says now and then when descriptors ran out.

    Twisted keeps a descriptor in reserve: with that it accepts who came and hangs up at once, so as
    not to be woken for ever by somebody it cannot accept.
    """

    log = Logger()

    def __init__(self) -> None:
        self._said = -TROUBLE_SECONDS

    def __call__(self, event: LogEvent) -> None:
        globalLogPublisher({**event, "log_namespace": tcp.__name__})
        if not event.get("log_format", "").startswith("EMFILE encountered"):
            return
        if event["log_time"] - self._said >= TROUBLE_SECONDS:
            self._said = event["log_time"]
            self.log.warn("peers that come are hung up on: no file descriptor is left (ulimit -n)")


class VectoredPort(tcp.Port):
    """A listening port that accepts vectored connections."""

    transport = VectoredServer
    _logger = Logger(observer=_AcceptTroubles())

    def createInternetSocket(self) -> socket.socket:  # noqa: N802, D102 - Twisted's name
        made = cast(socket.socket, super().createInternetSocket())
        if made.family == socket.AF_INET6 and self.interface == "::":
            made.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
        return made


class VectoredConnector(tcp.Connector):
    """A connection attempt that ends in a vectored connection."""

    def _makeTransport(self) -> VectoredClient:  # noqa: N802 - Twisted's name
        return VectoredClient(self.host, self.port, self.bindAddress, self, self.reactor)


class TcpStream(protocol.Protocol):
    """A PeerStream over a vectored connection."""

    transport: VectoredConnection

    def __init__(self, connected: Connected, address: PeerAddress) -> None:
        self._connected = connected
        self._address = address
        self.receiver: StreamReceiver = _Nobody()
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
        receiver, self.receiver = self.receiver, _Nobody()
        self.landing = None
        receiver.stream_lost(reason.getErrorMessage())


class _Nobody:
    """Listens while nobody else does."""

    def stream_received(self, data: memoryview) -> None:
        pass

    def stream_writable(self) -> None:
        pass

    def stream_lost(self, reason: str) -> None:
        pass


class PeerFactory(protocol.Factory):
    """Builds a stream for every connection that a port accepts."""

    noisy = False

    def __init__(self, connected: Connected) -> None:
        self._connected = connected

    def buildProtocol(self, addr: IAddress | None) -> TcpStream:  # noqa: N802, D102 - Twisted's name
        dialler = cast(twisted_address.IPv4Address, addr)
        address = PeerAddress(canonical_host(dialler.host), dialler.port)
        return TcpStream(self._connected, address)


class _DialFactory(protocol.ClientFactory):
    noisy = False

    def __init__(self, address: PeerAddress, connected: Connected, failed: Failed) -> None:
        self._address = address
        self._connected = connected
        self._failed: Failed | None = failed

    def buildProtocol(self, addr: IAddress | None) -> TcpStream:  # noqa: N802
        return TcpStream(self._connected, self._address)

    def clientConnectionFailed(self, connector: IConnector, reason: Failure) -> None:  # noqa: N802
        if self._failed is not None:
            self._failed(reason.getErrorMessage())

    def forget(self) -> None:
        self._failed = None


class _Dial:
    def __init__(self, connector: VectoredConnector, factory: _DialFactory) -> None:
        self._connector = connector
        self._factory = factory

    def cancel(self) -> None:
        self._factory.forget()
        if self._connector.state == "connecting":
            self._connector.stopConnecting()


class _Listening:
    def __init__(self, port: tcp.Port) -> None:
        self._port = port

    @property
    def port(self) -> int:
        return cast(int, self._port.getHost().port)

    async def close(self) -> None:
        await self._port.stopListening()


class TcpTransport:
    """Dials and listens on TCP, bound to one interface address if given (empty: all).

    `handed` is a socket that listens already; the first `listen` takes it, whatever its port.
    """

    name = "tcp"

    def __init__(
        self, reactor: IReactorCore, interface: str = "", handed: socket.socket | None = None
    ) -> None:
        self._reactor = reactor
        self._interface = interface
        self._handed = handed

    def dial(
        self, address: PeerAddress, connected: Connected, failed: Failed, timeout: float
    ) -> Dialling:
        """Connect; see :class:`p2pd.transports.interfaces.StreamTransport`."""
        factory = _DialFactory(address, connected, failed)
        bind = (self._interface, 0) if self._interface else None
        connector = VectoredConnector(
            address.host, address.port, factory, timeout, bind, self._reactor
        )
        connector.connect()
        return _Dial(connector, factory)

    def listen(self, port: int, connected: Connected) -> Listening:
        """Accept at a port; with no interface given on IPv4 and IPv6, where the host has both.

        Raises CannotListenError when the port is taken.
        """
        factory = PeerFactory(connected)
        if self._handed is not None:
            return self._adopt(self._handed, factory)
        if not self._interface:
            both = VectoredPort(port, factory, BACKLOG, "::", self._reactor)
            try:
                both.startListening()
            except CannotListenError as problem:
                if problem.socketError.errno in (errno.EADDRINUSE, errno.EACCES):
                    raise
                # no IPv6 on this host: IPv4 alone is a complete service
            else:
                return _Listening(both)
        one = VectoredPort(port, factory, BACKLOG, self._interface, self._reactor)
        one.startListening()
        return _Listening(one)

    def _adopt(self, handed: socket.socket, factory: PeerFactory) -> Listening:
        self._handed = None
        adopted = VectoredPort._fromListeningDescriptor(
            self._reactor, handed.fileno(), handed.family, factory
        )
        handed.close()  # the port has a descriptor of its own
        adopted.startListening()
        return _Listening(adopted)
