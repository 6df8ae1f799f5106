"""Stopping, starting, checking and removing, at every inconvenient moment."""

from __future__ import annotations

import pytest
from twisted.internet.defer import Deferred

from p2pd.base.errors import StorageError
from p2pd.protocols.peerwire import messages as wire
from p2pd.session.api import TorrentStatus
from p2pd.session.torrents.torrent_requests import AddTorrent
from p2pd.testing import MemoryNetwork, ScriptedPeer, SimNode
from tests.session.three_files import FILES, PIECE, SIZE, TORRENT, half_done, have, restarted


def test_stop_in_the_middle_and_go_on(network: MemoryNetwork, node: SimNode, seed: SimNode) -> None:
    torrent = half_done(network, node, seed)
    network.result(torrent.stop())
    assert len(torrent.peers) == 0
    assert node.session.connections.total == 0
    assert node.session.budget.used == 0
    stopped_with = have(torrent).count
    network.run(60)
    assert have(torrent).count == stopped_with
    assert node.announcers[0].events == ["started", "stopped"]
    network.result(torrent.start())
    network.run_until(lambda: torrent.record.completed_at, limit=200)
    assert torrent.record.downloaded <= SIZE + 20 * 16384


def test_verify_in_the_middle_and_go_on(
    network: MemoryNetwork, node: SimNode, seed: SimNode
) -> None:
    torrent = half_done(network, node, seed)
    before = have(torrent).count
    damaged = next(iter(have(torrent)))
    node.storage(torrent).pieces[damaged] = bytes(PIECE)
    network.result(torrent.verify())
    assert have(torrent).count >= before - 1
    assert damaged not in have(torrent)
    assert torrent.running
    network.run_until(lambda: torrent.record.completed_at, limit=200)


def test_start_stop_and_verify_while_a_verify_begins(
    network: MemoryNetwork, node: SimNode, seed: SimNode
) -> None:
    torrent = half_done(network, node, seed)
    control, view = node.control, node.control.find(torrent.record.id)
    assert view is not None
    for order in (("verify", "start"), ("verify", "verify"), ("verify", "stop", "start")):
        before = have(torrent).count
        for action in order:
            network.result(getattr(control, action)(view))
        network.run(1)
        assert torrent.running
        assert have(torrent).count >= before
        assert view.status in (TorrentStatus.DOWNLOADING, TorrentStatus.SEEDING)
    network.run_until(lambda: torrent.content and torrent.content.is_complete(), limit=200)


def test_a_check_that_was_stopped_is_done_again(
    network: MemoryNetwork, node: SimNode, seed: SimNode
) -> None:
    """What was verified before is not forgotten, nor asked of peers again."""
    torrent = half_done(network, node, seed)
    network.result(torrent.stop())
    downloaded = torrent.record.downloaded
    done = Deferred.fromCoroutine(torrent.verify())
    network.run_until(lambda: torrent.opening.check is not None)
    network.result(torrent.stop())
    network.result(done)
    network.result(torrent.start())
    network.run(1)
    assert torrent.running
    assert have(torrent).count * PIECE >= downloaded - 20 * PIECE
    assert torrent.record.downloaded <= downloaded + 16384 * 40


def test_remove_in_the_middle(network: MemoryNetwork, node: SimNode, seed: SimNode) -> None:
    torrent = half_done(network, node, seed)
    storage = node.storage(torrent)
    view = node.control.find(torrent.record.id)
    assert view is not None
    network.result(node.control.remove(view, delete_data=True))
    assert storage.pieces == {}
    assert node.store.rows == {}
    assert list(node.control.torrents()) == []
    assert node.control.removed_since(0) == [torrent.record.id]
    network.run(120)
    assert node.session.connections.total == 0
    assert node.session.budget.used == 0
    assert node.session.activity.running == 0


def test_remove_keeps_the_data_unless_told_otherwise(
    network: MemoryNetwork, node: SimNode, seed: SimNode
) -> None:
    torrent = half_done(network, node, seed)
    storage = node.storage(torrent)
    network.result(node.session.remove(torrent, delete_data=False))
    assert len(storage.pieces) >= 10
    again = node.add(TORRENT)
    assert again.record.id != torrent.record.id
    network.run(1)
    assert have(again).count == len(storage.pieces), "what is there is found"


def test_a_full_disk_stops_the_torrent_with_a_sentence_and_start_goes_on(
    network: MemoryNetwork, node: SimNode, seed: SimNode
) -> None:
    torrent = half_done(network, node, seed)
    view = node.control.find(torrent.record.id)
    assert view is not None
    node.storage(torrent).fault = StorageError("no space left on the disk")
    network.run(5)
    assert view.status == TorrentStatus.STOPPED
    assert view.error_string == "no space left on the disk"
    assert node.session.budget.used == 0
    assert node.session.connections.total == 0
    node.storage(torrent).fault = None
    network.result(node.control.start(view))
    assert view.error_string == ""
    network.run_until(lambda: torrent.record.completed_at, limit=200)


def test_a_session_that_stops_leaves_nothing_running(
    network: MemoryNetwork, node: SimNode, seed: SimNode
) -> None:
    half_done(network, node, seed)
    node.add(f"magnet:?xt=urn:btih:{'ab' * 20}")
    network.result(node.session.stop(), limit=10)
    seed.stop()
    network.run(1)
    assert network.clock.getDelayedCalls() == []
    assert network.listeners == {}
    assert all(announcer.events[-1] == "stopped" for announcer in node.announcers)


def test_a_verify_that_comes_while_a_start_looks_at_the_disk_goes_first(
    network: MemoryNetwork, node: SimNode
) -> None:
    torrent = node.add(TORRENT, paused=True)
    node.fill(torrent, FILES)
    starting = Deferred.fromCoroutine(torrent.start())
    verifying = Deferred.fromCoroutine(torrent.verify())
    states = set()
    while not verifying.called:
        states.add((torrent.running, torrent.opening.busy))
        network.run(0.0005)
    network.result(starting)
    assert (False, True) in states
    assert (True, True) not in states, "it does not run while its pieces are in doubt"
    assert torrent.running
    assert have(torrent).is_full


def test_a_session_that_stops_begins_no_check(
    network: MemoryNetwork,
    node: SimNode,
    seed: SimNode,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Not even one that was asked for while the torrent still hangs up."""
    torrent = half_done(network, node, seed)
    view = node.control.find(torrent.record.id)
    assert view is not None
    count = have(torrent).count
    monkeypatch.setattr(node.session.checks, "check", lambda *_: pytest.fail("a check began"))
    network.result(node.control.verify(view))
    node.stop()
    assert not torrent.opening.busy
    _, resumed = restarted(network, node)
    assert have(resumed).count >= count


def test_a_file_that_vanishes_under_a_seed_is_said_in_words(
    network: MemoryNetwork, seed: SimNode
) -> None:
    (torrent,) = seed.session.torrents
    peer = ScriptedPeer(network, "10.0.0.9", torrent.info_hashes.wire_ids[0])
    peer.dial(seed.address)
    peer.send(wire.HaveNone(), wire.Interested())
    network.run(1)
    seed.storage(torrent).pieces.clear()
    peer.send(wire.Request(0, 0, 16384))
    network.run(1)
    assert peer.closed is not None
    assert "data is not there" in torrent.missing.why
    assert not torrent.running


def test_a_torrent_removed_while_it_is_opened_does_not_come_back(
    network: MemoryNetwork, node: SimNode
) -> None:
    adding = Deferred.fromCoroutine(node.control.add(AddTorrent(torrent=TORRENT)))
    while not len(node.session.torrents):
        network.run(0.0002)
    (torrent,) = node.session.torrents
    assert torrent.opening.busy
    network.result(node.session.remove(torrent, delete_data=True))
    network.run(2)
    assert adding.called
    assert not torrent.running
    assert node.session.activity.running == 0
    assert node.store.rows == {}


def test_a_torrent_removed_while_it_is_checked_is_gone(
    network: MemoryNetwork, node: SimNode
) -> None:
    torrent = node.add(TORRENT)
    node.fill(torrent, FILES)
    verifying = Deferred.fromCoroutine(torrent.verify())
    network.run_until(lambda: torrent.opening.check is not None)
    network.result(node.session.remove(torrent, delete_data=True))
    network.run(2)
    assert verifying.called
    assert not torrent.running
    assert node.storage(torrent).pieces == {}
    assert node.store.rows == {}


def test_a_torrent_removed_while_it_is_started_leaves_no_file(
    network: MemoryNetwork, node: SimNode, monkeypatch: pytest.MonkeyPatch
) -> None:
    torrent = node.add(TORRENT)
    network.result(torrent.stop())
    steps: list[str] = []
    storage = node.storage(torrent)
    monkeypatch.setattr(storage, "prepare", lambda: steps.append("files are made"))
    monkeypatch.setattr(storage, "delete_files", lambda: steps.append("files are deleted"))
    monkeypatch.setattr(node.session.disks.aside, "_seconds", 5.0)
    starting = Deferred.fromCoroutine(torrent.start())
    report = node.control.find(torrent.record.id)
    assert report is not None
    assert report.status is TorrentStatus.DOWNLOADING, "it is not stopped, and waits for nobody"
    monkeypatch.setattr(node.session.disks.aside, "_seconds", 0.1)
    network.result(node.session.remove(torrent, delete_data=True))
    network.run(10)
    assert starting.called
    assert steps[-1:] == ["files are deleted"]
    assert steps.count("files are made") == 1
