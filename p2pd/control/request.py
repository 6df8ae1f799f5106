"""A request to the control API: its body stays in memory and within a bound.

How big the bound is depends on whether the sender has the right key, which the headers tell
before the body comes. The login itself is checked later, at the gate, and so are passwords: the
bodies of those who only say that they are users have no more than their share of the memory.
"""

from __future__ import annotations

from io import BytesIO
from typing import Any
from urllib.parse import unquote_to_bytes

from twisted.web.resource import IResource
from twisted.web.server import Request

from p2pd.control.access.caller import NOBODY, Caller, called_by
from p2pd.control.access.proxies import NOT_FORWARDED, Forwarded
from p2pd.control.gate import Standing
from p2pd.control.rpc_load import RpcLoad

BODY_LIMIT = 32 * 1024 * 1024
"""Bytes in the body of a request with the right key: a big .torrent file in base64."""

STRANGER_BODY_LIMIT = 64 * 1024
"""Bytes kept of the body of a request that will be refused anyway."""

BUSY = "too many bytes of requests are in memory: try again in a moment"


class BoundedBody(BytesIO):
    """A request's body in memory; what is past `limit` is dropped and `overflow` counts it.

    `load` bounds the bodies of all requests: when there is no room in it, nothing more is kept and
    `busy` says so. The room for a body of `expected` bytes is taken at once: of many that come side
    by side all would else be cut off in the middle.
    """

    def __init__(
        self, limit: int, load: RpcLoad, expected: int | None = None, claimed: bool = False
    ) -> None:
        """`claimed`: whose it is was not found out yet."""
        super().__init__()
        self._claimed = claimed
        self.limit = limit
        self.overflow = 0
        self.busy = ""
        self._load = load
        self._taken = 0
        if expected:
            self._take(min(expected, limit))

    def write(self, data: Any) -> int:
        """Keep what fits."""
        kept = data[: max(0, self.limit - self.tell())]
        self.overflow += len(data) - len(kept)
        self._take(self.tell() + len(kept) - self._taken)
        return 0 if self.busy else super().write(kept)

    def forget(self) -> None:
        """The request is over, or will be refused."""
        taken, self._taken = self._taken, 0
        self._load.body_gone(taken, claimed=self._claimed)

    def _take(self, more: int) -> None:
        if more <= 0 or self.busy:
            return
        if self._load.takes_body(more, claimed=self._claimed):
            self._taken += more
        else:
            self.busy = BUSY
            self.truncate(0)
            self.forget()


class ControlRequest(Request):
    """A request whose body is bounded by whether its sender may call at all."""

    content: BoundedBody
    channel: Any
    caller: Caller = NOBODY
    """Who sent it, as soon as the gate knows."""
    seen: Forwarded = NOT_FORWARDED
    """What a proxy says of it."""
    lent_credentials = False
    """Whether its credentials are those of a login session, and no header of its own."""

    def gotLength(self, length: int | None) -> None:  # noqa: N802 - Twisted's name
        """Make the body's buffer; the headers are all there by now."""
        site = self.channel.site
        site.headers_came(self)
        standing = site.gate.standing(self)
        limit = STRANGER_BODY_LIMIT if standing is Standing.STRANGER else BODY_LIMIT
        claimed = standing is Standing.CLAIMED
        self.content = body = BoundedBody(limit, site.load, length, claimed)
        self.notifyFinish().addBoth(lambda _: body.forget())

    def handleContentChunk(self, data: bytes) -> None:  # noqa: N802 - Twisted's name
        """Take a part of the body; hang up on who goes on and on."""
        super().handleContentChunk(data)
        if self.content.overflow > BODY_LIMIT and self.channel is not None:
            self.channel.transport.abortConnection()

    def render(self, resrc: IResource) -> None:
        """Render, with the headers that every answer carries."""
        self.setHeader(b"server", b"p2pd")
        self.setHeader(b"cache-control", b"no-store")
        self.setHeader(b"x-content-type-options", b"nosniff")
        called_by(self.caller, super().render, resrc)

    @property
    def scheme(self) -> str:
        """With which the sender called: http or https."""
        return self.seen.scheme or ("https" if self.isSecure() else "http")

    def strip_prefix(self) -> None:
        """Leave out of the path what a proxy has before ours, if it did not."""
        prefix = self.seen.prefix
        if prefix and self.path.startswith(prefix + b"/"):
            self.path = self.path[len(prefix) :]
            self.postpath = [unquote_to_bytes(part) for part in self.path[1:].split(b"/")]
