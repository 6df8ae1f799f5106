"""Where the requests to one web seed connect to, and how many bytes they may bring.

That is counted below HTTP and TLS, so that an endless row of headers keeps no memory.
"""

from __future__ import annotations

from typing import Any

from twisted.internet.endpoints import TCP4ClientEndpoint, TCP6ClientEndpoint, wrapClientTLS
from twisted.internet.interfaces import IStreamClientEndpoint, ITransport
from twisted.internet.protocol import connectionDone
from twisted.protocols.policies import ProtocolWrapper, WrappingFactory
from twisted.python.failure import Failure
from twisted.web.client import URI, BrowserLikePolicyForHTTPS, HTTPConnectionPool
from twisted.web.iweb import IAgentEndpointFactory, IPolicyForHTTPS
from zope.interface import implementer

from p2pd.transports.bound_reactor import BoundReactor
from p2pd.transports.way_out import WILDCARDS, WayOut

CONNECT_SECONDS = 15.0

READ_BYTES = 256 * 1024
"""Bytes that are read from a socket at once."""


class SeedConnection(ProtocolWrapper):
    """One connection to a web seed; it is aborted when it brings more than it may."""

    factory: SeedConnections

    def makeConnection(self, transport: ITransport) -> None:  # noqa: N802 - Twisted's name
        """It is there."""
        transport.bufferSize = READ_BYTES  # type: ignore[attr-defined]
        self.factory.open.add(self)
        super().makeConnection(transport)

    def dataReceived(self, data: bytes) -> None:  # noqa: N802
        """Count, and pass on what it may bring."""
        self.factory.allowance -= len(data)
        if self.factory.allowance < 0:
            self.abortConnection()
        else:
            super().dataReceived(data)

    def connectionLost(self, reason: Failure = connectionDone) -> None:  # noqa: N802
        """It is gone."""
        self.factory.open.discard(self)
        super().connectionLost(reason)


class SeedConnections(WrappingFactory[SeedConnection]):
    """Makes them, and knows those that are open."""

    protocol = SeedConnection
    noisy = False

    def __init__(self, wrapped: Any, owner: SeedEndpoints) -> None:
        super().__init__(wrapped)
        self._owner = owner
        self.open = owner.open
        self.address = owner.address

    @property
    def allowance(self) -> int:
        """Bytes that all of them may still bring."""
        return self._owner.allowance

    @allowance.setter
    def allowance(self, value: int) -> None:
        self._owner.allowance = value


@implementer(IStreamClientEndpoint)
class _Endpoint:
    def __init__(self, endpoint: IStreamClientEndpoint, owner: SeedEndpoints) -> None:
        self._endpoint = endpoint
        self._owner = owner

    def connect(self, protocolFactory: Any) -> Any:  # noqa: N803 - Twisted's name
        """The protocol that the factory made, counted."""
        connecting: Any = self._endpoint.connect(SeedConnections(protocolFactory, self._owner))
        return connecting.addCallback(lambda made: made.wrappedProtocol)


@implementer(IAgentEndpointFactory)
class SeedEndpoints:
    """For an Agent: to `address`, which was looked up and found good for the request to come.

    `policy` judges certificates; None: as browsers do, by the CAs of the system.
    """

    def __init__(self, reactor: Any, way: str | WayOut, policy: IPolicyForHTTPS | None) -> None:
        if isinstance(way, str):
            self._reactor = reactor
            self._bind = None if way in WILDCARDS else (way, 0)
        else:
            self._reactor = BoundReactor(reactor, way)
            self._bind = None
        self._policy = policy
        self.address = ""
        self.allowance = 0
        self.open: set[SeedConnection] = set()

    def endpointForURI(self, uri: URI) -> Any:  # noqa: N802 - Twisted's name
        """An endpoint for ``http:`` or ``https:``, whose certificate is judged."""
        kind = TCP6ClientEndpoint if ":" in self.address else TCP4ClientEndpoint
        tcp = kind(self._reactor, self.address, uri.port, CONNECT_SECONDS, self._bind)
        counted = _Endpoint(tcp, self)
        if uri.scheme != b"https":
            return counted
        if self._policy is None:
            self._policy = BrowserLikePolicyForHTTPS()
        return wrapClientTLS(self._policy.creatorForNetloc(uri.host, uri.port), counted)

    def reached(self) -> set[str]:
        """The addresses to which there is a connection."""
        return {connection.factory.address for connection in self.open}

    def cut(self) -> None:
        """End every connection now."""
        for connection in list(self.open):
            connection.abortConnection()


class SeedPool(HTTPConnectionPool):
    """Connections that wait for the next question, each for the address alone that it leads to.

    By the name alone a question for one address of it would go to another one: what was found good
    to be asked, and is believed for being near, would not be who answers.
    """

    def __init__(self, reactor: Any, endpoints: SeedEndpoints, kept_seconds: int) -> None:
        super().__init__(reactor, persistent=True)
        self.maxPersistentPerHost = 1
        self.cachedConnectionTimeout = kept_seconds
        self._endpoints = endpoints

    def getConnection(self, key: Any, endpoint: Any) -> Any:  # noqa: N802 - Twisted's name
        """One that waits, or a new one."""
        return super().getConnection((*key, self._endpoints.address), endpoint)
