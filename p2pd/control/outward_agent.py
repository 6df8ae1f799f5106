"""Where torrents are fetched from: servers outside by the way out that peers and trackers have.

Whoever binds peers to a VPN does not want his own address shown to a site with torrents. Servers of
one's own network, an indexer beside the daemon, cannot be reached by that way: they are asked
directly.
"""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit

from twisted.internet.defer import Deferred
from twisted.web.client import Agent
from twisted.web.http_headers import Headers
from twisted.web.iweb import IAgent, IResponse

from p2pd.base.addresses import is_local
from p2pd.discovery.tracker_client.bounded_endpoints import BoundedEndpoints
from p2pd.discovery.tracker_client.names import Names
from p2pd.transports.way_out import WayOut


class OutwardAgent:
    """An Agent over both; a connection ends after so many seconds, and with so many bytes."""

    def __init__(self, reactor: Any, way: str | WayOut, seconds: float, most: int) -> None:
        self._names = Names(reactor)
        self._outside = self._agent(reactor, way, seconds, most)
        self._local = self._agent(reactor, "", seconds, most)

    def _agent(self, reactor: Any, way: str | WayOut, seconds: float, most: int) -> IAgent:
        endpoints = BoundedEndpoints(reactor, way, seconds, most, self._names.known)
        agent: IAgent = Agent.usingEndpointFactory(reactor, endpoints)
        return agent

    def request(self, method: bytes, url: bytes, headers: Headers) -> Deferred[IResponse]:
        """See IAgent. Fails with TrackerError, too: a name that cannot be found."""
        return Deferred.fromCoroutine(self._request(method, url, headers))

    async def _request(self, method: bytes, url: bytes, headers: Headers) -> IResponse:
        addresses = await self._names.addresses(urlsplit(url.decode("ascii")).hostname or "")
        agent = self._local if all(map(is_local, addresses)) else self._outside
        response: IResponse = await agent.request(method, url, headers)
        return response
