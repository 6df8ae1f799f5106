"""What a session shows of its torrents, from nothing to complete."""

from __future__ import annotations

import pytest

from p2pd.discovery.tracker_client.states import TrackerState
from p2pd.session.api import TorrentStatus, TorrentTrouble
from p2pd.testing import MemoryNetwork, SimNode, make_torrent
from tests.session.small_hybrid import FILES, SIZE, TORRENT, report


@pytest.fixture
def node(network: MemoryNetwork) -> SimNode:
    """A session."""
    return SimNode(network, "10.0.0.1")


def test_a_torrent_shows_its_way_from_nothing_to_complete(
    network: MemoryNetwork, node: SimNode
) -> None:
    seed = SimNode(network, "10.0.0.2", upload_slots=1)
    seed.put(TORRENT, FILES)
    torrent = node.add(TORRENT, paused=True)
    view = report(node, torrent)
    assert view.status == TorrentStatus.STOPPED
    assert (view.total_size, view.size_when_done, view.left_until_done) == (SIZE,) * 3
    assert (view.have_valid, view.have_unchecked, view.desired_available) == (0, 0, 0)
    assert (view.percent_done, view.percent_complete) == (0, 0)
    assert view.eta == -2
    assert view.availability() == [0] * 5
    network.result(node.control.start(view))
    assert view.status == TorrentStatus.DOWNLOADING
    node.control.add_peers(view, [seed.address])
    network.run_until(lambda: view.have_valid)
    assert view.left_until_done == SIZE - view.have_valid
    assert view.percent_done == pytest.approx(view.have_valid / SIZE)
    assert set(view.availability()) <= {-1, 1}
    (peer,) = view.peers
    assert peer.progress == 1
    assert peer.flag_string == "D"
    assert peer.address == seed.address
    assert peer.source == "manual"
    assert peer.client.startswith("p2pd")
    network.run_until(lambda: view.completed_at)
    assert view.status == TorrentStatus.SEEDING
    assert (view.left_until_done, view.have_valid, view.eta) == (0, SIZE, -1)
    assert (view.percent_done, view.percent_complete) == (1, 1)
    assert view.availability() == [-1] * 5
    network.run(3)
    assert view.seconds_seeding >= 2
    summary = node.control.summary()
    assert (summary.torrents, summary.active, summary.paused) == (1, 1, 0)
    assert summary.this_run.downloaded == view.downloaded >= SIZE
    assert node.control.all_runs().seconds_active == int(node.session.clock.seconds())


def test_a_magnet_shows_what_it_knows(node: SimNode) -> None:
    view = report(node, node.add(f"magnet:?xt=urn:btih:{'ab' * 20}&tr=http://t.example/a"))
    assert view.name == view.hash_string == "ab" * 20
    assert view.status == TorrentStatus.DOWNLOADING
    assert (view.total_size, view.left_until_done, view.percent_done) == (0, 1, 0)
    assert (view.files(), view.availability(), view.pieces, view.summary) == ([], [], None, None)
    assert view.metadata_percent_complete == 0
    assert view.magnet_link == f"magnet:?xt=urn:btih:{'ab' * 20}&tr=http%3A%2F%2Ft.example%2Fa"


def test_nothing_wanted_is_done(node: SimNode) -> None:
    view = report(node, node.add(TORRENT, files_unwanted=(0, 1, 2)))
    assert (view.size_when_done, view.left_until_done, view.percent_done) == (0, 0, 1)
    assert view.percent_complete == 0
    assert view.eta == -1


def test_a_check_shows_its_progress(network: MemoryNetwork, node: SimNode) -> None:
    torrents = [node.add(TORRENT), node.add(make_torrent({"x": bytes(100_000)}, name="x"))]
    views = [report(node, torrent) for torrent in torrents]
    for torrent, view in zip(torrents, views, strict=True):
        node.fill(torrent, {**FILES, "x": bytes(100_000)})
        network.result(node.control.verify(view))
    checks = [torrent.opening for torrent in torrents]
    network.run_until(lambda: any(of.check and of.check.running for of in checks))
    assert {view.status for view in views} == {TorrentStatus.CHECKING, TorrentStatus.CHECK_WAIT}
    assert all(view.recheck_progress == 0 for view in views)
    network.run(1)
    assert [view.status for view in views] == [TorrentStatus.SEEDING] * 2
    assert [view.percent_complete for view in views] == [1, 1]


def test_a_tracker_error_is_shown_only_when_no_tracker_works(node: SimNode) -> None:
    view = report(node, node.add(TORRENT))
    bad = TrackerState(1, 0, "u", "s", "h", "n", last_announce_at=5.0, last_announce_result="gone")
    node.announcers[0].tracker_states = [bad]
    assert view.trouble == TorrentTrouble.TRACKER_ERROR
    assert view.error_string == "gone"
    good = TrackerState(2, 0, "u", "s", "h", "n", last_announce_at=5.0)
    good.last_announce_succeeded = True
    node.announcers[0].tracker_states = [bad, good]
    assert view.trouble == TorrentTrouble.NONE
    assert view.error_string == ""
