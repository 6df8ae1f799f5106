"""A reactor whose TCP connections go by one way out, for Twisted's endpoints and agents."""

from __future__ import annotations

import socket
from typing import Any, cast

from twisted.internet import tcp
from twisted.internet.error import ConnectBindError
from zope.interface import directlyProvides, providedBy

from p2pd.transports.way_out import WayOut, bound_to_device


class _BoundClient(tcp.Client):
    def createInternetSocket(self) -> socket.socket:  # noqa: N802 - Twisted's name
        made = cast(socket.socket, super().createInternetSocket())
        return bound_to_device(made, self.connector.device)


class _BoundConnector(tcp.Connector):
    device = ""

    def _makeTransport(self) -> _BoundClient:  # noqa: N802 - Twisted's name
        return _BoundClient(self.host, self.port, self.bindAddress, self, self.reactor)


class BoundReactor:
    """The reactor, but for `connectTCP`: to an IP address, from the way's address or not at all."""

    def __init__(self, reactor: Any, way: WayOut) -> None:
        self._reactor = reactor
        self._way = way
        directlyProvides(self, *providedBy(reactor))

    def __getattr__(self, name: str) -> Any:
        return getattr(self._reactor, name)

    def connectTCP(  # noqa: N802 - Twisted's name
        self,
        host: str,
        port: int,
        factory: Any,
        timeout: float = 30,
        bindAddress: tuple[str, int] | None = None,  # noqa: N803 - Twisted's name
    ) -> Any:
        """See IReactorTCP. Raises ConnectBindError when there is no way to that kind of address."""
        address = self._way.address(":" in host)
        if address is None:
            kind = "IPv6" if ":" in host else "IPv4"
            raise ConnectBindError(string=f"{self._way.device} has no {kind} address")
        connector = _BoundConnector(host, port, factory, timeout, (address, 0), self._reactor)
        connector.device = self._way.device
        connector.connect()
        return connector
