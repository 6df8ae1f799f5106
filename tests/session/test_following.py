"""Who follows a session is woken by what changes, and takes it when it likes."""

from __future__ import annotations

import pytest

from p2pd.session.torrents.change_watch import ChangeWatch
from p2pd.session.torrents.torrent_requests import TorrentChanges
from p2pd.testing import MemoryNetwork, SimNode, make_torrent
from tests.session.three_files import TORRENT

OTHER = make_torrent({"other": b"x" * 40_000})


class TestTheWatch:
    def test_wakes_once_and_gives_each_once(self) -> None:
        woken: list[int] = []
        watch: ChangeWatch[str] = ChangeWatch(lambda: woken.append(1))
        for torrent in "abab":
            watch.note(torrent)
        assert woken == [1]
        assert watch.take() == (["a", "b"], [], False)
        assert watch.take() == ([], [], False)
        watch.note_everything()
        assert woken == [1, 1]
        assert watch.take() == ([], [], True)

    def test_what_is_gone_did_not_change(self) -> None:
        watch: ChangeWatch[str] = ChangeWatch(lambda: None)
        watch.note("a")
        watch.note_gone("a")
        assert watch.take() == ([], ["a"], False)


class Follower:
    """Follows a node."""

    def __init__(self, node: SimNode) -> None:
        self.woken = 0
        self.following = node.control.follow(self._wake)

    def _wake(self) -> None:
        self.woken += 1

    def ids(self) -> list[int]:
        return [torrent.id for torrent in self.following.take().torrents]


@pytest.fixture
def follower(node: SimNode) -> Follower:
    return Follower(node)


def test_what_is_added_changed_and_removed_is_seen(
    network: MemoryNetwork, node: SimNode, follower: Follower
) -> None:
    first, second = node.add(TORRENT, paused=True), node.add(OTHER, paused=True)
    assert follower.ids() == [first.record.id, second.record.id]
    network.run(5.0)
    follower.following.take()
    network.run(50.0)
    assert follower.ids() == [], "nothing happens to what is paused"
    before = follower.woken
    view = node.control.find(second.record.id)
    assert view is not None
    network.result(node.control.change(view, TorrentChanges(labels=("x",))))
    assert follower.woken == before + 1
    assert follower.ids() == [second.record.id]
    network.result(node.control.remove(view, delete_data=False))
    seen = follower.following.take()
    assert (seen.torrents, seen.removed) == ([], [second.record.id])


def test_settings_may_change_all_of_them(
    network: MemoryNetwork, node: SimNode, follower: Follower
) -> None:
    network.result(node.control.change_settings({"speed_limit_down": 7}))
    assert follower.following.take().everything


def test_the_schedule_of_alternative_speeds_does_so_too(
    node: SimNode, follower: Follower, monkeypatch: pytest.MonkeyPatch
) -> None:
    node.network.run(5.0)
    assert not follower.following.take().everything
    monkeypatch.setattr(node.session.rates, "tick", lambda: True)
    node.network.run(1.5)
    assert follower.following.take().everything


def test_trackers_that_answer_are_seen_and_wake_nobody(node: SimNode, follower: Follower) -> None:
    torrent = node.add(TORRENT, paused=True)
    node.network.run(5.0)
    follower.following.take()
    torrent.trackers.announced()
    assert torrent not in node.session.activity.busy
    assert follower.ids() == [torrent.record.id]


def test_nobody_collects_after_the_end(node: SimNode, follower: Follower) -> None:
    follower.following.close()
    node.add(TORRENT)
    assert follower.woken == 0
    assert follower.ids() == []
