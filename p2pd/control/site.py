"""The control API's HTTP site: what is where, how big a body may be, and the checks before it.

Everything a stranger can send is bounded here; what a call means is not known here.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, cast

from twisted.internet.threads import deferToThreadPool
from twisted.web.iweb import IRequest
from twisted.web.resource import IResource, Resource
from twisted.web.server import Request, Site
from txjsonrpc_ng.jsonrpc import BaseSubhandler

from p2pd import __version__
from p2pd.automation.hooks.hooks import Hooks
from p2pd.automation.rss.rss import Rss
from p2pd.control.access.accounts import Accounts, InThread
from p2pd.control.access.audit import AuditLog, AuditMemory
from p2pd.control.access.callers_session import CallersSession
from p2pd.control.access.proxies import Proxies
from p2pd.control.access.roles import need_of_path
from p2pd.control.auth import Judgement, Login, Verdict
from p2pd.control.events.events_load import EventsLoad
from p2pd.control.events.events_resource import EventsResource
from p2pd.control.events.feed import Sources
from p2pd.control.events.hub import EventsHub
from p2pd.control.gate import Gate, Plain, SocketUser, nothing_here
from p2pd.control.held_answers import Held, HeldAnswers, Looking
from p2pd.control.jsonrpc import RpcResource
from p2pd.control.methods.method_groups import make_method_groups
from p2pd.control.methods.session_methods import SessionMethods
from p2pd.control.metrics_page import MetricsPage, Source
from p2pd.control.qbittorrent.composing import QBittorrentDialect, make_dialect
from p2pd.control.qbittorrent.dialect import QBittorrentEdge
from p2pd.control.request import ControlRequest
from p2pd.control.rpc_load import RpcLoad
from p2pd.control.torrent_source import NetworkTorrentSource, TorrentSource
from p2pd.control.transmission_rpc import TransmissionResource, new_session_id
from p2pd.session.api import SessionApi

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
    ) -> None:
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
        self.noisy = False
        self.displayTracebacks = False

    def headers_came(self, request: ControlRequest) -> None:
        """What a request says of its sender is known, before its body comes."""
        if self._edge is not None:
            self._edge.headers_came(request)

    def getResourceFor(self, request: ControlRequest) -> IResource:  # noqa: N802 - Twisted's name
        """The resource for a request, or the refusal, or what finds out which of them it is."""
        request.strip_prefix()
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


def make_control_site(
    api: SessionApi,
    *,
    token: str | None,
    reactor: Any,
    version: str = __version__,
    allowed_hosts: Sequence[str] = (),
    wall_clock: Callable[[], float] = time.time,
    rng: random.Random | None = None,
    torrent_source: TorrentSource | None = None,
    measured: Sequence[Source] = (),
    open_metrics: bool = False,
    socket_users: Mapping[int, SocketUser] | None = None,
    trusted_proxies: Sequence[str] = (),
    accounts: Accounts | None = None,
    audit_memory: AuditMemory | None = None,
    load: RpcLoad | None = None,
    qbittorrent: bool = True,
    rss: Rss | None = None,
    events: EventsLoad | None = None,
    hooks: Hooks | None = None,
) -> ControlSite:
    """The site for `/rpc`, `/transmission/rpc` and `/metrics`, to be listened with by the caller.

    `token` None switches the login off; `accounts` has other users, and the token then;
    `audit_memory` keeps who changed what; `socket_users` need no login on a unix socket.
    `trusted_proxies` are believed whom they send a request for. `allowed_hosts` are the names
    (``*`` and ``?`` match) a Host header may hold beside localhost and IP addresses. `reactor`
    gives time, threads and connections to fetch torrents with. `measured` is what else is asked for
    metrics, besides the session and the site itself; `open_metrics` lets programs on this host read
    them without a login. `load` bounds what callers cost, `events` what those do that follow;
    `qbittorrent` answers that program's clients as well. Without `rss` there are no methods for
    feeds, without `hooks` none for these. Raises ConfigError for an empty token.
    """
    load = load or RpcLoad()
    events = events or EventsLoad()
    accounts = accounts or Accounts(token, in_thread=in_threads_of(reactor), wall=wall_clock)
    rng = rng or random.SystemRandom()
    session_id = new_session_id(rng)
    audit = AuditLog(audit_memory, wall_clock)
    source = torrent_source or NetworkTorrentSource(reactor, f"p2pd/{version}", load=load)
    groups = make_method_groups(
        api,
        clock=reactor,
        wall_clock=wall_clock,
        source=source,
        version=version,
        session_id=session_id,
        accounts=accounts,
        audit=audit,
        rss=rss,
        hooks=hooks,
    )
    shared = _Shared(
        api, groups, source, session_id, version, reactor, wall_clock, rng, load, audit
    )
    login, proxies = Login(accounts, reactor), Proxies(trusted_proxies)
    open_paths = (b"/" + METRICS,) if open_metrics else ()
    gate = Gate(login, allowed_hosts, open_paths, socket_users, proxies)
    hub = EventsHub(_event_sources(shared), events, rng)
    root = _root(shared, gate, hub)
    measured = [load.measures, login.measures, events.measures, *measured]
    dialect = _add_qbittorrent(root, shared) if qbittorrent else None
    if dialect is not None:
        measured.append(dialect.measures)
    root.putChild(METRICS, MetricsPage(api, measured, reactor))
    return ControlSite(
        root, gate, reactor, load, hub, dialect.edge if dialect is not None else None
    )


@dataclass(frozen=True, slots=True)
class _Shared:
    """What the resources of one site have in common."""

    api: SessionApi
    groups: Mapping[str, BaseSubhandler]
    source: TorrentSource
    session_id: str
    version: str
    reactor: Any
    wall_clock: Callable[[], float]
    rng: random.Random
    load: RpcLoad
    audit: AuditLog


def _root(shared: _Shared, gate: Gate, hub: EventsHub) -> ControlRoot:
    """The tree with the two paths of calls, and that of events."""
    groups, reactor, load, audit = shared.groups, shared.reactor, shared.load, shared.audit
    rpc = RpcResource(groups, reactor, load, audit)
    rpc.putChild(b"events", EventsResource(hub, rpc.perform, gate, reactor))
    transmission = ControlRoot()
    older = TransmissionResource(groups, reactor, shared.session_id, load, audit)
    transmission.putChild(b"rpc", older)
    root = ControlRoot()
    root.putChild(b"rpc", rpc)
    root.putChild(b"transmission", transmission)
    return root


def _add_qbittorrent(root: ControlRoot, shared: _Shared) -> QBittorrentDialect:
    dialect = make_dialect(
        shared.api,
        shared.source,
        reactor=shared.reactor,
        wall_clock=shared.wall_clock,
        rng=shared.rng,
        load=shared.load,
        audit=shared.audit,
        version=shared.version,
    )
    versions = ControlRoot()
    versions.putChild(b"v2", dialect.resource)
    root.putChild(b"api", versions)
    return dialect


def _event_sources(shared: _Shared) -> Sources:
    session = cast(SessionMethods, shared.groups["session"])
    return Sources(
        session=shared.api,
        api=cast(SessionApi, CallersSession(shared.api)),
        reactor=shared.reactor,
        wall_clock=shared.wall_clock,
        session_fields=lambda names: session.jsonrpc_get({"fields": list(names)}),
        statistics=lambda: session.jsonrpc_stats({}),
    )


def in_threads_of(reactor: Any) -> InThread:
    """Runs things in the reactor's threads."""
    return lambda work, *args: deferToThreadPool(reactor, reactor.getThreadPool(), work, *args)
