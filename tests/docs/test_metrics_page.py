"""docs/metrics.rst lists every metric there is, with its kind, its labels and its meaning."""

from __future__ import annotations

import csv
import random
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from twisted.internet.task import Clock

from p2pd.automation.mutable.mutable_torrents import MutableTorrents
from p2pd.automation.watching.watch_folders import WatchFolders
from p2pd.base.measures import Histogram, Measure
from p2pd.control.access.accounts import Accounts
from p2pd.control.access.audit import AuditLog
from p2pd.control.auth import Login
from p2pd.control.events.events_load import EventsLoad
from p2pd.control.metrics_page import PREFIX
from p2pd.control.qbittorrent.composing import QBittorrentDialect, make_dialect
from p2pd.control.rpc_load import RpcLoad
from p2pd.control.torrent_source import NetworkTorrentSource
from p2pd.discovery.lsd.neighbours import Neighbours
from p2pd.discovery.tracker_client.transports import TrackerTransports
from p2pd.reachability.gateways import Gateways
from p2pd.reachability.port_mapper import PortMapper
from p2pd.service import daemon_measures
from p2pd.session.resource_reports import DescriptorReport
from p2pd.session.session_history import SessionHistory
from p2pd.state.database import Database
from p2pd.storage.block_cache import BlockCache
from p2pd.testing import MemoryNetwork, SimNode
from p2pd.tracker.http import make_tracker_site
from p2pd.tracker.stores.memory import MemorySwarmStore
from p2pd.tracker.tracker_measures import tracker_measures
from p2pd.transports.tcp_counts import TcpCounts
from p2pd.transports.udp_port import UdpPort
from p2pd.transports.udp_socket import UdpCounts
from p2pd.transports.way_out import AddressWay
from tests.automation.hook_world import HookWorld
from tests.automation.rss_world import World

PAGE = Path(__file__).parents[2] / "docs" / "metrics.rst"


async def no_pause() -> None:
    """Nobody waits."""


@pytest.fixture
def measures(tmp_path: Path) -> list[Measure]:
    """One of each, as the daemon tells them."""
    network = MemoryNetwork(Clock())
    node = SimNode(network, "10.0.0.1")
    session = network.result(node.control.measures(no_pause))
    store = MemorySwarmStore()
    site = make_tracker_site(store, Clock())
    return [
        *session,
        *RpcLoad().measures(),
        *EventsLoad().measures(),
        *_login().measures(),
        *_qbittorrent(node).measures(),
        *daemon_measures.server_measures("rpc", "the control API", site),
        *SessionHistory(node.session, None, 1).measures(),  # type: ignore[arg-type]
        *WatchFolders(node.control, *[None] * 4).measures(),  # type: ignore[list-item]
        *daemon_measures.process_measures(1.0),
        *daemon_measures.file_measures(DescriptorReport(9, 1, 2, 3, 4), BlockCache(10)),
        *daemon_measures.tcp_measures(TcpCounts()),
        *daemon_measures.udp_measures(UdpCounts()),
        *daemon_measures.lsd_measures(Neighbours(Clock(), "", random.Random(1))),
        *daemon_measures.database_measures(Database(None, str(tmp_path))),  # type: ignore[arg-type]
        *daemon_measures.tracker_client_measures(_trackers()),
        *_mapper().measures(),
        daemon_measures.lag_measure(Histogram((1.0,))),
        *tracker_measures(store, Counter()),
        *World().rss.measures(),
        *HookWorld().hooks.measures(),
        *_mutable(node).measures(),
        *daemon_measures.server_measures("own_tracker", "our own tracker", site),
    ]


def _mutable(node: SimNode) -> MutableTorrents:
    stores: dict[str, Any] = {"followed": None, "published": None}
    clock = Clock()
    return MutableTorrents(
        node.control, **stores, clock=clock, wall=clock.seconds, rng=random.Random(1)
    )


def _login() -> Login:
    async def at_once(work: Callable[..., Any], *args: Any) -> Any:
        return work(*args)

    clock = Clock()
    return Login(Accounts("token", in_thread=at_once, wall=clock.seconds), clock)


def _qbittorrent(node: SimNode) -> QBittorrentDialect:
    clock, rng = Clock(), random.Random(1)
    return make_dialect(
        node.control,
        NetworkTorrentSource(clock, "test"),
        reactor=clock,
        wall_clock=clock.seconds,
        rng=rng,
        load=RpcLoad(),
        audit=AuditLog(None, clock.seconds),
        version="1",
    )


def _trackers() -> TrackerTransports:
    return TrackerTransports(Clock(), random.Random(1), UdpPort(None), agent=object())


def _mapper() -> PortMapper:
    nothing: Any = None
    gateways = Gateways(AddressWay("127.0.0.1"))
    return PortMapper(
        Clock(), random.Random(1), gateways, nothing, changed=nothing, seen=nothing, secret=bytes
    )


def row(measure: Measure) -> list[str]:
    labels = ", ".join(f"``{label}``" for label in measure.labels)
    return [f"``{PREFIX}{measure.name}``", measure.kind.value, labels, measure.meaning]


def test_every_metric_is_on_the_page_and_no_other(measures: list[Measure]) -> None:
    lines = [line.strip() for line in PAGE.read_text().splitlines()]
    found = list(csv.reader([x for x in lines if x.startswith('"``p2pd_')], skipinitialspace=True))
    expected = sorted(map(row, measures))
    text = "\n".join("   " + ", ".join(f'"{cell}"' for cell in each) for each in expected)
    assert sorted(found) == expected, f"the table of docs/metrics.rst is to be:\n{text}"


def test_names_are_as_prometheus_wants_them(measures: list[Measure]) -> None:
    names = [measure.name for measure in measures]
    assert len(names) == len(set(names))
    for measure in measures:
        assert measure.name.endswith("_total") == (measure.kind.value == "counter"), measure.name
        assert measure.meaning.endswith("."), measure.name
        assert '"' not in measure.meaning


def test_what_has_a_limit_is_there_too(measures: list[Measure]) -> None:
    names = {measure.name for measure in measures}
    limits = {name for name in names if name.endswith("_limit")}
    assert len(limits) > 15
    assert {name.removesuffix("_limit") for name in limits} <= names
