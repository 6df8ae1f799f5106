"""The dialect, put together: its edge, and what is behind its paths."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, cast

from p2pd.base.measures import Measure
from p2pd.control.access.audit import AuditLog
from p2pd.control.access.callers_session import CallersSession
from p2pd.control.access.quotas import Quotas
from p2pd.control.methods.torrent_add import TorrentAdder
from p2pd.control.qbittorrent.adding import Adding
from p2pd.control.qbittorrent.app import App
from p2pd.control.qbittorrent.auth import Auth
from p2pd.control.qbittorrent.call import Action
from p2pd.control.qbittorrent.changing import Changing
from p2pd.control.qbittorrent.dialect import QBittorrentEdge
from p2pd.control.qbittorrent.label_actions import LabelActions
from p2pd.control.qbittorrent.labels import Labels
from p2pd.control.qbittorrent.listing import Listing
from p2pd.control.qbittorrent.login_sessions import LoginSessions
from p2pd.control.qbittorrent.preferences import is_queueing
from p2pd.control.qbittorrent.reading import Reading
from p2pd.control.qbittorrent.renaming import Renaming
from p2pd.control.qbittorrent.router import QBittorrentResource
from p2pd.control.qbittorrent.sync import Sync
from p2pd.control.qbittorrent.torrent_fields import info_fields
from p2pd.control.qbittorrent.trackers import Trackers
from p2pd.control.qbittorrent.transfer import Transfer
from p2pd.control.qbittorrent.web_seeds import WebSeeds
from p2pd.control.rpc_load import RpcLoad
from p2pd.control.torrent_source import TorrentSource
from p2pd.session.api import SessionApi
from p2pd.state.answering import Answering


@dataclass(frozen=True, slots=True)
class QBittorrentDialect:
    """What the site needs of it."""

    edge: QBittorrentEdge
    resource: QBittorrentResource
    measures: Callable[[], Sequence[Measure]]


def make_dialect(
    api: SessionApi,
    source: TorrentSource,
    *,
    reactor: Any,
    wall_clock: Callable[[], float],
    rng: random.Random,
    load: RpcLoad,
    audit: AuditLog,
    version: str,
    quotas: Quotas | None = None,
    answering: Answering | None = None,
) -> QBittorrentDialect:
    """The dialect over a session, of which each caller sees his part."""
    api = cast(SessionApi, CallersSession(api, quotas))
    sessions = LoginSessions(reactor, rng)
    labels = Labels(api)
    fields = info_fields(labels, lambda: is_queueing(api.settings))
    transfer = Transfer(api, wall_clock)
    sync = Sync(api, labels, fields, transfer, reactor=reactor, wall_clock=wall_clock)
    rooms = (
        Auth(sessions),
        App(api, version),
        Listing(api, labels, fields, wall_clock),
        Reading(api, wall_clock),
        Adding(api, TorrentAdder(api, source), labels),
        Changing(api),
        Trackers(api),
        WebSeeds(api),
        LabelActions(api, labels),
        Renaming(api),
        transfer,
        sync,
    )
    actions: dict[str, Action] = {}
    for room in rooms:
        actions.update(room.actions())
    return QBittorrentDialect(
        QBittorrentEdge(sessions),
        QBittorrentResource(actions, reactor, load, audit, answering),
        lambda: [*sessions.measures(), *sync.measures()],
    )
