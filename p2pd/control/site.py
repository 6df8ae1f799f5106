"""The control API's HTTP site: what is where, how big a body may be, and the checks before it.

Everything a stranger can send is bounded here; what a call means is not known here.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from twisted.web.iweb import IRequest
from twisted.web.resource import IResource, Resource
from twisted.web.server import Request, Site

from p2pd.control.access.roles import need_of_path
from p2pd.control.auth import Judgement, Verdict
from p2pd.control.events.hub import EventsHub
from p2pd.control.gate import Gate, Plain, nothing_here
from p2pd.control.held_answers import Held, HeldAnswers, Looking
from p2pd.control.qbittorrent.dialect import QBittorrentEdge
from p2pd.control.request import ControlRequest
from p2pd.control.rpc_load import RpcLoad

IDLE_SECONDS = 60

METRICS = b"metrics"

CONNECTIONS = 128
OF_HOST = 96
"""A proxy is one host."""

_TOO_MANY_WORDS = b"too many connections: close some, or try again in a moment\n"
TOO_MANY = (
    b"HTTP/1.1 503 Service Unavailable\r\nContent-Type: text/plain; charset=utf-8\r\n"
    b"Content-Length: %d\r\nRetry-After: 1\r\nConnection: close\r\n\r\n%s"
    % (len(_TOO_MANY_WORDS), _TOO_MANY_WORDS)
)
"""What those hear that come beyond these."""


class ControlRoot(Resource):
    """The root of the tree; a path that is not there gets a sentence, not a page."""

    def __init__(self) -> None:
        super().__init__()

    def getChild(self, path: bytes, request: IRequest) -> Resource:  # noqa: N802 - Twisted's name
        """What stands for a path that is not there."""
        return nothing_here()

    def render(self, request: Request) -> bytes:
        """A path that is only the way to others."""
        return nothing_here().render(request)


class ControlSite(Site):
    """The site. `root` takes more children; all of them are behind the gate."""

    def __init__(
        self,
        root: Resource,
        gate: Gate,
        reactor: Any,
        load: RpcLoad,
        events: EventsHub,
        edge: QBittorrentEdge | None = None,
        ungated: Mapping[bytes, Resource] | None = None,
    ) -> None:
        """What is at the paths of `ungated` finds out by itself who may ask."""
        super().__init__(
            root,
            requestFactory=ControlRequest,
            parsePOSTFormSubmission=False,
            timeout=IDLE_SECONDS,
            reactor=reactor,
        )
        self.gate = gate
        self.held = HeldAnswers(reactor)
        self.load = load
        self.events = events
        self.root = root
        self._edge = edge
        self._ungated = ungated or {}
        self.noisy = False
        self.displayTracebacks = False

    def headers_came(self, request: ControlRequest) -> None:
        """What a request says of its sender is known, before its body comes."""
        if self._edge is not None:
            self._edge.headers_came(request)

    def getResourceFor(self, request: ControlRequest) -> IResource:  # noqa: N802 - Twisted's name
        """The resource for a request, or the refusal, or what finds out which of them it is."""
        request.strip_prefix()
        if request.path in self._ungated:
            return self._ungated[request.path]
        if self._edge is not None:
            self._edge.request_came(request)
        judgement = self.gate.judge(request)
        if judgement.verdict is Verdict.PASSWORD:
            return Looking(self, request)
        return self.after(request, judgement)

    def after(self, request: ControlRequest, judgement: Judgement) -> IResource:
        """What to answer to whom that was found to be."""
        if (refusal := self.gate.refusal(request, judgement)) is not None:
            if self._edge is not None:
                refusal = self._edge.refused(request, refusal)
            late = judgement.delay and self.held.room()
            return Held(refusal, judgement.delay, self.held) if late else refusal
        assert judgement.identity is not None
        if not judgement.identity.permits(need_of_path(request.path)):
            return Plain(403, f"{judgement.identity.role} users see nothing here")
        request.caller = self.gate.caller(request, judgement.identity)
        found: IResource = super().getResourceFor(request)
        return found

    def log(self, request: object) -> None:
        """Keep quiet: pollers ask every second, and a log of that is of no use."""
