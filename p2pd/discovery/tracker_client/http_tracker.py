"""HTTP(S) trackers over Twisted's Agent: bounded in time, size and redirects, TLS verified."""

from __future__ import annotations

import zlib
from typing import Any, Callable

from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.error import (
    ConnectError,
    ConnectionClosed,
    DNSLookupError,
)
from twisted.internet.error import (
    TimeoutError as ConnectTimeout,
)
from twisted.internet.protocol import Protocol, connectionDone
from twisted.python.failure import Failure
from twisted.web.client import (
    Agent,
    BrowserLikePolicyForHTTPS,
    RedirectAgent,
    ResponseDone,
    ResponseFailed,
    ResponseNeverReceived,
)
from twisted.web.error import InfiniteRedirection, RedirectWithNoLocation
from twisted.web.http import PotentialDataLoss
from twisted.web.http_headers import Headers
from twisted.web.iweb import IAgent

from p2pd import __version__
from p2pd.base.clock import Clock
from p2pd.protocols.tracker import http
from p2pd.protocols.tracker.announce import (
    AnnounceAnswer,
    AnnounceRequest,
    ScrapeCounts,
    TrackerError,
)

REDIRECTS = 5
CONNECT_SECONDS = 15.0


def make_agent(reactor: Any, interface: str = "") -> IAgent:
    """An agent that binds to `interface` (empty: any) and follows a few redirects."""
    agent = Agent(
        reactor,
        contextFactory=BrowserLikePolicyForHTTPS(),
        connectTimeout=CONNECT_SECONDS,
        bindAddress=(interface.encode(), 0) if interface else None,
    )
    redirecting: IAgent = RedirectAgent(agent, redirectLimit=REDIRECTS)
    return redirecting


class HttpTracker:
    """Asks HTTP trackers. `timeout` is in seconds, from the start to the answer's last byte."""

    def __init__(self, agent: IAgent, clock: Clock, timeout: float = 30.0) -> None:
        self._agent = agent
        self._clock = clock
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
        headers = Headers({"User-Agent": [f"p2pd/{__version__}"], "Accept-Encoding": ["gzip"]})
        try:
            raw_url = url.encode("ascii")
            response = await self._agent.request(b"GET", raw_url, headers)
            zipped = response.headers.getRawHeaders(b"content-encoding", [b""])[-1].lower()
            body = await _read(response)
        except (TrackerError, CancelledError):
            raise
        except Exception as problem:
            raise TrackerError(_words(problem)) from None
        if zipped == b"gzip":
            body = _unzipped(body)
        # A refusal in a tracker's own words is worth more than an HTTP status.
        if response.code != 200 and not body.startswith(b"d"):
            raise TrackerError(f"it answered HTTP {response.code}")
        return body


class _Body(Protocol):
    """Collects a body up to its bound; beyond it the connection is closed."""

    def __init__(self) -> None:
        self.done: Deferred[bytes] = Deferred(self._cancel)
        self._parts: list[bytes] = []
        self._size = 0

    def dataReceived(self, data: bytes) -> None:  # noqa: N802 - Twisted's name
        """Keep a part."""
        self._size += len(data)
        if self._size <= http.MAX_ANSWER:
            self._parts.append(data)
        elif not self.done.called:
            self._parts.clear()
            self._abort()
            self.done.errback(TrackerError(f"its answer is longer than {http.MAX_ANSWER} bytes"))

    def connectionLost(self, reason: Failure = connectionDone) -> None:  # noqa: N802
        """The end, good or bad."""
        if self.done.called:
            return
        if reason.check(ResponseDone, PotentialDataLoss):
            self.done.callback(b"".join(self._parts))
        else:
            self.done.errback(TrackerError("the connection broke in the middle of its answer"))

    def _cancel(self, _deferred: Deferred[bytes]) -> None:
        self._abort()

    def _abort(self) -> None:
        abort: Callable[[], None] | None = getattr(self.transport, "abortConnection", None)
        if abort is not None:
            abort()
        elif self.transport is not None:
            self.transport.loseConnection()


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
    return data


def _timed_out(_result: object, seconds: float) -> Any:
    raise TrackerTimeoutError(f"no answer within {seconds:.0f} seconds")


class TrackerTimeoutError(TrackerError):
    """The tracker did not answer in time."""


def _words(problem: Exception) -> str:
    if isinstance(problem, DNSLookupError):
        return "its name cannot be found"
    if isinstance(problem, ConnectTimeout):
        return "it does not answer"
    if isinstance(problem, ResponseFailed | ResponseNeverReceived):
        return _response_words(problem)
    if isinstance(problem, ConnectError | ConnectionClosed):
        return f"cannot connect: {problem}".rstrip(".")
    return f"cannot be asked: {problem}"[:200]


def _response_words(problem: ResponseFailed) -> str:
    for failure in problem.reasons:
        if failure.check(InfiniteRedirection):
            return f"it redirects more than {REDIRECTS} times"
        if failure.check(RedirectWithNoLocation):
            return "it redirects to nowhere"
        if "certificate" in failure.getErrorMessage().lower():
            return "its TLS certificate cannot be verified"
    return "it closed the connection without an answer"
