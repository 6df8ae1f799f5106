"""The groups of methods, wired to what they need."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, cast

from txjsonrpc_ng.jsonrpc import BaseSubhandler

from p2pd.automation.hooks.hooks import Hooks
from p2pd.automation.mutable.mutable_torrents import MutableTorrents
from p2pd.automation.rss.rss import Rss
from p2pd.control.access.accounts import Accounts
from p2pd.control.access.audit import AuditLog
from p2pd.control.access.callers_session import CallersSession
from p2pd.control.access.quotas import Quotas
from p2pd.control.methods.account_methods import KeyMethods, UserMethods
from p2pd.control.methods.audit_methods import AuditMethods
from p2pd.control.methods.blocklist_methods import BlocklistMethods
from p2pd.control.methods.dht_methods import DhtMethods
from p2pd.control.methods.disk_methods import DiskMethods
from p2pd.control.methods.events_methods import EventsMethods
from p2pd.control.methods.group_methods import GroupMethods
from p2pd.control.methods.history_methods import HistoryMethods
from p2pd.control.methods.hook_methods import HookMethods
from p2pd.control.methods.kept_rows import KeptRows
from p2pd.control.methods.nat_methods import NatMethods
from p2pd.control.methods.node_methods import NodeMethods, NodesMethods
from p2pd.control.methods.peer_methods import PeerMethods
from p2pd.control.methods.port_methods import PortMethods
from p2pd.control.methods.queue_methods import QueueMethods
from p2pd.control.methods.rss_methods import RssMethods
from p2pd.control.methods.rule_methods import LabelMethods, TrackerMethods
from p2pd.control.methods.selection import Selection
from p2pd.control.methods.session_fields import SessionFacts
from p2pd.control.methods.session_methods import SessionMethods
from p2pd.control.methods.state_methods import StateMethods
from p2pd.control.methods.swarm_ca_methods import SwarmCaMethods, SwarmCaParts
from p2pd.control.methods.system_methods import SystemMethods
from p2pd.control.methods.task_methods import TaskMethods
from p2pd.control.methods.torrent_add import TorrentAdder
from p2pd.control.methods.torrent_methods import TorrentMethods
from p2pd.control.torrent_source import TorrentSource
from p2pd.session.api import SessionApi


def make_method_groups(
    api: SessionApi,
    *,
    clock: Any,
    wall_clock: Callable[[], float],
    source: TorrentSource,
    version: str,
    session_id: str,
    accounts: Accounts,
    audit: AuditLog,
    rss: Rss | None = None,
    hooks: Hooks | None = None,
    mutable: MutableTorrents | None = None,
    quotas: Quotas | None = None,
    swarm_ca: SwarmCaParts | None = None,
) -> dict[str, BaseSubhandler]:
    """The groups by the first word of their methods' names."""
    kept = KeptRows(api, clock)  # of all torrents, whoever may see them
    api = cast(SessionApi, CallersSession(api, quotas))
    selection = Selection(api, wall_clock)
    groups: dict[str, BaseSubhandler] = {
        "torrent": TorrentMethods(
            api, selection, TorrentAdder(api, source, mutable), kept, clock, wall_clock
        ),
        "session": SessionMethods(api, SessionFacts(version, session_id)),
        "free": DiskMethods(api),
        "blocklist": BlocklistMethods(api),
        "dht": DhtMethods(api, selection, mutable),
        "history": HistoryMethods(api, selection, wall_clock),
        "group": GroupMethods(api),
        "events": EventsMethods(),
        "label": LabelMethods(api),
        "tracker": TrackerMethods(api),
        "nat": NatMethods(api),
        "node": NodeMethods(api),
        "nodes": NodesMethods(api),
        "peer": PeerMethods(api, selection),
        "port": PortMethods(api, wall_clock),
        "queue": QueueMethods(api, selection),
        "state": StateMethods(api),
        "user": UserMethods(api, selection, accounts, wall_clock),
        "audit": AuditMethods(audit),
        "api": KeyMethods(accounts, wall_clock),
        "task": TaskMethods(api),
    }
    if rss is not None:
        groups["rss"] = RssMethods(rss)
    if hooks is not None:
        groups["hook"] = HookMethods(hooks)
    if swarm_ca is not None:
        groups["swarm"] = SwarmCaMethods(swarm_ca, api, selection)
    return {**groups, "system": SystemMethods(groups, version)}
