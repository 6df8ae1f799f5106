"""Disks without room: nothing that came is lost, and downloads go on by themselves."""

from __future__ import annotations

import pytest

from p2pd.base.errors import DiskFullError, StorageError
from p2pd.session.api import TorrentStatus, TorrentTrouble
from p2pd.session.disks.devices import RETRY_SECONDS
from p2pd.session.session_parts import SessionLimits
from p2pd.session.torrents.torrent import Torrent
from p2pd.session.torrents.torrent_report import TorrentReport
from p2pd.session.torrents.torrent_trouble import FULL_DISK
from p2pd.testing import MemoryNetwork, SimNode
from tests.session.one_big_file import (
    DATA,
    IN_FLIGHT,
    PIECES,
    TORRENT,
    refused,
    seed_of_both,
    sent_by,
)

LIMITS = SessionLimits(check_workers=1, memory_in_flight=IN_FLIGHT)
NO_ROOM = DiskFullError("/downloads/folder/data: No space left on device")


@pytest.fixture
def seed(network: MemoryNetwork) -> SimNode:
    return seed_of_both(network)


@pytest.fixture
def node(network: MemoryNetwork) -> SimNode:
    return SimNode(network, "10.0.0.1", limits=LIMITS)


def trouble(torrent: Torrent) -> tuple[TorrentTrouble, str]:
    shown = TorrentReport(torrent)
    return shown.trouble, shown.error_string


def test_a_full_disk_is_said_and_nothing_more_is_asked_for(
    network: MemoryNetwork, node: SimNode, seed: SimNode
) -> None:
    torrent = refused(node, seed, NO_ROOM, seconds=3)
    assert trouble(torrent) == (TorrentTrouble.LOCAL, FULL_DISK)
    assert TorrentReport(torrent).status is TorrentStatus.DOWNLOADING
    sent = sent_by(seed)
    network.run(10 * RETRY_SECONDS)
    assert sent_by(seed) == sent
    assert node.session.budget.used <= LIMITS.memory_in_flight


def test_when_there_is_room_it_goes_on_and_nothing_is_fetched_twice(
    network: MemoryNetwork, node: SimNode, seed: SimNode
) -> None:
    torrent = refused(node, seed, NO_ROOM, seconds=3)
    network.run(25)
    node.storage(torrent).fault = None
    network.run_until(torrent.is_complete)
    assert sent_by(seed) == len(DATA), "what came while there was no room was kept"
    assert trouble(torrent) == (TorrentTrouble.NONE, "")
    assert (node.session.budget.used, node.session.budget.backlog) == (0, 0)
    network.run(RETRY_SECONDS)
    assert node.session.budget.buffers.spare_bytes == 0


def test_what_was_written_before_can_be_had_all_the_time(
    network: MemoryNetwork, node: SimNode, seed: SimNode
) -> None:
    torrent = refused(node, seed, NO_ROOM, seconds=3)
    assert torrent.content is not None
    here = torrent.content.have.count
    assert 0 < here < PIECES
    other = SimNode(network, "10.0.0.2")
    taken = other.add(TORRENT)
    other.connect(taken, node.address)
    network.run(60)
    assert taken.content is not None
    assert taken.content.have.count == here


def test_a_stop_while_there_is_no_room_keeps_what_was_written(
    network: MemoryNetwork, node: SimNode, seed: SimNode
) -> None:
    torrent = refused(node, seed, NO_ROOM, seconds=3)
    assert torrent.content is not None
    here = torrent.content.have.count
    network.result(torrent.stop())
    assert trouble(torrent) == (TorrentTrouble.NONE, "")
    assert (node.session.budget.used, node.session.budget.backlog) == (0, 0)
    node.storage(torrent).fault = None
    network.run(2 * RETRY_SECONDS)
    network.result(torrent.start())
    assert torrent.content.have.count == here
    node.connect(torrent, seed.address)
    network.run_until(torrent.is_complete)


def test_other_trouble_of_the_disk_stops_the_torrent(
    network: MemoryNetwork, node: SimNode, seed: SimNode
) -> None:
    torrent = refused(node, seed, NO_ROOM, seconds=3)
    node.storage(torrent).fault = StorageError("/downloads/folder/data: Input/output error")
    network.run(RETRY_SECONDS + 1)
    assert trouble(torrent) == (
        TorrentTrouble.LOCAL,
        "/downloads/folder/data: Input/output error",
    )
    assert not torrent.running
