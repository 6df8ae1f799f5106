"""What idle torrents cost: no ticks, no delayed calls of their own, no look from clients' polls."""

from __future__ import annotations

import random
from typing import Any

import pytest
from twisted.internet.task import Clock

from p2pd.base.addresses import PeerAddress
from p2pd.base.schedule import Schedule
from p2pd.discovery.tracker_client.announcer import Announcer
from p2pd.protocols.tracker.announce import AnnounceAnswer
from p2pd.session.torrents.active_torrents import ActiveTorrents
from p2pd.session.torrents.torrent import Torrent
from p2pd.session.torrents.torrent_counters import TOTALS_SECONDS, TorrentCounters
from p2pd.session.torrents.torrent_requests import TorrentChanges
from p2pd.state.resume import TorrentRecord
from p2pd.testing import MemoryNetwork, ScriptedPeer, SimNode

MANY = 100
NOBODY = PeerAddress("10.9.9.9", 6881)


class Trackers:
    """Trackers that answer at once, with nobody."""

    def __init__(self) -> None:
        self.asked = 0

    async def announce(self, url: str, request: Any) -> AnnounceAnswer:
        self.asked += 1
        return AnnounceAnswer(peers=(), interval=1800)

    async def scrape(self, url: str, info_hashes: list[bytes]) -> dict[bytes, Any]:
        return {}


class AnnouncingNode(SimNode):
    """With real announcers, over one schedule as in the daemon."""

    def _make_announcer(self, torrent: Any, tiers: Any, found: Any, *rest: Any) -> Any:
        if not hasattr(self, "trackers"):
            self.trackers = Trackers()
            self.timers = Schedule(self.network.clock)
        peer_id, port = rest
        return Announcer(
            torrent, tiers, found, clock=self.timers, wall=self.network.clock.seconds,
            rng=random.Random(1), transports=self.trackers, peer_id=peer_id, port=port,
        )  # fmt: skip


@pytest.fixture
def node(network: MemoryNetwork) -> AnnouncingNode:
    """A node on which many torrents run."""
    node = AnnouncingNode(network, "10.0.0.1")
    for number in range(MANY):
        node.add(f"magnet:?xt=urn:btih:{number + 1:040x}&tr=http://t.example/announce")
    network.run(5)
    return node


@pytest.fixture
def ticked(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The ids of the torrents that are ticked from now on."""
    ids: list[int] = []
    tick = Torrent.tick

    def probe(torrent: Torrent, now: float) -> None:
        ids.append(torrent.record.id)
        tick(torrent, now)

    monkeypatch.setattr(Torrent, "tick", probe)
    return ids


def torrent_of(node: SimNode, id_: int) -> Torrent:
    found = node.session.torrents.by_id(id_)
    assert found is not None
    return found


def test_idle_torrents_are_not_ticked(
    network: MemoryNetwork, node: AnnouncingNode, ticked: list[int]
) -> None:
    network.run(60)
    assert ticked == []
    assert node.session.activity.running == MANY
    assert node.session.activity.busy == []


def test_idle_torrents_have_no_delayed_calls_of_their_own(
    network: MemoryNetwork, node: AnnouncingNode
) -> None:
    # Their trackers and scrapes wait in one schedule, and in that of the session they wait to look
    # for peers that worked for others; the session's tick is the other call.
    assert len(network.clock.getDelayedCalls()) == 3
    assert len(node.timers) == 2 * MANY
    asked = node.trackers.asked
    network.run(1800)
    assert node.trackers.asked == asked + MANY
    assert len(network.clock.getDelayedCalls()) == 3


def test_only_the_torrent_with_a_peer_is_ticked(
    network: MemoryNetwork, node: AnnouncingNode, ticked: list[int]
) -> None:
    peer = ScriptedPeer(network, "10.0.0.2", bytes.fromhex(f"{7:040x}"))
    peer.dial(node.address)
    network.run(5)
    assert len(torrent_of(node, 7).peers) == 1
    assert set(ticked) == {7}
    peer.hang_up()
    network.run(3)
    ticked.clear()
    network.run(5)
    assert ticked == []


def test_a_torrent_that_raises_is_stopped_and_the_others_go_on(
    network: MemoryNetwork, node: AnnouncingNode, ticked: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(_now: float) -> None:
        raise RuntimeError("nobody thought of this")

    first, second = torrent_of(node, 1), torrent_of(node, 2)
    first.dirty = second.dirty = True
    node.session.activity.wake(first)
    node.session.activity.wake(second)
    monkeypatch.setattr(first.peers, "tick", broken)
    network.run(2.5)
    assert first.error == "internal error: nobody thought of this"
    assert not first.running
    assert ticked == [1, 2, 2]


def test_a_torrent_at_rest_dials_again_when_an_address_is_due(
    network: MemoryNetwork, node: AnnouncingNode, ticked: list[int]
) -> None:
    torrent = torrent_of(node, 3)
    dialled: list[float] = []
    started = torrent.dialling.dial_started
    torrent.dialling.dial_started = lambda address: (  # type: ignore[method-assign]
        dialled.append(network.clock.seconds()),
        started(address),
    )
    node.connect(torrent, NOBODY)
    network.run(200)
    assert len(dialled) >= 4
    assert set(ticked) == {3}
    assert len(ticked) < 30
    assert len(network.clock.getDelayedCalls()) == 3


def test_torrents_that_wait_for_the_dialler_are_not_ticked(
    network: MemoryNetwork, node: AnnouncingNode, ticked: list[int]
) -> None:
    node.session.settings.peer_limit_global = 0
    for torrent in node.session.torrents:
        node.connect(torrent, NOBODY)
    network.run(5)
    ticked.clear()
    network.run(60)
    assert ticked == []
    node.session.settings.peer_limit_global = 10
    network.run(2)
    assert ticked


def test_only_what_changed_is_recorded(
    network: MemoryNetwork, node: AnnouncingNode, monkeypatch: pytest.MonkeyPatch
) -> None:
    saved: list[int] = []
    save = node.store.save_progress

    async def probe(record: TorrentRecord) -> None:
        saved.append(record.id)
        await save(record)

    monkeypatch.setattr(node.store, "save_progress", probe)
    torrent_of(node, 5).exchange.payload_sent(16384, network.clock.seconds())
    node.session.activity.changed(torrent_of(node, 5))
    network.run(120)
    assert saved == [5]
    assert node.store.rows[5].uploaded == 16384


def test_recent_changes_are_found_without_a_look_at_the_others(
    network: MemoryNetwork, node: AnnouncingNode, monkeypatch: pytest.MonkeyPatch
) -> None:
    def recent() -> list[int]:
        wall = node.session.wall() - 60
        return [view.id for view in node.control.changed_since(wall)]

    assert sorted(recent()) == list(range(1, MANY + 1))
    network.run(70)
    assert recent() == []
    views = {view.id: view for view in node.control.torrents()}
    network.result(node.control.change(views[9], TorrentChanges(labels=("x",))))
    network.result(node.control.stop(views[4]))
    torrent_of(node, 6).fail("on purpose")
    looked: list[int] = []
    report = node.control._report
    monkeypatch.setattr(
        node.control, "_report", lambda torrent: looked.append(torrent.record.id) or report(torrent)
    )
    assert recent() == [6, 4, 9]
    assert looked == [6, 4, 9]
    network.result(node.control.remove(views[9], delete_data=False))
    assert recent() == [6, 4]
    summary = node.control.summary()
    assert (summary.torrents, summary.active, summary.paused) == (MANY - 1, MANY - 3, 2)


def test_an_idle_torrent_counts_its_time(network: MemoryNetwork, node: AnnouncingNode) -> None:
    view = node.control.find(2)
    assert view is not None
    before = view.seconds_downloading
    network.run(100)
    assert view.seconds_downloading == before + 100
    node.stop()
    assert node.store.rows[2].seconds_downloading == before + 100


def test_a_stopped_session_leaves_nothing_with_the_clock(
    network: MemoryNetwork, node: AnnouncingNode
) -> None:
    node.connect(torrent_of(node, 3), NOBODY)
    network.run(5)
    node.stop()
    assert not network.clock.getDelayedCalls()


class Idler:
    """A torrent that is never busy and could dial in ten seconds."""

    is_busy = False

    def tick(self, now: float) -> None:
        """Nothing."""

    def next_dial(self, now: float) -> float:
        return now + 10

    def idle(self) -> None:
        """Nothing."""


def test_a_forgotten_torrent_is_not_known_any_more() -> None:
    clock = Clock()
    activity: ActiveTorrents[Idler] = ActiveTorrents(Schedule(clock), clock.seconds)
    idler = Idler()
    activity.add(idler)
    activity.started(idler)
    activity.tick(0.0)
    assert (activity.running, activity.busy, len(clock.getDelayedCalls())) == (1, [], 1)
    activity.forget(idler)
    activity.started(idler)
    activity.changed(idler)
    activity.wake(idler)
    assert (activity.running, activity.busy, activity.changed_since(0)) == (0, [], [])
    assert not clock.getDelayedCalls()


def test_time_is_counted_by_what_the_torrent_was() -> None:
    record = TorrentRecord(b"1" * 20, None, "name", "/downloads")
    counters = TorrentCounters(record)
    counters.settle(50, complete=True)
    counters.begin(100, complete=False)
    counters.settle(110.5, complete=False)
    counters.settle(120.2, complete=True)
    counters.end(150.5)
    counters.settle(200, complete=True)
    assert (record.seconds_downloading, record.seconds_seeding) == (20, 30)


def test_totals_are_recorded_once_a_minute_at_most() -> None:
    record = TorrentRecord(b"1" * 20, None, "name", "/downloads")
    counters = TorrentCounters(record)
    assert not counters.save_due(10)
    record.uploaded = 5
    assert counters.unsaved
    assert counters.save_due(10)
    assert not counters.unsaved
    record.uploaded = 6
    assert not counters.save_due(11)
    assert counters.save_due(10 + TOTALS_SECONDS)
