"""The control API's site, put together: which resources there are, and what they share."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, cast

from twisted.internet.threads import deferToThreadPool
from twisted.web.resource import Resource
from txjsonrpc_ng.jsonrpc import BaseSubhandler

from p2pd import __version__
from p2pd.automation.hooks.hooks import Hooks
from p2pd.automation.mutable.mutable_torrents import MutableTorrents
from p2pd.automation.rss.rss import Rss
from p2pd.automation.swarm_ca.issuer import Issuer
from p2pd.control import enrol_resource
from p2pd.control.access.accounts import Accounts, InThread
from p2pd.control.access.audit import AuditLog, AuditMemory
from p2pd.control.access.callers_session import CallersSession
from p2pd.control.access.proxies import Proxies
from p2pd.control.access.quotas import Quotas
from p2pd.control.auth import Login
from p2pd.control.enrol_resource import EnrolResource
from p2pd.control.events.events_load import EventsLoad
from p2pd.control.events.events_resource import EventsResource
from p2pd.control.events.feed import Sources
from p2pd.control.events.hub import EventsHub
from p2pd.control.gate import Gate, SocketUser
from p2pd.control.jsonrpc import RpcResource
from p2pd.control.methods.method_groups import make_method_groups
from p2pd.control.methods.session_methods import SessionMethods
from p2pd.control.methods.swarm_ca_methods import SwarmCaParts, torrents_by_id
from p2pd.control.metrics_page import MetricsPage, Source
from p2pd.control.qbittorrent.composing import QBittorrentDialect, make_dialect
from p2pd.control.rpc_load import RpcLoad
from p2pd.control.site import METRICS, ControlRoot, ControlSite
from p2pd.control.torrent_source import NetworkTorrentSource, TorrentSource
from p2pd.control.transmission_rpc import TransmissionResource, new_session_id
from p2pd.session.api import SessionApi
from p2pd.state.answering import Answering
from p2pd.transports.way_out import WayOut


@dataclass(frozen=True, slots=True, kw_only=True)
class SiteParts:
    """What a site is made of, beside the session and its users."""

    version: str = __version__
    wall_clock: Callable[[], float] = time.time
    rng: random.Random = field(default_factory=random.SystemRandom)
    allowed_hosts: Sequence[str] = ()
    """Names (``*`` and ``?`` match) a Host header may hold beside localhost and IP addresses."""
    trusted_proxies: Sequence[str] = ()
    """They are believed whom they send a request for."""
    socket_users: Mapping[int, SocketUser] | None = None
    """Who needs no login on a unix socket."""
    open_metrics: bool = False
    """Whether programs on this host may read the metrics without a login."""
    measured: Sequence[Source] = ()
    """What else is asked for metrics, besides the session and the site itself."""
    torrent_source: TorrentSource | None = None
    """None: torrents are fetched over the network."""
    way: str | WayOut = ""
    """By which they are then, unless from one's own network: an address, or an interface."""
    audit_memory: AuditMemory | None = None
    """None: who changed what is forgotten when the daemon ends."""
    answering: Answering | None = None
    """Has answers wait for what they promise; None: nothing outlives the process."""
    load: RpcLoad = field(default_factory=RpcLoad)
    """Bounds what callers cost."""
    events: EventsLoad = field(default_factory=EventsLoad)
    """Bounds what those cost that follow."""
    qbittorrent: bool = True
    """Whether that program's clients are answered as well."""
    rss: Rss | None = None
    hooks: Hooks | None = None
    mutable: MutableTorrents | None = None
    """Without these there are no methods for them."""
    swarm_ca: SwarmCaParts | None = None
    """Without it there are no CAs here, and none of this node's certificates."""
    quotas: Quotas | None = None
    """Those of all who add torrents."""


def make_control_site(
    api: SessionApi, accounts: Accounts, reactor: Any, parts: SiteParts
) -> ControlSite:
    """The site for calls, events, metrics and other dialects; the caller listens with it.

    `reactor` gives time, threads and connections to fetch torrents with.
    """
    shared = _shared(api, accounts, reactor, parts)
    login = Login(accounts, reactor)
    open_paths = (b"/" + METRICS,) if parts.open_metrics else ()
    proxies = Proxies(parts.trusted_proxies)
    gate = Gate(login, parts.allowed_hosts, open_paths, parts.socket_users, proxies)
    hub = EventsHub(_event_sources(shared), parts.events, parts.rng)
    root = _root(shared, gate, hub)
    measured = [parts.load.measures, login.measures, parts.events.measures, *parts.measured]
    dialect = _add_qbittorrent(root, shared) if parts.qbittorrent else None
    if dialect is not None:
        measured.append(dialect.measures)
    root.putChild(METRICS, MetricsPage(api, measured, reactor))
    edge = dialect.edge if dialect is not None else None
    return ControlSite(root, gate, reactor, parts.load, hub, edge, _ungated(shared, login))


@dataclass(frozen=True, slots=True)
class _Shared:
    """What the resources of one site have in common."""

    api: SessionApi
    groups: Mapping[str, BaseSubhandler]
    source: TorrentSource
    session_id: str
    reactor: Any
    audit: AuditLog
    parts: SiteParts


def _shared(api: SessionApi, accounts: Accounts, reactor: Any, parts: SiteParts) -> _Shared:
    session_id = new_session_id(parts.rng)
    audit = AuditLog(parts.audit_memory, parts.wall_clock)
    source = parts.torrent_source
    if source is None:
        name = f"p2pd/{parts.version}"
        source = NetworkTorrentSource(reactor, name, load=parts.load, way=parts.way)
    groups = make_method_groups(
        api,
        clock=reactor,
        wall_clock=parts.wall_clock,
        source=source,
        version=parts.version,
        session_id=session_id,
        accounts=accounts,
        audit=audit,
        rss=parts.rss,
        hooks=parts.hooks,
        mutable=parts.mutable,
        quotas=parts.quotas,
        swarm_ca=parts.swarm_ca,
    )
    return _Shared(api, groups, source, session_id, reactor, audit, parts)


def _root(shared: _Shared, gate: Gate, hub: EventsHub) -> ControlRoot:
    """The tree with the two paths of calls, and that of events."""
    groups, reactor, load, audit = shared.groups, shared.reactor, shared.parts.load, shared.audit
    answering = shared.parts.answering
    rpc = RpcResource(groups, reactor, load, audit, answering)
    rpc.putChild(b"events", EventsResource(hub, rpc.perform, gate, reactor, load))
    transmission = ControlRoot()
    older = TransmissionResource(groups, reactor, shared.session_id, load, audit, answering)
    transmission.putChild(b"rpc", older)
    root = ControlRoot()
    root.putChild(b"rpc", rpc)
    root.putChild(b"transmission", transmission)
    return root


def _ungated(shared: _Shared, login: Login) -> dict[bytes, Resource]:
    """What those may ask who have no login."""
    parts = shared.parts.swarm_ca
    if parts is None:
        return {}
    issuer = Issuer(parts.authorities, torrents_by_id(shared.api), parts.addresses, parts.tls_port)
    return {enrol_resource.PATH: EnrolResource(issuer, login, shared.audit, shared.reactor)}


def _add_qbittorrent(root: ControlRoot, shared: _Shared) -> QBittorrentDialect:
    dialect = make_dialect(
        shared.api,
        shared.source,
        reactor=shared.reactor,
        wall_clock=shared.parts.wall_clock,
        rng=shared.parts.rng,
        load=shared.parts.load,
        audit=shared.audit,
        version=shared.parts.version,
        quotas=shared.parts.quotas,
        answering=shared.parts.answering,
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
        wall_clock=shared.parts.wall_clock,
        session_fields=lambda names: session.jsonrpc_get({"fields": list(names)}),
        statistics=lambda: session.jsonrpc_stats({}),
    )


def in_threads_of(reactor: Any) -> InThread:
    """Runs things in the reactor's threads."""
    return lambda work, *args: deferToThreadPool(reactor, reactor.getThreadPool(), work, *args)
