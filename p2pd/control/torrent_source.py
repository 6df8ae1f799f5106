"""Where `torrent_add` gets a .torrent file that it was only told the place of: a URL or a path.

Both are bounded in size; a URL in time and redirects too. Paths are read in a thread.
"""

from __future__ import annotations

import os
import stat
from typing import Any, Protocol
from urllib.parse import quote, urljoin, urlsplit

from twisted.internet.defer import Deferred, TimeoutError
from twisted.internet.protocol import Protocol as TwistedProtocol
from twisted.internet.threads import deferToThreadPool
from twisted.python.failure import Failure
from twisted.web.client import ResponseDone
from twisted.web.http_headers import Headers
from twisted.web.iweb import IResponse

from p2pd.control.errors import RpcCode, RpcError
from p2pd.control.outward_agent import OutwardAgent
from p2pd.control.rpc_load import RpcLoad
from p2pd.transports.way_out import WayOut

MAX_TORRENT = 32 * 1024 * 1024
MAX_REDIRECTS = 5
FETCH_SECONDS = 30.0
GRACE_SECONDS = 10.0
HEADERS = 1024 * 1024
"""Bytes for headers, chunks and TLS beside a torrent."""
REDIRECTS = frozenset({301, 302, 303, 307, 308})


class TorrentSource(Protocol):
    """Gets what a place holds: the bytes of a .torrent file, or a magnet link as text."""

    async def fetch(self, url: str, cookies: str | None) -> bytes | str:
        """From an http or https URL, which may redirect to a magnet link. Raises RpcError."""

    async def read(self, path: str) -> bytes:
        """From an absolute path on this host. Raises RpcError."""


class NetworkTorrentSource:
    """The real one, over Twisted's Agent and the reactor's threads."""

    def __init__(
        self,
        reactor: Any,
        user_agent: str,
        agent: Any = None,
        load: RpcLoad | None = None,
        way: str | WayOut = "",
    ) -> None:
        """What is fetched counts as a request's body in `load` until it is here; `way` is by which
        servers outside are asked.
        """
        self._way = way
        self._load = load or RpcLoad()
        self._reactor = reactor
        self._user_agent = user_agent
        self._agent = agent

    async def read(self, path: str) -> bytes:
        """Read a regular file of bounded size. Raises RpcError (SYSTEM_ERROR)."""
        return await deferToThreadPool(
            self._reactor, self._reactor.getThreadPool(), _read_file, path
        )

    async def fetch(self, url: str, cookies: str | None = None) -> bytes | str:
        """Fetch a URL. Raises RpcError (HTTP_ERROR)."""
        work = Deferred.fromCoroutine(self._fetch(url, cookies))
        work.addTimeout(FETCH_SECONDS, self._reactor)
        host = urlsplit(url).netloc.rpartition("@")[2][:100]
        try:
            return await work
        except RpcError:
            raise
        except TimeoutError:
            raise _http_error(f"{host} timed out") from None
        except Exception as error:
            words = str(error) or type(error).__name__
            raise _http_error(f"{host} could not be asked: {words[:200]}") from None

    async def _fetch(self, url: str, cookies: str | None) -> bytes | str:
        asked = _origin(url)
        for _ in range(MAX_REDIRECTS + 1):
            # Cookies are for who they were meant for, not for where that server sends us.
            response = await self._get(url, cookies if _origin(url) == asked else None)
            if response.code not in REDIRECTS:
                return await self._body_of(response)
            url = _redirected(url, response)
            if url.startswith("magnet:"):
                return url
        raise _http_error(f"more than {MAX_REDIRECTS} redirects")

    async def _get(self, url: str, cookies: str | None) -> IResponse:
        if self._agent is None:
            # Made at the first use: it reads the system's certificates.
            self._agent = OutwardAgent(
                self._reactor, self._way, FETCH_SECONDS + GRACE_SECONDS, MAX_TORRENT + HEADERS
            )
        headers = {"User-Agent": [self._user_agent], "Accept": ["application/x-bittorrent, */*"]}
        if cookies is not None:
            headers["Cookie"] = [cookies]
        response: IResponse = await self._agent.request(b"GET", _wire_form(url), Headers(headers))
        return response

    async def _body_of(self, response: IResponse) -> bytes:
        if response.code != 200:
            phrase = response.phrase.decode("ascii", "replace")[:60]
            raise _http_error(f"the server answered {response.code} {phrase}")
        body = _Body(self._load)
        response.deliverBody(body)
        try:
            return await body.whole
        finally:
            body.forget()


class _Body(TwistedProtocol):
    """Collects a response's body, up to the bound."""

    def __init__(self, load: RpcLoad) -> None:
        self._load = load
        self._parts: list[bytes] = []
        self._size = 0
        self._taken = 0
        self.whole: Deferred[bytes] = Deferred(self._cancelled)

    def dataReceived(self, data: bytes) -> None:  # noqa: N802 - Twisted's name
        self._size += len(data)
        if self._size > MAX_TORRENT:
            self._refuse(f"the answer is bigger than {MAX_TORRENT} bytes")
        elif not self._load.takes_body(len(data)):
            self._refuse("too many bytes of torrents are on their way: try again in a moment")
        else:
            self._taken += len(data)
            self._parts.append(data)

    def forget(self) -> None:
        """It is somebody else's from now on."""
        self._parts.clear()
        self._load.body_gone(self._taken)
        self._taken = 0

    def _refuse(self, sentence: str) -> None:
        self._hang_up()
        if not self.whole.called:
            self.whole.errback(_http_error(sentence))

    def connectionLost(self, reason: Failure | None = None) -> None:  # noqa: N802
        if self.whole.called:
            return
        if reason is not None and reason.check(ResponseDone):
            self.whole.callback(b"".join(self._parts))
        else:
            self.whole.errback(_http_error("the connection broke in mid-answer"))

    def _cancelled(self, _whole: object) -> None:
        self._hang_up()

    def _hang_up(self) -> None:
        transport = self.transport
        if transport is not None:
            getattr(transport, "abortConnection", transport.loseConnection)()


def _http_error(sentence: str) -> RpcError:
    return RpcError(RpcCode.HTTP_ERROR, sentence)


def _origin(url: str) -> tuple[str, str]:
    parts = urlsplit(url)
    return parts.scheme, parts.netloc


def _redirected(url: str, response: IResponse) -> str:
    places = response.headers.getRawHeaders(b"location") or [b""]
    target: str = urljoin(url, places[0].decode("latin-1").strip())
    if not places[0] or urlsplit(target).scheme not in ("http", "https", "magnet"):
        raise _http_error("the server redirects to something that is no http address")
    return target


def _wire_form(url: str) -> bytes:
    return quote(url.partition("#")[0], safe="%/:=&?~+!$,;'@()*[]").encode("ascii")


def _read_file(path: str) -> bytes:
    try:
        # Without O_NONBLOCK, opening a named pipe would hold the thread for ever.
        fd = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        with open(fd, "rb") as file:
            if not stat.S_ISREG(os.fstat(fd).st_mode):
                raise RpcError(RpcCode.SYSTEM_ERROR, f"{path} is no regular file")
            data = file.read(MAX_TORRENT + 1)
    except OSError as error:
        sentence = f"{path} cannot be read: {error.strerror or error}"
        raise RpcError(RpcCode.SYSTEM_ERROR, sentence) from None
    if len(data) > MAX_TORRENT:
        raise RpcError(RpcCode.SYSTEM_ERROR, f"{path} is bigger than {MAX_TORRENT} bytes")
    return data
