"""What is sent to other nodes, over HTTP and HTTPS, whosever certificate their API has.

Most have one that nobody vouches for, or none. What is said is signed and encrypted by itself
(protocols/enrolment), so nothing depends on that. Nodes of one's own networks are asked directly,
others by the way out that peers have; what they answer is bounded in bytes and in time.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from OpenSSL import SSL
from twisted.internet.interfaces import IOpenSSLClientConnectionCreator
from twisted.web.client import Agent
from twisted.web.iweb import IPolicyForHTTPS
from zope.interface import implementer

from p2pd.automation.private_addresses import PrivateAddresses
from p2pd.automation.web import Web, WebError, WebRequest
from p2pd.base.addresses import is_local
from p2pd.discovery.tracker_client.bounded_endpoints import BoundedEndpoints
from p2pd.discovery.tracker_client.names import Names
from p2pd.discovery.tracker_client.request_target import RequestTarget
from p2pd.protocols.enrolment.exchange import MAX_ANSWER
from p2pd.protocols.tracker.announce import TrackerError
from p2pd.transports.way_out import WayOut

PATH = "/enrol"
"""Below the address of a node's control API."""

SECONDS = 60.0
GRACE_BYTES = 1024 * 1024
"""For headers, chunks and TLS beside an answer."""

EVERYWHERE = ("0.0.0.0/0", "::/0")
"""Whom to ask says the user, or the node with the CA."""


class NodePost:
    """Sends a request to a node, and has its answer."""

    def __init__(self, reactor: Any, way: str | WayOut) -> None:
        self._names = Names(reactor)
        self._outside = self._web(reactor, way)
        self._local = self._web(reactor, "")

    async def send(self, address: str, body: bytes) -> bytes:
        """The answer of the node at an address. Raises WebError."""
        web = await self._web_for(address)
        headers = {"Content-Type": "application/octet-stream"}
        url = address.rstrip("/") + PATH
        asked = WebRequest(url, b"POST", headers, body=body, most=MAX_ANSWER)
        answer = await web.ask(asked)
        if answer.code not in (200, 403):
            raise WebError(f"{address}: {_meaning(answer.code)}", answer.code)
        return answer.body

    async def hosts(self, address: str) -> Sequence[str]:
        """The IP addresses of the node at an address. Raises WebError."""
        try:
            return await self._names.addresses(RequestTarget.of(address).host)
        except TrackerError as problem:
            raise WebError(f"{address}: {problem}") from None

    async def _web_for(self, address: str) -> Web:
        return self._local if all(map(is_local, await self.hosts(address))) else self._outside

    def _web(self, reactor: Any, way: str | WayOut) -> Web:
        endpoints = BoundedEndpoints(
            reactor, way, SECONDS, MAX_ANSWER + GRACE_BYTES, self._names.known, AnyCertificate()
        )
        agent = Agent.usingEndpointFactory(reactor, endpoints)
        return Web(reactor, way, PrivateAddresses(EVERYWHERE), agent, self._names)


@implementer(IPolicyForHTTPS)
class AnyCertificate:
    """Takes every certificate."""

    def creatorForNetloc(self, hostname: bytes, port: int) -> Any:  # noqa: N802 - Twisted's name
        """What makes the connections to a server."""
        return _Connections(hostname)


@implementer(IOpenSSLClientConnectionCreator)
class _Connections:
    def __init__(self, host: bytes) -> None:
        self._host = host

    def clientConnectionForTLS(self, tlsProtocol: Any) -> SSL.Connection:  # noqa: N802, N803
        context = SSL.Context(SSL.TLS_CLIENT_METHOD)
        context.set_min_proto_version(SSL.TLS1_2_VERSION)
        connection = SSL.Connection(context, None)
        if not self._host.replace(b".", b"").isdigit() and b":" not in self._host:
            connection.set_tlsext_host_name(self._host)
        return connection


def _meaning(code: int) -> str:
    match code:
        case 404 | 405:
            return "what answers there gives no certificates: is it the control API of a p2pd?"
        case 429 | 503:
            return "it is busy: try again in a moment"
    return f"it answers with HTTP status {code}"
