"""Where a blocklist is from: a file, or an http or https URL that is asked for what is new.

It is read as it comes, a slice at a time, in a thread; the server waits meanwhile. Bounded in
bytes, time and redirects. Connections leave by the way that peers and trackers are reached by.
"""

from __future__ import annotations

import enum
import os
import re
import stat
from typing import Any, NamedTuple, cast

from twisted.internet.defer import CancelledError, Deferred, TimeoutError, fail, succeed
from twisted.internet.interfaces import IPushProducer
from twisted.internet.protocol import Protocol, connectionDone
from twisted.python.failure import Failure
from twisted.web.client import Agent, ResponseDone
from twisted.web.http import PotentialDataLoss
from twisted.web.http_headers import Headers
from twisted.web.iweb import IAgent, IResponse

from p2pd import __version__
from p2pd.base.errors import P2pdError
from p2pd.discovery.tracker_client.bounded_endpoints import BoundedEndpoints
from p2pd.discovery.tracker_client.http_tracker import GRACE_SECONDS, REDIRECTS, in_words
from p2pd.discovery.tracker_client.request_target import RequestTarget, redirected
from p2pd.formats.blocklist import MAX_PACKED, Blocklist, BlocklistReader
from p2pd.protocols.tracker.announce import TrackerError
from p2pd.storage.disks import Disks
from p2pd.transports.way_out import WayOut

FETCH_SECONDS = 300.0
"""For a whole list, a file too."""
SLICE = 256 * 1024
HEADERS = 1024 * 1024
"""Bytes for headers, chunks and TLS beside the list itself."""

LONGEST_VERSION = 1000
"""Characters of an ETag or a date that are kept."""

_REDIRECT_CODES = frozenset({301, 302, 303, 307, 308})


class ListProblem(enum.Enum):
    """Why there is no list."""

    HTTP = "http"
    SYSTEM = "system"


class ListSourceError(P2pdError):
    """A list could not be got: the sentence says why, `problem` which kind it is."""

    def __init__(self, problem: ListProblem, sentence: str) -> None:
        super().__init__(sentence)
        self.problem = problem


class ListVersion(NamedTuple):
    """By what a source tells whether a list is another one; empty if it does not."""

    etag: str = ""
    last_modified: str = ""


class FoundList(NamedTuple):
    """A list, and its version."""

    content: Blocklist
    version: ListVersion


class BlocklistSource:
    """Gets lists. For the reactor's thread."""

    def __init__(
        self, reactor: Any, disks: Disks, way: str | WayOut, agent: IAgent | None = None
    ) -> None:
        self._reactor = reactor
        self._disks = disks
        self._way = way
        self._agent = agent

    async def get(self, source: str, known: ListVersion) -> FoundList | None:
        """The list at a URL or an absolute path; None if it is still the version that is known.

        Raises ListSourceError, and BlocklistError when it is no list.
        """
        if source.startswith("/"):
            return await self._read(source, known)
        host = _host_of(source)
        fetching = Deferred.fromCoroutine(self._fetch(source, known))
        fetching.addTimeout(FETCH_SECONDS, self._reactor)
        try:
            return await fetching
        except (P2pdError, CancelledError) as problem:
            if isinstance(problem, TrackerError):
                raise _http_error(f"{host}: {problem}") from None
            raise
        except TimeoutError:
            raise _http_error(f"{host} did not send it within {FETCH_SECONDS:.0f} s") from None
        except Exception as problem:
            raise _http_error(f"{host}: {in_words(problem)}") from None

    # -- files ---------------------------------------------------------------------------------

    async def _read(self, path: str, known: ListVersion) -> FoundList | None:
        given_up: list[bool] = []
        # A thread of its own: the file may be on a disk that does not answer.
        reading = self._disks.ask(
            ("blocklist", path, object()), lambda: _read_file(path, known, given_up)
        )
        reading.addTimeout(FETCH_SECONDS, self._reactor)
        try:
            return await reading
        except TimeoutError:
            sentence = f"{path} could not be read within {FETCH_SECONDS:.0f} s"
            raise ListSourceError(ListProblem.SYSTEM, sentence) from None
        finally:
            given_up.append(True)

    # -- HTTP ----------------------------------------------------------------------------------

    async def _fetch(self, url: str, known: ListVersion) -> FoundList | None:
        for _ in range(REDIRECTS + 1):
            target = RequestTarget.of(url)
            response = await self._ask(target, known)
            if response.code in _REDIRECT_CODES:
                _leave(response)
                url = redirected(url, response.headers.getRawHeaders(b"location", [b""])[0])
            elif response.code == 304 and known != ListVersion():
                _leave(response)
                return None
            elif response.code == 200:
                return FoundList(await self._content(response), _version(response))
            else:
                _leave(response)
                phrase = response.phrase.decode("ascii", "replace")[:60]
                raise TrackerError(f"it answered {response.code} {phrase}".rstrip())
        raise TrackerError(f"it redirects more than {REDIRECTS} times")

    async def _ask(self, target: RequestTarget, known: ListVersion) -> IResponse:
        if self._agent is None:
            # Made at the first use: it reads the system's certificates.
            endpoints = BoundedEndpoints(
                self._reactor, self._way, FETCH_SECONDS + GRACE_SECONDS, MAX_PACKED + HEADERS
            )
            self._agent = Agent.usingEndpointFactory(self._reactor, endpoints)
        headers = Headers({"User-Agent": [f"p2pd/{__version__}"], "Accept-Encoding": ["identity"]})
        if target.authorization:
            headers.addRawHeader(b"authorization", target.authorization)
        if known.etag:
            headers.addRawHeader(b"if-none-match", known.etag.encode("latin-1", "replace"))
        if known.last_modified:
            headers.addRawHeader(
                b"if-modified-since", known.last_modified.encode("latin-1", "replace")
            )
        response: IResponse = await self._agent.request(b"GET", target.url, headers)
        return response

    async def _content(self, response: IResponse) -> Blocklist:
        body, reader, threads = _Body(), BlocklistReader(), self._disks.aside
        response.deliverBody(body)
        try:
            while data := await body.next():
                await threads.run("read", reader.feed, data)
        finally:
            body.hang_up()
        return await threads.run("read", reader.finish)


class _Body(Protocol):
    """A response's body, asked for slice by slice; the server waits while there is enough."""

    def __init__(self) -> None:
        self._parts: list[bytes] = []
        self._size = 0
        self._asked: Deferred[bytes] | None = None
        self._end: Failure | None = None
        self._paused = False

    def next(self) -> Deferred[bytes]:
        """What came, as soon as there is something; empty at the end."""
        if self._parts or self._end is not None:
            return self._taken()
        self._asked = Deferred(lambda _: self.hang_up())
        return self._asked

    def hang_up(self) -> None:
        """No more of it is wanted."""
        if self.transport is not None and self._end is None:
            self._asked = None
            self.transport.loseConnection()

    def dataReceived(self, data: bytes) -> None:  # noqa: N802 - Twisted's name
        """Keep a part."""
        self._parts.append(data)
        self._size += len(data)
        if self._size >= SLICE and self._asked is None and self.transport is not None:
            self._paused = True
            cast(IPushProducer, self.transport).pauseProducing()
        self._answer()

    def connectionLost(self, reason: Failure = connectionDone) -> None:  # noqa: N802
        """The end, good or bad."""
        self._end = reason
        self._answer()

    def _answer(self) -> None:
        if self._asked is not None:
            asked, self._asked = self._asked, None
            self._taken().chainDeferred(asked)

    def _taken(self) -> Deferred[bytes]:
        data, self._parts, self._size = b"".join(self._parts), [], 0
        if data:
            if self._paused and self._end is None:
                self._paused = False
                cast(IPushProducer, self.transport).resumeProducing()
            return succeed(data)
        if self._end is None or self._end.check(ResponseDone, PotentialDataLoss):
            return succeed(b"")
        return fail(TrackerError("the connection broke in the middle of its answer"))


def _leave(response: IResponse) -> None:
    """Its body is not wanted: hang up, or its connection would stay open unread."""
    body = _Body()
    response.deliverBody(body)
    body.hang_up()


def _host_of(url: str) -> str:
    """Without a login, and without what may be a secret behind it."""
    return re.split(r"[/?#]", url.partition("://")[2], maxsplit=1)[0].rpartition("@")[2][:100]


def _version(response: IResponse) -> ListVersion:
    found = []
    for name in (b"etag", b"last-modified"):
        value = response.headers.getRawHeaders(name, [b""])[0].decode("latin-1")
        found.append(value if len(value) <= LONGEST_VERSION and value.isprintable() else "")
    return ListVersion(*found)


def _http_error(sentence: str) -> ListSourceError:
    return ListSourceError(ListProblem.HTTP, sentence)


def _read_file(path: str, known: ListVersion, given_up: list[bool]) -> FoundList | None:
    """Raises ListSourceError, BlocklistError. Blocks; ends soon when it is given up."""
    reader = BlocklistReader()
    try:
        # Without O_NONBLOCK, opening a named pipe would hold the thread for ever.
        fd = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        with open(fd, "rb", buffering=0) as file:
            about = os.fstat(fd)
            if not stat.S_ISREG(about.st_mode):
                raise ListSourceError(ListProblem.SYSTEM, f"{path} is no regular file")
            version = ListVersion(f"{about.st_ino}-{about.st_size}-{about.st_mtime_ns}")
            if version == known:
                return None
            while not given_up and (data := file.read(SLICE)):
                reader.feed(data)
    except (OSError, ValueError) as problem:
        if isinstance(problem, P2pdError):
            raise
        words = problem.strerror if isinstance(problem, OSError) else str(problem)
        raise ListSourceError(ListProblem.SYSTEM, f"{path} cannot be read: {words}") from None
    return FoundList(reader.finish(), version)
