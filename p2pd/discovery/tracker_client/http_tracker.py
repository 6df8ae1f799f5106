"""HTTP and HTTPS trackers over Twisted's Agent: bounded in time, size and redirects, TLS verified.

What an announce means is not known here, only how it gets there (BEP 3) and what can go wrong.
"""

from __future__ import annotations

import zlib
from typing import Any

from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.error import (
    ConnectError,
    ConnectionAborted,
    ConnectionClosed,
    DNSLookupError,
)
from twisted.internet.error import TimeoutError as ConnectTimeout
from twisted.internet.protocol import Protocol, connectionDone
from twisted.python.failure import Failure
from twisted.web.client import (
    Agent,
    HTTPConnectionPool,
    ResponseDone,
    ResponseFailed,
    ResponseNeverReceived,
)
from twisted.web.http import PotentialDataLoss
from twisted.web.http_headers import Headers
from twisted.web.iweb import IAgent, IPolicyForHTTPS

from p2pd import __version__
from p2pd.base.clock import Clock
from p2pd.discovery.tracker_client.bounded_endpoints import BoundedEndpoints
from p2pd.discovery.tracker_client.names import Names
from p2pd.discovery.tracker_client.request_target import RequestTarget, redirected
from p2pd.protocols.tracker import http
from p2pd.protocols.tracker.announce import (
    AnnounceAnswer,
    AnnounceRequest,
    ScrapeCounts,
    TrackerError,
    TrackerTimeoutError,
)
from p2pd.transports.way_out import WILDCARDS, WayOut

REDIRECTS = 5
GRACE_SECONDS = 10.0

KEPT_PER_HOST = 4
UNUSED_SECONDS = 10
"""How long a connection waits for the next question."""

_REDIRECT_CODES = (301, 302, 303, 307, 308)


def make_agent(
    reactor: Any,
    names: Names,
    interface: str | WayOut = "",
    timeout: float = 30.0,
    policy: IPolicyForHTTPS | None = None,
) -> tuple[IAgent, HTTPConnectionPool]:
    """An agent that binds to `interface` (empty: any), and the connections that it keeps.

    It follows no redirects by itself. Its connections end for good some seconds after `timeout`.
    Thousands of torrents have the same few trackers: a connection that is kept for the next one
    spares the handshakes of TCP and TLS. None is kept that is bound to an address, for when the
    address goes, what is sent from it goes another way; nor one made by a `policy`, which judges
    certificates otherwise than browsers do, and is not everybody's.
    """
    seconds = timeout + GRACE_SECONDS
    endpoints = BoundedEndpoints(reactor, interface, seconds, known=names.known, policy=policy)
    stays = policy is None and (interface in WILDCARDS or not isinstance(interface, str))
    pool = HTTPConnectionPool(reactor, persistent=stays)
    pool.maxPersistentPerHost = KEPT_PER_HOST
    pool.cachedConnectionTimeout = UNUSED_SECONDS
    agent: IAgent = Agent.usingEndpointFactory(reactor, endpoints, pool)
    return agent, pool


class HttpTracker:
    """Asks HTTP trackers. `timeout` is in seconds, from the start to the answer's last byte."""

    def __init__(self, agent: IAgent, clock: Clock, names: Names, timeout: float = 30.0) -> None:
        self._agent = agent
        self._clock = clock
        self._names = names
        self._timeout = timeout

    async def announce(self, url: str, request: AnnounceRequest) -> AnnounceAnswer:
        """Announce. Raises TrackerError with a sentence, whatever goes wrong."""
        return http.parse_announce(await self._get(http.announce_url(url, request)))

    async def scrape(self, url: str, info_hashes: list[bytes]) -> dict[bytes, ScrapeCounts]:
        """Scrape. Raises TrackerError."""
        scrape_url = http.scrape_url(url)
        if scrape_url is None:
            raise TrackerError("this tracker cannot be scraped")
        return http.parse_scrape(await self._get(http.scrape_request_url(scrape_url, info_hashes)))

    async def _get(self, url: str) -> bytes:
        getting = Deferred.fromCoroutine(self._fetch(url))
        getting.addTimeout(self._timeout, self._clock, _timed_out)  # type: ignore[arg-type]
        return await getting

    async def _fetch(self, url: str) -> bytes:
        try:
            response, body = await self._follow(url)
        except (TrackerError, CancelledError):
            raise
        except Exception as problem:
            raise TrackerError(in_words(problem)) from None
        if response.headers.getRawHeaders(b"content-encoding", [b""])[-1].lower() in _GZIP:
            body = _unzipped(body)
        # A refusal in a tracker's own words is worth more than an HTTP status.
        if response.code != 200 and not body.startswith(b"d"):
            raise TrackerError(f"it answered HTTP {response.code}")
        return body

    async def _follow(self, url: str) -> tuple[Any, bytes]:
        """The response at the end of the redirects, and its body."""
        for _ in range(REDIRECTS + 1):
            target = RequestTarget.of(url)
            await self._names.addresses(target.host)
            response = await self._agent.request(b"GET", target.url, _headers(target))
            if response.code not in _REDIRECT_CODES:
                return response, await _read(response)
            response.deliverBody(_Unread())
            url = redirected(url, response.headers.getRawHeaders(b"location", [b""])[0])
        raise TrackerError(f"it redirects more than {REDIRECTS} times")


_GZIP = (b"gzip", b"x-gzip")


def _headers(target: RequestTarget) -> Headers:
    headers = Headers({"User-Agent": [f"p2pd/{__version__}"], "Accept-Encoding": ["gzip"]})
    if target.authorization:
        headers.addRawHeader(b"authorization", target.authorization)
    return headers


class _Body(Protocol):
    """Collects a body up to its bound; beyond it the connection is closed."""

    def __init__(self) -> None:
        self.done: Deferred[bytes] = Deferred(lambda _: _abort(self.transport))
        self._parts: list[bytes] = []
        self._size = 0

    def dataReceived(self, data: bytes) -> None:  # noqa: N802 - Twisted's name
        """Keep a part."""
        self._size += len(data)
        if self._size <= http.MAX_ANSWER:
            self._parts.append(data)
        elif not self.done.called:
            self._parts.clear()
            self.done.errback(TrackerError(f"its answer is longer than {http.MAX_ANSWER} bytes"))
            _abort(self.transport)

    def connectionLost(self, reason: Failure = connectionDone) -> None:  # noqa: N802
        """The end, good or bad."""
        if self.done.called:
            return
        if reason.check(ResponseDone, PotentialDataLoss):
            self.done.callback(b"".join(self._parts))
        else:
            self.done.errback(TrackerError("the connection broke in the middle of its answer"))


class _Unread(Protocol):
    """A body that nobody wants: hang up, or its connection would stay open unread."""

    def connectionMade(self) -> None:  # noqa: N802 - Twisted's name
        """Close at once."""
        _abort(self.transport)


def _abort(transport: Any) -> None:
    # A response's transport is a proxy without abortConnection, and loseConnection waits for the
    # other side of a TLS connection; so the transport behind the proxy is aborted.
    for each in (transport, getattr(transport, "_producer", None)):
        abort = getattr(each, "abortConnection", None)
        if abort is not None:
            abort()
            return
    if transport is not None:
        transport.loseConnection()


def _read(response: Any) -> Deferred[bytes]:
    body = _Body()
    response.deliverBody(body)
    return body.done


def _unzipped(body: bytes) -> bytes:
    """At most the bound comes out, however much was packed."""
    try:
        unpacker = zlib.decompressobj(31)
        data = unpacker.decompress(body, http.MAX_ANSWER + 1)
    except zlib.error:
        raise TrackerError("its answer is broken gzip") from None
    if len(data) > http.MAX_ANSWER:
        raise TrackerError(f"its answer unpacks to more than {http.MAX_ANSWER} bytes")
    if not unpacker.eof:
        raise TrackerError("its answer is broken gzip")
    return data


def _timed_out(_result: object, seconds: float) -> Any:
    raise TrackerTimeoutError(f"no answer within {seconds:.0f} seconds")


def in_words(problem: Exception) -> str:
    """Why a server could not be asked; the sentence begins with "it" or "its"."""
    if isinstance(problem, DNSLookupError):
        return "its name cannot be found"
    if isinstance(problem, ConnectTimeout):
        return "it does not answer"
    if isinstance(problem, ResponseFailed | ResponseNeverReceived):
        return _response_words(problem)
    if isinstance(problem, ConnectError | ConnectionClosed):
        return f"cannot connect: {problem}".rstrip(".")[:200]
    return f"cannot be asked: {problem}"[:200]


def _response_words(problem: ResponseFailed) -> str:
    for failure in problem.reasons:
        if failure.check(ConnectionAborted):  # by BoundedEndpoints: cancelling has other ways
            return "it sends without end"
        kind, words = failure.type.__name__, failure.getErrorMessage().lower()
        if "certificate" in words or kind in ("VerificationError", "CertificateError"):
            return "its TLS certificate cannot be verified"
        if "ssl" in words or "tls" in words or kind == "Error":
            return "no TLS connection can be made to it"
    return "it closed the connection without an answer"
