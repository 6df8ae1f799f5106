"""Torrents that gave enough stop, go or super-seed, once for each limit, in whole sessions."""

from __future__ import annotations

from typing import Any

import pytest

from p2pd.automation import share_limits
from p2pd.automation.share_limits import LOOK_SECONDS, RETRY_SECONDS, ShareLimiter
from p2pd.base.errors import StateError
from p2pd.session.api import TorrentStatus, TorrentView
from p2pd.session.session_events import TorrentEvent
from p2pd.session.torrents.resting import REST_SECONDS
from p2pd.session.torrents.torrent import Torrent
from p2pd.session.torrents.torrent_requests import TorrentChanges
from p2pd.swarm.share_limits import ShareLimits
from p2pd.testing import MemoryNetwork, SimNode, make_torrent

CONTENTS = {"a/one.mkv": bytes(range(256)) * 300}
SIZE = 256 * 300
TORRENT = make_torrent(CONTENTS, name="some", trackers=[["http://tracker.example/announce"]])
MINUTE = 60.0


class Limited:
    """A node with a limiter, and what it told."""

    def __init__(self, network: MemoryNetwork, **settings: Any) -> None:
        self.network = network
        self.node = SimNode(network, "10.0.0.1", **settings)
        self.told: list[tuple[str, str]] = []
        self.limiter = self.limiter_of(self.node)
        self.torrent = self.node.put(TORRENT, CONTENTS)

    def limiter_of(self, node: SimNode) -> ShareLimiter:
        node.control.events.listen(self._heard)
        limiter = ShareLimiter(node.control, self.network.clock, node.session.wall)
        limiter.start()
        return limiter

    def _heard(self, event: TorrentEvent) -> None:
        kind, _, end = event.kind.partition("_")
        if end == "reached":
            self.told.append((kind, event.detail["action"]))

    @property
    def view(self) -> TorrentView:
        found = self.node.control.find(self.torrent.record.id)
        assert found is not None
        return found

    def change(self, **limits: Any) -> None:
        changes = TorrentChanges(share_limits=limits)
        self.network.result(self.node.control.change(self.view, changes))

    def set(self, **settings: Any) -> None:
        self.network.result(self.node.control.change_settings(settings))

    def upload(self, host: str = "10.0.0.2") -> None:
        """Somebody gets everything."""
        leecher = SimNode(self.network, host)
        wanted = leecher.add(TORRENT)
        leecher.connect(wanted, self.node.address)
        self.network.run_until(wanted.is_complete, limit=30)
        leecher.stop()

    def run(self, seconds: float = LOOK_SECONDS + 3) -> None:
        self.network.run(seconds)

    @property
    def is_stopped(self) -> bool:
        return self.view.status == TorrentStatus.STOPPED


@pytest.fixture
def limited(network: MemoryNetwork) -> Limited:
    return Limited(network)


def test_it_stops_at_its_ratio_and_is_finished(limited: Limited) -> None:
    limited.change(seed_ratio_mode=1, seed_ratio_limit=1.5)
    limited.upload()
    limited.run()
    assert not limited.is_stopped
    assert not limited.view.sharing.is_finished
    limited.upload("10.0.0.3")
    limited.run()
    assert limited.is_stopped
    assert limited.view.sharing.is_finished
    assert limited.told == [("ratio", "stop")]
    row = limited.node.store.rows[limited.torrent.record.id]
    assert (row.paused, row.limits_reached) == (True, ("ratio",))


def test_who_starts_it_again_has_it_go_on(limited: Limited) -> None:
    limited.change(seed_ratio_mode=1, seed_ratio_limit=0.5)
    limited.upload()
    limited.run()
    limited.network.result(limited.node.control.start(limited.view))
    limited.run(600)
    assert not limited.is_stopped
    assert not limited.view.sharing.is_finished
    limited.change(seed_ratio_limit=2.5)
    limited.run()
    assert limited.view.sharing.reached == ()
    limited.upload("10.0.0.3")
    limited.upload("10.0.0.4")
    limited.run()
    assert limited.is_stopped
    assert limited.told == [("ratio", "stop")] * 2


def test_of_two_limits_the_second_is_acted_on_after_the_first(limited: Limited) -> None:
    limited.change(seed_ratio_mode=1, seed_ratio_limit=0.5, seed_idle_mode=1, seed_idle_limit=20)
    limited.upload()
    limited.run()
    limited.network.result(limited.node.control.start(limited.view))
    limited.run(19 * MINUTE)
    assert not limited.is_stopped
    limited.run(2 * MINUTE)
    assert limited.is_stopped
    assert limited.told == [("ratio", "stop"), ("idle", "stop")]
    assert limited.view.sharing.reached == ("ratio", "idle")


def test_it_stops_when_it_was_idle_and_is_idle_anew_when_it_is_started(limited: Limited) -> None:
    limited.set(idle_seeding_limit=30, idle_seeding_limit_enabled=True)
    limited.run(20 * MINUTE)
    assert limited.torrent.resting
    limited.upload()
    limited.run(29 * MINUTE)
    assert limited.torrent.resting
    assert not limited.is_stopped
    assert limited.view.sharing.eta_idle == pytest.approx(60, abs=10)
    limited.run(2 * MINUTE)
    assert limited.is_stopped
    assert limited.view.sharing.is_finished
    assert limited.torrent.resting
    limited.network.result(limited.node.control.start(limited.view))
    limited.run()
    assert limited.view.sharing.reached == ()
    limited.run(31 * MINUTE)
    assert limited.is_stopped
    assert limited.told == [("idle", "stop")] * 2


def test_time_as_a_seed_counts_over_stops(limited: Limited) -> None:
    limited.change(seed_time_mode=1, seed_time_limit=60)
    limited.run(40 * MINUTE)
    limited.network.result(limited.node.control.stop(limited.view))
    limited.run(100 * MINUTE)
    limited.network.result(limited.node.control.start(limited.view))
    limited.run(19 * MINUTE)
    assert not limited.is_stopped
    assert limited.view.eta == pytest.approx(60, abs=15)
    limited.run(2 * MINUTE)
    assert limited.is_stopped
    assert limited.told == [("time", "stop")]


def test_a_torrent_without_a_limit_is_under_none(limited: Limited) -> None:
    limited.change(seed_ratio_mode=2, seed_idle_mode=2, seed_time_mode=2)
    limited.set(
        seed_ratio_limit=0.0, seed_ratio_limited=True, idle_seeding_limit=1,
        idle_seeding_limit_enabled=True, seed_time_limit=1, seed_time_limited=True,
    )  # fmt: skip
    limited.run(600)
    assert not limited.is_stopped
    assert limited.view.eta == limited.view.sharing.eta_idle == -1
    limited.change(seed_ratio_mode=0)
    limited.run()
    assert limited.is_stopped


def test_another_limit_of_the_session_counts_at_once_for_all(limited: Limited) -> None:
    limited.run(REST_SECONDS * 3)
    limited.set(seed_time_limit=1, seed_time_limited=True)
    limited.run()
    assert limited.is_stopped


def test_labels_are_asked_before_trackers_and_in_their_order(limited: Limited) -> None:
    limited.set(
        seed_time_limit=1, seed_time_limited=True,
        label_rules={
            "silent": {"speed_limit_up": 5},
            "short": {"seed_time_mode": 1, "seed_time_limit": 10},
            "long": {"seed_time_mode": 1, "seed_time_limit": 100, "seed_limit_action": "remove"},
        },
        tracker_rules={"example": {"seed_time_mode": 1, "seed_time_limit": 50}},
    )  # fmt: skip

    def minutes(*labels: str) -> float:
        changes = TorrentChanges(labels=labels)
        limited.network.result(limited.node.control.change(limited.view, changes))
        time = limited.view.sharing.in_force.time
        assert time is not None
        return time / MINUTE

    assert minutes() == minutes("silent", "other") == 50
    assert minutes("silent", "short", "long") == 10
    assert minutes("long", "short") == 100
    assert limited.view.sharing.in_force.action == "remove"
    limited.set(tracker_rules={"other.example": {"seed_time_mode": 2}})
    assert minutes() == 1


@pytest.mark.parametrize("action", ["remove", "remove_with_data"])
def test_it_is_removed(limited: Limited, action: str) -> None:
    limited.set(seed_limit_action=action)
    limited.change(seed_ratio_mode=1, seed_ratio_limit=1.0)
    limited.upload()
    limited.run()
    assert limited.node.control.find(limited.torrent.record.id) is None
    assert limited.told == [("ratio", action)]


def test_it_super_seeds(limited: Limited) -> None:
    limited.change(seed_ratio_mode=1, seed_ratio_limit=1.0, seed_limit_action="super_seed")
    limited.upload()
    limited.run()
    assert (limited.view.super_seeding, limited.is_stopped) == ("on", False)
    assert limited.view.sharing.is_finished
    limited.run(300)
    assert limited.told == [("ratio", "super_seed")]


def test_what_cannot_be_done_is_tried_again_and_told_once(limited: Limited) -> None:
    limited.node.store.fault = StateError("the disk is full")
    limited.torrent.record.share_limits = ShareLimits(seed_ratio_mode=1, seed_ratio_limit=0.0)
    limited.set(seed_limit_action="super_seed")
    limited.run()
    assert limited.view.sharing.reached == ()
    limited.node.store.fault = None
    limited.run(RETRY_SECONDS + 1)
    assert limited.view.sharing.reached == ("ratio",)
    assert limited.told == [("ratio", "super_seed")]


def test_a_start_finds_what_was_reached_and_what_was_acted_on(
    network: MemoryNetwork, limited: Limited
) -> None:
    limited.change(seed_ratio_mode=1, seed_ratio_limit=0.5)
    limited.upload()
    limited.run()
    limited.network.result(limited.node.control.start(limited.view))
    limited.run()
    limited.limiter.stop()
    limited.node.stop()
    limited.node = SimNode(network, "10.0.0.1", store=limited.node.store, disk=limited.node.disk)
    (limited.torrent,) = limited.node.session.torrents
    limited.limiter = limited.limiter_of(limited.node)
    limited.run(60)
    assert not limited.is_stopped
    limited.set(seed_time_limit=0, seed_time_limited=True)
    limited.run()
    assert limited.is_stopped
    assert limited.told == [("ratio", "stop"), ("time", "stop")]


def test_those_that_wait_are_neither_woken_nor_looked_at(
    limited: Limited, monkeypatch: pytest.MonkeyPatch
) -> None:
    limited.set(idle_seeding_limit=600, idle_seeding_limit_enabled=True)
    limited.run(REST_SECONDS * 3)
    looks: list[int] = []
    look = ShareLimiter._look
    monkeypatch.setattr(
        ShareLimiter, "_look", lambda self, id_: (looks.append(id_), look(self, id_))
    )
    limited.run(9 * 3600)
    assert looks == []
    assert limited.torrent.resting
    limited.run(3600)
    assert limited.is_stopped
    assert limited.torrent.resting


def test_many_are_looked_at_in_turns(
    network: MemoryNetwork, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(share_limits, "AT_ONCE", 2)
    limited = Limited(network)
    others: list[Torrent] = []
    for number in range(5):
        contents = {f"{number}.bin": bytes([number]) * 5000}
        others.append(limited.node.put(make_torrent(contents, name=f"t{number}"), contents))
    limited.set(seed_time_limit=0, seed_time_limited=True)
    limited.run()
    assert all(torrent.record.paused for torrent in (limited.torrent, *others))


def test_what_is_not_complete_is_left_alone(network: MemoryNetwork, limited: Limited) -> None:
    limited.set(seed_ratio_limit=0.0, seed_ratio_limited=True, seed_limit_action="remove")
    other = limited.node.add(make_torrent({"x": b"x" * 9000}, name="x"))
    limited.run(60)
    assert limited.node.control.find(limited.torrent.record.id) is None
    assert limited.node.control.find(other.record.id) is not None


def test_one_of_which_no_file_is_wanted_yet_is_left_alone(
    network: MemoryNetwork, limited: Limited
) -> None:
    limited.set(
        seed_ratio_limit=0.0, seed_ratio_limited=True, seed_time_limit=0, seed_time_limited=True,
        seed_limit_action="remove_with_data",
    )  # fmt: skip
    data = make_torrent({"x": b"x" * 9000}, name="x")
    other = limited.node.add(data, files_unwanted=(0,))
    limited.run(60)
    assert limited.node.control.find(limited.torrent.record.id) is None
    view = limited.node.control.find(other.record.id)
    assert view is not None
    assert view.status == TorrentStatus.SEEDING
