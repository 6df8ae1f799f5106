"""Disks that fail and volumes that are read only: what came is kept and tried again."""

from __future__ import annotations

from itertools import pairwise

import pytest

from p2pd.base.errors import DiskFaultError, ReadOnlyError
from p2pd.base.requests import Request
from p2pd.session.api import DiskState, TorrentStatus, TorrentTrouble
from p2pd.session.disks.devices import FAULT_SECONDS
from p2pd.session.pieces.kept_pieces import REFUSED_SECONDS
from p2pd.session.session_parts import SessionLimits
from p2pd.session.torrents.torrent import Torrent
from p2pd.session.torrents.torrent_report import TorrentReport
from p2pd.session.torrents.torrent_trouble import READ_ONLY
from p2pd.storage.volumes import VolumeState
from p2pd.testing import MemoryNetwork, SimNode
from tests.session.one_big_file import (
    DATA,
    IN_FLIGHT,
    OTHER,
    PIECE,
    TORRENT,
    refused,
    seed_of_both,
    sent_by,
)

LIMITS = SessionLimits(check_workers=1, memory_in_flight=IN_FLIGHT)
FAULT = DiskFaultError("/downloads/data: Input/output error")
ROFS = ReadOnlyError("/downloads/data: Read-only file system")
FOLDER = VolumeState((0, 1), read_only=False, free=1 << 40)


@pytest.fixture
def seed(network: MemoryNetwork) -> SimNode:
    return seed_of_both(network)


@pytest.fixture
def node(network: MemoryNetwork) -> SimNode:
    return SimNode(network, "10.0.0.1", limits=LIMITS)


def shown(torrent: Torrent) -> tuple[DiskState, TorrentTrouble, str]:
    view = TorrentReport(torrent)
    return view.disk_state, view.trouble, view.error_string


# -- a disk that fails ---------------------------------------------------------------------------


@pytest.mark.parametrize("tries", range(len(FAULT_SECONDS)))
def test_a_write_that_failed_is_tried_again_and_nothing_is_fetched_twice(
    network: MemoryNetwork, node: SimNode, seed: SimNode, tries: int
) -> None:
    torrent = refused(node, seed, FAULT)
    assert shown(torrent) == (
        DiskState.FAILING,
        TorrentTrouble.LOCAL,
        "/downloads/data: Input/output error; it is tried again",
    )
    assert TorrentReport(torrent).status is TorrentStatus.DOWNLOADING
    network.run(sum(FAULT_SECONDS[:tries]))
    node.storage(torrent).fault = None
    network.run_until(torrent.is_complete, limit=FAULT_SECONDS[tries] + 2)
    assert sent_by(seed) == len(DATA)
    assert shown(torrent) == (DiskState.OK, TorrentTrouble.NONE, "")
    assert (node.session.budget.used, node.session.budget.backlog) == (0, 0)


def test_a_disk_that_fails_each_time_stops_the_torrent_and_no_other(
    network: MemoryNetwork, node: SimNode, seed: SimNode
) -> None:
    torrent = refused(node, seed, FAULT)
    other = node.add(OTHER)
    node.connect(other, seed.address)
    network.run_until(other.is_complete)
    network.run(sum(FAULT_SECONDS) + 2)
    state, _, sentence = shown(torrent)
    assert state is DiskState.OK, "it does not go on by itself"
    assert sentence.startswith(str(FAULT))
    assert f"p2pctl start {torrent.record.id}" in sentence
    assert not torrent.running
    assert (node.session.budget.used, node.session.budget.backlog) == (0, 0)
    assert torrent.content is not None
    here = torrent.content.have.count
    assert here
    node.storage(torrent).fault = None
    network.result(torrent.start())
    assert torrent.content.have.count == here
    node.connect(torrent, seed.address)
    network.run_until(torrent.is_complete)


def test_a_start_of_a_disk_that_still_fails_tries_as_often_again(
    network: MemoryNetwork, node: SimNode, seed: SimNode
) -> None:
    torrent = refused(node, seed, FAULT)
    network.run(sum(FAULT_SECONDS) + 2)
    network.result(torrent.start())
    node.connect(torrent, seed.address)
    network.run(sum(FAULT_SECONDS[:2]) + 1)
    assert torrent.running
    network.run(sum(FAULT_SECONDS) + 2)
    assert not torrent.running


def test_a_stop_while_it_is_tried_again_keeps_no_memory(
    network: MemoryNetwork, node: SimNode, seed: SimNode
) -> None:
    torrent = refused(node, seed, FAULT)
    network.result(torrent.stop())
    assert shown(torrent) == (DiskState.OK, TorrentTrouble.NONE, "")
    assert (node.session.budget.used, node.session.budget.backlog) == (0, 0)
    network.run(60)
    assert not torrent.error


def test_a_read_that_failed_is_tried_again_before_it_is_held_against_the_torrent(
    network: MemoryNetwork, node: SimNode, monkeypatch: pytest.MonkeyPatch
) -> None:
    torrent = node.put(TORRENT, {"data": DATA})
    assert torrent.content is not None
    device, storage = torrent.content.device, node.storage(torrent)
    tried: list[float] = []

    def fails(requests: object) -> list[bytes]:
        tried.append(network.clock.seconds())
        if len(tried) <= len(FAULT_SECONDS):
            raise FAULT
        return [b"right"]

    monkeypatch.setattr(storage, "read_many", fails)
    assert network.result(device.read(storage.read_many, [Request(0, 0, 5)])) == [b"right"]
    pauses = [round(after - before) for before, after in pairwise(tried)]
    assert pauses == list(FAULT_SECONDS)
    with pytest.raises(DiskFaultError):
        network.result(device.read(always_fails))


def always_fails() -> None:
    raise FAULT


# -- a volume that is read only ------------------------------------------------------------------


def test_a_download_waits_until_it_can_be_written_and_seeds_meanwhile(
    network: MemoryNetwork, node: SimNode, seed: SimNode
) -> None:
    torrent = refused(node, seed, ROFS)
    assert torrent.content is not None
    here = torrent.content.have.count
    assert shown(torrent) == (DiskState.READ_ONLY, TorrentTrouble.LOCAL, READ_ONLY)
    sent = sent_by(seed)
    network.run(10 * REFUSED_SECONDS)
    assert sent_by(seed) == sent, "nothing is asked for that cannot be written"
    assert node.session.budget.used <= PIECE, "the memory is for others"
    other = SimNode(network, "10.0.0.2")
    taken = other.add(TORRENT)
    other.connect(taken, node.address)
    network.run(30)
    assert taken.content is not None
    assert taken.content.have.count == here
    node.storage(torrent).fault = None
    network.run_until(torrent.is_complete, limit=REFUSED_SECONDS + 5)
    assert shown(torrent) == (DiskState.OK, TorrentTrouble.NONE, "")
    assert node.session.budget.used == 0


def test_a_short_while_costs_nothing(network: MemoryNetwork, node: SimNode, seed: SimNode) -> None:
    torrent = refused(node, seed, ROFS)
    node.storage(torrent).fault = None
    network.run_until(torrent.is_complete, limit=REFUSED_SECONDS + 5)
    assert sent_by(seed) == len(DATA)


def test_a_folder_that_is_seen_to_be_read_only_is_not_written_to(
    network: MemoryNetwork, node: SimNode, seed: SimNode
) -> None:
    """And nothing is asked for before a write fails."""
    node.folders["/downloads"] = FOLDER._replace(read_only=True)
    torrent = node.add(TORRENT)
    network.run(2)
    node.connect(torrent, seed.address)
    network.run(20)
    assert shown(torrent)[0] is DiskState.READ_ONLY
    assert sent_by(seed) == 0
    del node.folders["/downloads"]
    network.run_until(torrent.is_complete, limit=LIMITS.folder_watch_seconds + 5)
    assert shown(torrent)[0] is DiskState.OK


def test_a_complete_torrent_does_not_mind(network: MemoryNetwork, node: SimNode) -> None:
    node.folders["/downloads"] = FOLDER._replace(read_only=True)
    torrent = node.put(TORRENT, {"data": DATA})
    network.run(2)
    assert TorrentReport(torrent).status is TorrentStatus.SEEDING
    assert shown(torrent) == (DiskState.OK, TorrentTrouble.NONE, "")
