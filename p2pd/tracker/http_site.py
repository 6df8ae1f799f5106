"""The HTTP server in front of the tracker's resources: what a stranger may cost is bounded here.

Connections in all and of one host, their age, and request bodies, which nobody needs.
"""

from __future__ import annotations

from io import BytesIO
from typing import Any

from twisted.web.resource import IResource
from twisted.web.server import Request, Site

from p2pd.base.clock import Clock

IDLE_SECONDS = 30
OLDEST_SECONDS = 300.0
MOST_CONNECTIONS = 2000
MOST_OF_HOST = 500
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
