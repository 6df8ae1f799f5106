"""What is recorded, and what a restart or a crash leaves of it."""

from __future__ import annotations

from p2pd.base.errors import StateError, StorageError
from p2pd.base.piece_set import PieceSet
from p2pd.formats.metainfo import parse_torrent
from p2pd.session.api import TorrentStatus
from p2pd.session.torrents.torrent_requests import TorrentChanges
from p2pd.testing import MemoryNetwork, SimNode, make_torrent
from tests.session.three_files import TORRENT, half_done, have, restarted


def test_a_clean_restart_checks_nothing(
    network: MemoryNetwork, node: SimNode, seed: SimNode
) -> None:
    torrent = half_done(network, node, seed)
    before = node.control.find(torrent.record.id)
    assert before is not None
    network.result(node.control.change(before, TorrentChanges(labels=("x",))))
    node.stop()
    assert node.session.activity.running == 0
    record = node.store.rows[torrent.record.id]
    assert record.clean
    assert not record.paused
    count = have(torrent).count
    again, resumed = restarted(network, node)
    assert have(resumed).count == count
    assert resumed.running
    after = again.control.find(torrent.record.id)
    assert after is not None
    dates = [(view.active_at, view.edited_at) for view in (before, after)]
    assert dates[0] == dates[1] > (0, 0)
    assert not node.store.rows[torrent.record.id].clean
    again.connect(resumed, seed.address)
    network.run_until(lambda: resumed.record.completed_at, limit=200)


def test_after_a_crash_nothing_verified_is_lost(
    network: MemoryNetwork, node: SimNode, seed: SimNode
) -> None:
    """Not even what was not recorded yet: it is found on the disk."""
    torrent = half_done(network, node, seed)
    count = have(torrent).count
    assert node.store.rows[torrent.record.id].pieces is None
    _, resumed = restarted(network, node)
    assert have(resumed).count >= count


def test_a_change_while_it_runs_does_not_make_a_crash_look_clean(
    network: MemoryNetwork, node: SimNode, seed: SimNode
) -> None:
    torrent = half_done(network, node, seed)
    node.stop()
    again, resumed = restarted(network, node)
    view = again.control.find(torrent.record.id)
    assert view is not None
    network.result(again.control.change(view, TorrentChanges(labels=("x",))))
    assert not node.store.rows[torrent.record.id].clean
    assert resumed.running


def test_progress_is_recorded_every_few_seconds(
    network: MemoryNetwork, node: SimNode, seed: SimNode
) -> None:
    torrent = half_done(network, node, seed)
    network.run(12)
    assert node.storage(torrent).synced
    recorded = node.store.rows[torrent.record.id].pieces
    assert recorded is not None
    assert PieceSet.from_bitfield(recorded, 30).count == have(torrent).count


def test_what_may_not_be_on_the_disk_is_not_recorded_and_hashed_again(
    network: MemoryNetwork, node: SimNode, seed: SimNode
) -> None:
    """After a sync that failed, a later one succeeds even if the kernel dropped the data."""
    torrent = half_done(network, node, seed)
    network.result(torrent.checkpoint())
    recorded = node.store.rows[torrent.record.id].pieces
    node.storage(torrent).sync_fault = StorageError("input/output error")
    network.run_until(lambda: torrent.error, limit=20)
    assert torrent.error == "input/output error"
    node.storage(torrent).sync_fault = None
    lost = next(p for p in sorted(node.storage(torrent).pieces) if not has(recorded, p))
    network.run(20)
    assert node.store.rows[torrent.record.id].pieces == recorded
    del node.storage(torrent).pieces[lost]
    node.stop()
    row = node.store.rows[torrent.record.id]
    assert (row.pieces, row.clean) == (recorded, False)
    _, resumed = restarted(network, node)
    assert not have(resumed).flags[lost]


def has(bitfield: bytes | None, piece: int) -> bool:
    return bitfield is not None and bool(bitfield[piece // 8] & 0x80 >> piece % 8)


def test_a_record_that_the_database_refused_is_tried_again(
    network: MemoryNetwork, node: SimNode, seed: SimNode
) -> None:
    torrent = half_done(network, node, seed)
    network.run_until(lambda: torrent.record.completed_at, limit=200)
    torrent.dirty = True
    node.store.fault = StateError("the database is locked")
    network.run(25)
    assert torrent.dirty
    assert torrent.is_busy
    node.store.fault = None
    network.run(12)
    assert not torrent.dirty
    assert node.store.rows[torrent.record.id].pieces == have(torrent).to_bitfield()


def test_a_database_that_refuses_does_not_stop_the_download(
    network: MemoryNetwork, node: SimNode, seed: SimNode
) -> None:
    torrent = half_done(network, node, seed)
    node.store.fault = StateError("the database is locked")
    network.run_until(lambda: torrent.record.completed_at, limit=200)
    network.run(20)
    node.store.fault = None
    network.result(torrent.stop())
    assert node.store.rows[torrent.record.id].paused is False
    assert node.store.rows[torrent.record.id].pieces == have(torrent).to_bitfield()


def test_a_verify_survives_a_database_that_refuses(
    network: MemoryNetwork, node: SimNode, seed: SimNode
) -> None:
    torrent = half_done(network, node, seed)
    node.store.fault = StateError("the database is locked")
    network.result(torrent.verify())
    assert not torrent.opening.busy
    assert torrent.error == "the database is locked", "it does not stop without a word"
    node.store.fault = None
    network.result(torrent.verify())
    network.run(1)
    assert torrent.running


def test_a_record_that_cannot_be_read_is_shown_and_stops_nothing_else(
    network: MemoryNetwork, node: SimNode
) -> None:
    torrent = node.add(TORRENT)
    node.add(make_torrent({"x": b"x" * 20000}, name="x"))
    node.stop()
    node.store.rows[torrent.record.id].torrent = b"rubbish"
    again = SimNode(network, "10.0.0.2", store=node.store, disk=node.disk)
    network.run(1)
    broken, fine = again.control.torrents()
    assert "cannot be read" in broken.error_string
    assert fine.status == TorrentStatus.DOWNLOADING
    assert parse_torrent(TORRENT).info_hashes == broken.info_hashes


def test_magnets_come_back_as_magnets(network: MemoryNetwork, node: SimNode) -> None:
    node.add(f"magnet:?xt=urn:btih:{'ab' * 20}&dn=name")
    node.stop()
    again, resumed = restarted(network, node)
    assert resumed.running
    assert resumed.content is None
    (view,) = again.control.torrents()
    assert view.name == "name"
    assert view.left_until_done == 1
