"""Dialling and listening on TCP by one way out, followed as its addresses come and go."""

from __future__ import annotations

import errno
import socket
import weakref
from typing import Any, cast

from twisted.internet import tcp
from twisted.internet.defer import DeferredList
from twisted.internet.error import CannotListenError
from twisted.logger import Logger

from p2pd.base.addresses import PeerAddress
from p2pd.transports.accepting import BACKLOG, PeerFactory, VectoredPort
from p2pd.transports.interfaces import (
    Admits,
    Connected,
    Dialling,
    Failed,
    Listening,
    PeerStream,
    StreamReceiver,
    everybody,
)
from p2pd.transports.tcp import DialFactory, TcpStream, VectoredConnector
from p2pd.transports.tcp_counts import TcpCounts
from p2pd.transports.way_out import InterfaceWay, WayOut, way_of


class TcpTransport:
    """Dials and listens on TCP, bound to one interface or address if given (empty: all).

    `handed` are sockets that listen already: the first `listen` takes the first, whatever its port,
    and the second the second; where there is None it opens one.
    """

    name = "tcp"

    def __init__(
        self, reactor: Any, interface: str | WayOut = "", *handed: socket.socket | None
    ) -> None:
        self.counts = TcpCounts()
        self._reactor = reactor
        self._way = way_of(interface)
        self._handed = list(handed)
        self._following: list[_FollowingPort] = []
        self._streams: weakref.WeakSet[TcpStream] = weakref.WeakSet()

    def dial(
        self, address: PeerAddress, connected: Connected, failed: Failed, timeout: float
    ) -> Dialling:
        """Connect; see :class:`p2pd.transports.interfaces.StreamTransport`."""
        bind = self._way.address(address.is_ipv6)
        if bind is None:
            return _NoWay(self._reactor.callLater(0, failed, "no way out to its kind of address"))
        factory = DialFactory(address, self._followed(connected), failed, self.counts)
        connector = VectoredConnector(
            address.host, address.port, factory, timeout, (bind, 0) if bind else None, self._reactor
        )
        connector.device = self._way.device
        connector.connect()
        return _Dial(connector, factory)

    def listen(self, port: int, connected: Connected, admits: Admits = everybody) -> Listening:
        """Accept at a port; with no interface given on IPv4 and IPv6, where the host has both.

        Raises CannotListenError when the port is taken.
        """
        factory = PeerFactory(self._followed(connected), admits, self.counts)
        handed = self._handed.pop(0) if self._handed else None
        if handed is not None:
            return self._adopt(handed, factory)
        if isinstance(self._way, InterfaceWay):
            following = _FollowingPort(self._reactor, self._way, port, factory)
            self._following.append(following)
            return following
        interface = self._way.address(False) or self._way.address(True) or ""
        if not interface:
            both = VectoredPort(port, factory, BACKLOG, "::", self._reactor)
            try:
                both.startListening()
            except CannotListenError as problem:
                if problem.socketError.errno in (errno.EADDRINUSE, errno.EACCES):
                    raise
                # no IPv6 on this host: IPv4 alone is a complete service
            else:
                return _Listening(both)
        one = VectoredPort(port, factory, BACKLOG, interface, self._reactor)
        one.startListening()
        return _Listening(one)

    def follow(self) -> int:
        """The way's addresses changed: listen there, and end what goes by others; how many."""
        assert isinstance(self._way, InterfaceWay)
        for following in self._following:
            following.follow()
        ended = 0
        for stream in list(self._streams):
            connection = stream.transport
            if connection.connected and connection.getHost().host not in self._way.addresses:
                stream.abort()
                ended += 1
        return ended

    def _followed(self, connected: Connected) -> Connected:
        if not self._way.device:
            return connected

        def noted(stream: PeerStream) -> StreamReceiver:
            self._streams.add(cast(TcpStream, stream))
            return connected(stream)

        return noted

    def _adopt(self, handed: socket.socket, factory: PeerFactory) -> Listening:
        adopted = VectoredPort._fromListeningDescriptor(
            self._reactor, handed.fileno(), handed.family, factory
        )
        handed.close()  # the port has a descriptor of its own
        adopted.startListening()
        return _Listening(adopted)


class _Dial:
    def __init__(self, connector: VectoredConnector, factory: DialFactory) -> None:
        self._connector = connector
        self._factory = factory

    def cancel(self) -> None:
        self._factory.forget()
        if self._connector.state == "connecting":
            self._connector.stopConnecting()


class _NoWay:
    """An attempt that fails in a moment."""

    def __init__(self, call: Any) -> None:
        self._call = call

    def cancel(self) -> None:
        if self._call.active():
            self._call.cancel()


class _Listening:
    def __init__(self, port: tcp.Port) -> None:
        self._port = port

    @property
    def port(self) -> int:
        return cast(int, self._port.getHost().port)

    async def close(self) -> None:
        await self._port.stopListening()


class _FollowingPort:
    """Listens at every address of an interface, at the same port; at none while it has none."""

    log = Logger()

    def __init__(self, reactor: Any, way: InterfaceWay, port: int, factory: PeerFactory) -> None:
        self.port = port
        self._reactor = reactor
        self._way = way
        self._factory = factory
        self._ports: dict[str, VectoredPort] = {}
        for address in way.addresses:
            self._open(address)

    def follow(self) -> None:
        for address in [each for each in self._ports if each not in self._way.addresses]:
            self._ports.pop(address).stopListening()
        for address in self._way.addresses:
            if address not in self._ports:
                try:
                    self._open(address)
                except CannotListenError as problem:
                    self.log.error("{problem}", problem=str(problem))

    async def close(self) -> None:
        ports, self._ports = self._ports, {}
        await DeferredList([port.stopListening() for port in ports.values()], consumeErrors=True)

    def _open(self, address: str) -> None:
        made = VectoredPort(self.port, self._factory, BACKLOG, address, self._reactor)
        made.device = self._way.device
        made.startListening()
        self._ports[address] = made
        self.port = made.getHost().port
