"""Disks that fill up: downloads wait before there is less room than is to be kept free."""

from __future__ import annotations

import pytest

from p2pd.session.api import DiskState, TorrentStatus, TorrentTrouble
from p2pd.session.disks.disk_room import LOOK_SECONDS, SHORT_SECONDS
from p2pd.session.session_parts import SessionLimits
from p2pd.session.torrents.torrent import Torrent
from p2pd.session.torrents.torrent_report import TorrentReport
from p2pd.session.torrents.torrent_trouble import FULL_DISK
from p2pd.storage.memory_storage import MemoryStorage
from p2pd.storage.volumes import VolumeState
from p2pd.testing import MemoryNetwork, SimNode
from tests.session.one_big_file import DATA, IN_FLIGHT, OTHER, PIECE, PIECES, TORRENT, seed_of_both

KEPT = 5 * PIECE
LIMITS = SessionLimits(check_workers=1, memory_in_flight=IN_FLIGHT, keep_free=KEPT)


class Disk(dict[str, VolumeState | None]):
    """Of so many bytes, in which the pieces of all torrents of a node are."""

    def __init__(self, node: SimNode, size: int) -> None:
        self.size = size
        self._node = node

    @property
    def free(self) -> int:
        return self.size - PIECE * sum(len(kept.pieces) for kept in self._node.disk.values())

    def get(self, key: str, default: object = None) -> VolumeState:  # type: ignore[override]
        return VolumeState((0, 1), read_only=False, free=self.free)


@pytest.fixture
def seed(network: MemoryNetwork) -> SimNode:
    return seed_of_both(network)


@pytest.fixture
def node(network: MemoryNetwork) -> SimNode:
    return SimNode(network, "10.0.0.1", limits=LIMITS)


def on_disk(node: SimNode, pieces: int) -> Disk:
    """A disk that has room for so many pieces besides those that are to be kept free."""
    disk = Disk(node, KEPT + pieces * PIECE)
    node.folders = disk
    return disk


def download(node: SimNode, seed: SimNode, torrent: bytes = TORRENT) -> Torrent:
    added = node.add(torrent)
    node.connect(added, seed.address)
    return added


def shown(torrent: Torrent) -> tuple[DiskState, TorrentTrouble, str]:
    view = TorrentReport(torrent)
    return view.disk_state, view.trouble, view.error_string


def count(torrent: Torrent) -> int:
    assert torrent.content is not None
    return torrent.content.have.count


def test_a_download_waits_before_there_is_less_than_is_kept_free(
    network: MemoryNetwork, node: SimNode, seed: SimNode
) -> None:
    disk = on_disk(node, 20)
    torrent = download(node, seed)
    network.run(5 * SHORT_SECONDS)
    assert disk.free == KEPT
    assert shown(torrent) == (DiskState.FULL, TorrentTrouble.LOCAL, FULL_DISK)
    assert TorrentReport(torrent).status is TorrentStatus.DOWNLOADING
    assert seed.session.rate_upload.total == 20 * PIECE, "nothing more is asked for"
    assert node.session.budget.used == 0
    disk.size += 40 * PIECE
    network.run_until(torrent.is_complete, limit=2 * SHORT_SECONDS + 2)
    assert shown(torrent) == (DiskState.OK, TorrentTrouble.NONE, "")
    assert seed.session.rate_upload.total == len(DATA)


def test_on_a_disk_that_is_full_from_the_start_nothing_is_asked_for(
    network: MemoryNetwork, node: SimNode, seed: SimNode
) -> None:
    on_disk(node, 0)
    torrent = download(node, seed)
    network.run(SHORT_SECONDS)
    assert shown(torrent)[0] is DiskState.FULL
    assert seed.session.rate_upload.total == 0


def test_torrents_on_one_disk_do_not_promise_its_room_twice(
    network: MemoryNetwork, node: SimNode, seed: SimNode
) -> None:
    disk = on_disk(node, 70)
    torrents = [download(node, seed), download(node, seed, OTHER)]
    least = disk.free
    for _ in range(300):
        network.run(0.1)
        least = min(least, disk.free)
    assert least == KEPT
    assert sum(map(count, torrents)) == 70
    assert any(shown(torrent)[0] is DiskState.FULL for torrent in torrents)


def test_what_others_write_is_seen_in_time(
    network: MemoryNetwork, node: SimNode, seed: SimNode
) -> None:
    disk = on_disk(node, 1000)
    node.session.settings.speed_limit_down, node.session.settings.speed_limit_down_enabled = (
        10,
        True,
    )
    node.session.settings_changed()
    torrent = download(node, seed)
    network.run(3)
    disk.size = KEPT
    network.run(LOOK_SECONDS + 10)
    here = count(torrent)
    assert here < PIECES
    assert shown(torrent)[0] is DiskState.FULL
    network.run(5 * SHORT_SECONDS)
    assert count(torrent) == here


def test_files_that_have_all_their_blocks_need_no_room(
    network: MemoryNetwork, node: SimNode, seed: SimNode, monkeypatch: pytest.MonkeyPatch
) -> None:
    on_disk(node, 0)
    asked: list[object] = []

    def allocated(storage: MemoryStorage, indices: object) -> bool:
        asked.append(indices)
        return storage.layout.files[0].path[0] == "folder"

    monkeypatch.setattr(MemoryStorage, "allocated", allocated)
    has_room, has_none = download(node, seed), download(node, seed, OTHER)
    network.run_until(has_room.is_complete, limit=10)
    assert shown(has_room)[0] is DiskState.OK
    assert (count(has_none), shown(has_none)[0]) == (0, DiskState.FULL)
    assert asked[0] == [0]


def test_one_that_is_paused_leaves_no_word_of_a_full_disk(
    network: MemoryNetwork, node: SimNode, seed: SimNode
) -> None:
    on_disk(node, 3)
    torrent = download(node, seed)
    network.run(SHORT_SECONDS)
    network.result(torrent.stop())
    assert shown(torrent) == (DiskState.OK, TorrentTrouble.NONE, "")
    assert torrent.content is not None
    network.run(2 * SHORT_SECONDS)
    assert not torrent.content.device.lacks_room
