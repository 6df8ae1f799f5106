"""The HTTP server in front of the tracker's resources: what a stranger may cost is bounded here.

Connections in all and of one host, their age, and request bodies, which nobody needs.
"""

from __future__ import annotations

from collections import Counter
from io import BytesIO
from typing import Any

from twisted.internet.interfaces import IAddress, ITransport
from twisted.internet.protocol import ServerFactory, connectionDone
from twisted.protocols.policies import ProtocolWrapper
from twisted.python.failure import Failure
from twisted.web.resource import IResource
from twisted.web.server import Request, Site

from p2pd.base.clock import Clock, DelayedCall

IDLE_SECONDS = 30
OLDEST_SECONDS = 300.0
MOST_BODY = 64 * 1024
"""Bytes of a request's body that are read and dropped before the connection is cut."""


class TrackerRequest(Request):
    """A request whose body is thrown away."""

    channel: Any
    _dropped = 0

    def gotLength(self, length: int | None) -> None:  # noqa: N802 - Twisted's name
        """Keep nothing, in memory or on disk."""
        self.content = BytesIO()

    def handleContentChunk(self, data: bytes) -> None:  # noqa: N802 - Twisted's name
        """Hang up on who goes on and on."""
        self._dropped += len(data)
        if self._dropped > MOST_BODY and self.channel is not None:
            self.channel.transport.abortConnection()

    def render(self, resrc: IResource) -> None:
        """Render, without telling what the server is made of."""
        self.setHeader(b"server", b"p2pd")
        super().render(resrc)


class TrackerSite(Site):
    """The site; a tracker's log would be a list of who shares what, so there is none."""

    def __init__(self, root: IResource, clock: Clock) -> None:
        super().__init__(
            root,
            requestFactory=TrackerRequest,
            parsePOSTFormSubmission=False,
            timeout=IDLE_SECONDS,
            reactor=clock,
        )
        self.noisy = False
        self.displayTracebacks = False

    def log(self, request: object) -> None:
        """Keep nothing of a request."""


class BoundedConnection(ProtocolWrapper):
    """A connection that is counted, and cut when it is old."""

    factory: BoundedConnections
    _end: DelayedCall | None = None

    def makeConnection(self, transport: ITransport) -> None:  # noqa: N802 - Twisted's name
        """It is there."""
        self._end = self.factory.clock.callLater(OLDEST_SECONDS, self._cut)
        super().makeConnection(transport)

    def connectionLost(self, reason: Failure = connectionDone) -> None:  # noqa: N802
        """It is gone."""
        if self._end is not None and self._end.active():
            self._end.cancel()
        super().connectionLost(reason)

    def _cut(self) -> None:
        self.abortConnection()


class BoundedConnections(ServerFactory[Any]):
    """A factory that takes so many connections, and so many of one host, and no more."""

    noisy = False

    def __init__(
        self, site: Site, clock: Clock, *, most: int = 2000, most_of_host: int = 500
    ) -> None:
        self.clock = clock
        self._site = site
        self._most = most
        self._most_of_host = most_of_host
        self._hosts: dict[ProtocolWrapper, str] = {}
        self._of_host: Counter[str] = Counter()

    def __len__(self) -> int:
        return len(self._hosts)

    def buildProtocol(self, addr: IAddress | None) -> Any:  # noqa: N802 - Twisted's name
        """None closes the connection at once."""
        if len(self) >= self._most or self._of_host[_host(addr)] >= self._most_of_host:
            return None
        # ProtocolWrapper asks for a WrappingFactory, and uses these two methods of it.
        return BoundedConnection(self, self._site.buildProtocol(addr))  # type: ignore[arg-type]

    def registerProtocol(self, protocol: ProtocolWrapper) -> None:  # noqa: N802
        """One more."""
        host = self._hosts[protocol] = _host(protocol.getPeer())
        self._of_host[host] += 1

    def unregisterProtocol(self, protocol: ProtocolWrapper) -> None:  # noqa: N802
        """One less."""
        host = self._hosts.pop(protocol)
        self._of_host[host] -= 1
        if not self._of_host[host]:
            del self._of_host[host]

    def doStart(self) -> None:  # noqa: N802 - Twisted's name
        """Begin with the site."""
        super().doStart()
        self._site.doStart()

    def doStop(self) -> None:  # noqa: N802 - Twisted's name
        """End with the site."""
        super().doStop()
        self._site.doStop()


def _host(address: IAddress | None) -> str:
    return str(getattr(address, "host", ""))
