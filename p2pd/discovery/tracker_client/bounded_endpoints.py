"""Connections to HTTP servers that end by themselves, whatever the tracker does.

So many bytes and so many seconds, counted below HTTP and TLS: an endless row of headers, a TLS
connection that is never closed, a body that nobody reads cannot keep memory or a socket.
"""

from __future__ import annotations

from typing import Any, Callable, Sequence

from twisted.internet.endpoints import (
    HostnameEndpoint,
    TCP4ClientEndpoint,
    TCP6ClientEndpoint,
    wrapClientTLS,
)
from twisted.internet.interfaces import IStreamClientEndpoint
from twisted.protocols.policies import WrappingFactory
from twisted.web.client import URI, BrowserLikePolicyForHTTPS
from twisted.web.iweb import IAgentEndpointFactory, IPolicyForHTTPS
from zope.interface import implementer

from p2pd.base.clock import Clock
from p2pd.transports.bound_reactor import BoundReactor
from p2pd.transports.old_age import AgeingConnection
from p2pd.transports.way_out import WILDCARDS, WayOut

CONNECT_SECONDS = 15.0
MOST_RECEIVED = 2 * 1024 * 1024 + 256 * 1024
"""Bytes: the longest answer of a tracker, and room for its headers and for TLS."""


class BoundedConnection(AgeingConnection):
    """A connection that is aborted when it brought too much or is too old."""

    factory: _BoundedFactory
    _received = 0

    def dataReceived(self, data: bytes) -> None:  # noqa: N802 - Twisted's name
        """Count, and pass on what is within the bound."""
        self._received += len(data)
        if self._received > self.factory.most:
            self.cut()
        else:
            super().dataReceived(data)


class _BoundedFactory(WrappingFactory[BoundedConnection]):
    protocol = BoundedConnection
    noisy = False

    def __init__(self, wrapped: Any, clock: Clock, seconds: float, most: int) -> None:
        super().__init__(wrapped)
        self.clock = clock
        self.most = most
        self.oldest = seconds


@implementer(IStreamClientEndpoint)
class _BoundedEndpoint:
    def __init__(
        self, endpoint: IStreamClientEndpoint, clock: Clock, seconds: float, most: int
    ) -> None:
        self._endpoint = endpoint
        self._most = most
        self._clock = clock
        self._seconds = seconds

    def connect(self, protocolFactory: Any) -> Any:  # noqa: N803 - Twisted's name
        """The protocol that the factory made, behind the bound."""
        factory = _BoundedFactory(protocolFactory, self._clock, self._seconds, self._most)
        connecting: Any = self._endpoint.connect(factory)
        return connecting.addCallback(lambda made: made.wrappedProtocol)


@implementer(IAgentEndpointFactory)
class BoundedEndpoints:
    """Where an Agent connects to: from `interface` (empty: any), for `seconds` at most.

    `most` is how many bytes a connection may bring. `known` has the addresses of a host as far as
    they need no lookup.
    """

    def __init__(
        self,
        reactor: Any,
        interface: str | WayOut,
        seconds: float,
        most: int = MOST_RECEIVED,
        known: Callable[[str], Sequence[str]] = lambda host: (),
        policy: IPolicyForHTTPS | None = None,
    ) -> None:
        """`policy` judges certificates; None: as browsers do."""
        self._clock = reactor
        self._known = known
        if isinstance(interface, str):
            self._reactor = reactor
            self._bind = None if interface in WILDCARDS else (interface, 0)
        else:
            self._reactor = BoundReactor(reactor, interface)
            self._bind = None
        self._seconds = seconds
        self._most = most
        self._policy = BrowserLikePolicyForHTTPS() if policy is None else policy

    def endpointForURI(self, uri: URI) -> Any:  # noqa: N802 - Twisted's name
        """An endpoint for ``http:`` or ``https:``, whose certificate is judged."""
        tcp = self._tcp(uri.host.decode("ascii"), uri.port)
        bounded = _BoundedEndpoint(tcp, self._clock, self._seconds, self._most)
        if uri.scheme == b"https":
            return wrapClientTLS(self._policy.creatorForNetloc(uri.host, uri.port), bounded)
        return bounded

    def _tcp(self, host: str, port: int) -> Any:
        """To the one address that is known; of several the quickest is found out.

        That, and a second lookup, are a third of what an announce costs here.
        """
        known = self._known(host)
        if len(known) != 1:
            return HostnameEndpoint(
                self._reactor, host, port, timeout=CONNECT_SECONDS, bindAddress=self._bind
            )
        kind = TCP6ClientEndpoint if ":" in known[0] else TCP4ClientEndpoint
        return kind(self._reactor, known[0], port, CONNECT_SECONDS, self._bind)
