"""HTTP requests to servers that strangers may have chosen: bounded in every way.

In bytes, seconds and redirects; to addresses that are public or were allowed; by the way out that
peers and trackers have. What is sent and what answers mean is not known here. A login and cookies
are for the server they were given for: where it redirects to they are not sent.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Mapping, Sequence
from urllib.parse import urljoin, urlsplit

from twisted.internet.defer import CancelledError, Deferred, succeed
from twisted.internet.error import ConnectError
from twisted.internet.interfaces import IConsumer
from twisted.internet.protocol import Protocol, connectionDone
from twisted.python.failure import Failure
from twisted.web.client import Agent, ResponseDone
from twisted.web.http import PotentialDataLoss
from twisted.web.http_headers import Headers
from twisted.web.iweb import IAgent, IBodyProducer, IResponse
from zope.interface import implementer

from p2pd import __version__
from p2pd.automation.private_addresses import PrivateAddresses
from p2pd.base.errors import P2pdError
from p2pd.discovery.tracker_client.bounded_endpoints import BoundedEndpoints
from p2pd.discovery.tracker_client.http_tracker import GRACE_SECONDS, REDIRECTS, in_words
from p2pd.discovery.tracker_client.names import Names
from p2pd.discovery.tracker_client.request_target import RequestTarget, redirected
from p2pd.protocols.tracker.announce import TrackerError
from p2pd.transports.way_out import WayOut

SECONDS = 60.0
"""For a whole request, with its redirects."""

MOST_BYTES = 32 * 1024 * 1024
HEADERS = 1024 * 1024
"""Bytes for headers, chunks and TLS beside a body."""

TRIED_ADDRESSES = 4
"""Of a host that has many."""

REDIRECT_CODES = frozenset({301, 302, 303, 307, 308})


class WebError(P2pdError):
    """A server could not be asked; `retry_after` is in how many seconds it wants to be asked."""

    def __init__(self, sentence: str, code: int = 0, retry_after: float = 0.0) -> None:
        super().__init__(sentence)
        self.code = code
        self.retry_after = retry_after


@dataclass(frozen=True, slots=True)
class WebRequest:
    """What is asked. `headers` go to the first server and wherever else it answers itself."""

    url: str
    method: bytes = b"GET"
    headers: Mapping[str, str] = field(default_factory=dict)
    secret_headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    """For the server of the URL alone."""
    body: bytes = b""
    most: int = MOST_BYTES
    """Bytes that the answer may have; 0: nothing of it is read."""


@dataclass(frozen=True, slots=True)
class WebAnswer:
    """What was answered; `url` is where, after redirects. A magnet link has no code and no body."""

    code: int
    body: bytes
    url: str
    headers: Headers

    def header(self, name: str) -> str:
        """The first value of a header, or an empty text."""
        values: Sequence[bytes] = self.headers.getRawHeaders(name.encode("ascii"), [b""])
        return values[0].decode("latin-1")[:1000]


class Web:
    """Asks servers. For the reactor's thread."""

    def __init__(
        self,
        reactor: Any,
        way: str | WayOut,
        private: PrivateAddresses,
        agent: IAgent | None = None,
        names: Names | None = None,
    ) -> None:
        self._reactor = reactor
        self._way = way
        self.private = private
        self._agent = agent
        self._names = names or Names(reactor)
        self._address = ""

    async def ask(self, request: WebRequest) -> WebAnswer:
        """The answer, whatever its code, or the magnet link it leads to. Raises WebError."""
        host = host_of(request.url)
        asking = Deferred.fromCoroutine(self._follow(request))
        asking.addTimeout(SECONDS, self._reactor, _timed_out)
        try:
            return await asking
        except (WebError, CancelledError):
            raise
        except TrackerError as problem:
            raise WebError(f"{host}: {problem}") from None
        except Exception as problem:
            raise WebError(f"{host}: {in_words(problem)}") from None

    async def _follow(self, request: WebRequest) -> WebAnswer:
        url, origin = request.url, origin_of(request.url)
        for _ in range(REDIRECTS + 1):
            target = RequestTarget.of(url)
            secrets = request.secret_headers if origin_of(url) == origin else {}
            response = await self._connected(request, target, _headers(request, target, secrets))
            if response.code not in REDIRECT_CODES or request.method != b"GET":
                body = await _Body(request.most).of(response)
                return WebAnswer(response.code, body, url, response.headers)
            await _Body(0).of(response)
            location = response.headers.getRawHeaders(b"location", [b""])[0]
            if location[:7].lower() == b"magnet:":
                return WebAnswer(0, b"", location.decode("latin-1"), response.headers)
            url = redirected(url, location)
        raise TrackerError(f"it redirects more than {REDIRECTS} times")

    async def _connected(
        self, request: WebRequest, target: RequestTarget, headers: Headers
    ) -> IResponse:
        addresses = [
            address
            for address in await self._names.addresses(target.host)
            if not self.private.refuses(address)
        ]
        if not addresses:
            raise TrackerError(
                "its address is not public, and automation.private_addresses does not name it"
            )
        last: Exception = TrackerError("it has no address")
        for address in addresses[:TRIED_ADDRESSES]:
            try:
                return await self._request(address, request, target.url, headers)
            except ConnectError as problem:
                last = problem
        raise last

    def _request(
        self, address: str, request: WebRequest, url: bytes, headers: Headers
    ) -> Deferred[IResponse]:
        if self._agent is None:
            # Made at the first use: it reads the system's certificates.
            most = MOST_BYTES + HEADERS
            endpoints = BoundedEndpoints(
                self._reactor, self._way, SECONDS + GRACE_SECONDS, most, self._only_address
            )
            self._agent = Agent.usingEndpointFactory(self._reactor, endpoints)
        # The agent asks for the endpoint, and so for the address, before it returns.
        self._address = address
        try:
            body = _Sent(request.body) if request.body else None
            return self._agent.request(request.method, url, headers, body)
        finally:
            self._address = ""

    def _only_address(self, host: str) -> Sequence[str]:
        if not self._address:
            raise TrackerError("its address was not looked up")
        return (self._address,)


class _Body(Protocol):
    """Collects a body up to a bound; beyond it the connection is closed."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._parts: list[bytes] = []
        self._size = 0
        self._done: Deferred[bytes] = Deferred(lambda _: self._hang_up())

    async def of(self, response: IResponse) -> bytes:
        """The whole of it. Raises TrackerError when there is more than the bound."""
        if not self._most:
            # Unread its connection would stay open.
            self._done.callback(b"")
        response.deliverBody(self)
        if not self._most:
            self._hang_up()
        return await self._done

    def dataReceived(self, data: bytes) -> None:  # noqa: N802 - Twisted's name
        """Keep a part."""
        self._size += len(data)
        if self._size <= self._most:
            self._parts.append(data)
        elif not self._done.called:
            self._parts.clear()
            self._done.errback(TrackerError(f"its answer is longer than {self._most} bytes"))
            self._hang_up()

    def connectionLost(self, reason: Failure = connectionDone) -> None:  # noqa: N802
        """The end, good or bad."""
        if self._done.called:
            return
        if reason.check(ResponseDone, PotentialDataLoss):
            self._done.callback(b"".join(self._parts))
        else:
            self._done.errback(TrackerError("the connection broke in the middle of its answer"))

    def _hang_up(self) -> None:
        # A response's transport is a proxy, and what is behind it can be aborted at once.
        for each in (self.transport, getattr(self.transport, "_producer", None)):
            abort = getattr(each, "abortConnection", None)
            if abort is not None:
                abort()
                return
        if self.transport is not None:
            self.transport.loseConnection()


@implementer(IBodyProducer)
class _Sent:
    """A body that is written at once."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self.length = len(data)

    def startProducing(self, consumer: IConsumer) -> Deferred[None]:  # noqa: N802 - Twisted's name
        """Write it."""
        consumer.write(self._data)
        return succeed(None)

    def pauseProducing(self) -> None:  # noqa: N802
        """It is written already."""

    def resumeProducing(self) -> None:  # noqa: N802
        """It is written already."""

    def stopProducing(self) -> None:  # noqa: N802
        """It is written already."""


def _timed_out(_result: object, seconds: float) -> Any:
    raise TrackerError(f"no answer within {seconds:.0f} seconds")


def host_of(url: str) -> str:
    """The host of a URL for people: without a login, and without what may be a secret behind it."""
    return urlsplit_or_none(url)[1].rpartition("@")[2][:100] or "the server"


def origin_of(url: str) -> tuple[str, str]:
    """Scheme and host with port: who may see what was given for a URL."""
    scheme, netloc = urlsplit_or_none(url)
    return scheme.lower(), netloc.rpartition("@")[2].lower()


def urlsplit_or_none(url: str) -> tuple[str, str]:
    """Scheme and authority, both empty for what is no URL."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return "", ""
    return parts.scheme, parts.netloc


def absolute(base: str, link: str) -> str:
    """A link, relative to a URL if it is relative; empty if it makes no sense."""
    try:
        return urljoin(base, link)
    except ValueError:
        return ""


def _headers(request: WebRequest, target: RequestTarget, secrets: Mapping[str, str]) -> Headers:
    headers = Headers({"User-Agent": [f"p2pd/{__version__}"], "Accept-Encoding": ["identity"]})
    for name, value in {**request.headers, **secrets}.items():
        headers.setRawHeaders(name, [value])
    if target.authorization:
        headers.setRawHeaders(b"authorization", [target.authorization])
    return headers
