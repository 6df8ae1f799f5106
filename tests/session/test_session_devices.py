"""Torrents on several devices: one disk that hangs delays only what is on it."""

from __future__ import annotations

import random
from collections import deque
from typing import Any, Callable, Hashable, TypeVar

import pytest
from twisted.internet.defer import Deferred, execute

from p2pd.base.clock import Clock
from p2pd.base.errors import StorageError
from p2pd.formats.file_layout import FileLayout
from p2pd.service.node import STOP_SECONDS
from p2pd.session.api import AddTorrent, TorrentStatus, TorrentTrouble
from p2pd.session.disks.devices import SILENT_SECONDS, UNKNOWN_DEVICE
from p2pd.session.session_parts import SessionLimits
from p2pd.session.torrents.starts_and_stops import STOP_SECONDS as STOP_SECONDS_OF_A_TORRENT
from p2pd.session.torrents.torrent import Torrent
from p2pd.session.torrents.torrent_report import TorrentReport
from p2pd.session.torrents.torrent_trouble import SILENT_DISK
from p2pd.storage.memory_storage import MemoryStorage
from p2pd.testing import MemoryNetwork, SimNode, make_torrent

T = TypeVar("T")

PIECE = 32 * 1024
PIECES = 60
LIMITS = SessionLimits(check_workers=1, memory_in_flight=16 * PIECE)
FOLDERS = {"/first": 1, "/second": 2}


class Disk:
    """One device: does its jobs in order, or none while it is `dead`."""

    def __init__(self, clock: Clock) -> None:
        self.dead = False
        self._clock = clock
        self._jobs: deque[tuple[Deferred[Any], Callable[[], Any]]] = deque()

    def run(self, kind: str, job: Callable[..., T], *args: Any) -> Deferred[T]:
        result: Deferred[T] = Deferred()
        self._jobs.append((result, lambda: job(*args)))
        self._clock.callLater(0.001, self.work)
        return result

    def work(self) -> None:
        while self._jobs and not self.dead:
            result, job = self._jobs.popleft()
            execute(job).chainDeferred(result)


class TwoDisks:
    """See storage.disks.Disks; a folder on a dead disk does not say where it is."""

    def __init__(self, clock: Clock) -> None:
        self.aside = Disk(clock)
        self.devices = {number: Disk(clock) for number in FOLDERS.values()}

    def on(self, device: int) -> Disk:
        return self.devices[device]

    def ask(self, question: Hashable, look: Callable[[], T]) -> Deferred[T]:
        assert isinstance(question, tuple)
        return self.devices[FOLDERS[question[1]]].run("read", look)


class Placed(MemoryStorage):
    """Data in memory that has a folder, and so a device."""

    def device(self) -> int:
        return FOLDERS[self.root]


class Node(SimNode):
    """A node with a download folder on each of two disks."""

    def _make_storage(self, layout: FileLayout, folder: str) -> MemoryStorage:
        kept = self.disk.setdefault((folder, layout.files[0].path[0]), Placed(layout))
        kept.root = folder
        return kept


def content_of(name: str) -> bytes:
    return random.Random(name).randbytes(PIECES * PIECE)


TORRENTS = {
    name: make_torrent({"data": content_of(name)}, name=name, piece_length=PIECE) for name in "ab"
}


@pytest.fixture
def disks(network: MemoryNetwork) -> TwoDisks:
    return TwoDisks(network.clock)


@pytest.fixture
def node(network: MemoryNetwork, disks: TwoDisks) -> Node:
    return Node(network, "10.0.0.1", limits=LIMITS, disks=disks)


@pytest.fixture
def seed(network: MemoryNetwork) -> SimNode:
    made = SimNode(network, "10.0.0.9")
    for name, torrent in TORRENTS.items():
        made.put(torrent, {"data": content_of(name)})
    return made


def download(node: Node, seed: SimNode, name: str, folder: str) -> Torrent:
    torrent = node.add(TORRENTS[name], download_dir=folder)
    node.connect(torrent, seed.address)
    return torrent


def half_stuck(node: Node, seed: SimNode, disks: TwoDisks) -> Torrent:
    """A download whose disk dies when a few pieces are on it."""
    torrent = download(node, seed, "a", "/first")
    node.network.run_until(lambda: node.storage(torrent).pieces)
    disks.devices[1].dead = True
    return torrent


def report(torrent: Torrent) -> TorrentReport:
    return TorrentReport(torrent)


def test_a_dead_disk_delays_only_its_own_torrents(
    network: MemoryNetwork, node: Node, seed: SimNode, disks: TwoDisks
) -> None:
    stuck = download(node, seed, "a", "/first")
    disks.devices[1].dead = True
    network.run(1)
    assert stuck.content is not None
    assert stuck.content.device.memory.used > LIMITS.memory_in_flight // 2
    other = download(node, seed, "b", "/second")
    network.run_until(other.is_complete)
    assert node.storage(other).pieces == dict(
        enumerate(content_of("b")[n : n + PIECE] for n in range(0, PIECES * PIECE, PIECE))
    )
    assert not stuck.is_complete()


def test_what_waits_for_a_dead_disk_says_so_and_goes_on_when_it_answers(
    network: MemoryNetwork, node: Node, seed: SimNode, disks: TwoDisks
) -> None:
    stuck = download(node, seed, "a", "/first")
    idle = node.add(TORRENTS["b"], download_dir="/second")
    disks.devices[1].dead = True
    network.run(SILENT_SECONDS + 3)
    assert (report(stuck).trouble, report(stuck).error_string) == (
        TorrentTrouble.LOCAL,
        SILENT_DISK,
    )
    assert report(stuck).status is TorrentStatus.DOWNLOADING, "it goes on by itself"
    assert report(idle).error_string == ""
    disks.devices[1].dead = False
    disks.devices[1].work()
    network.run(2)
    assert report(stuck).error_string == ""
    network.run_until(stuck.is_complete)
    assert node.session.budget.used == 0


def test_a_disk_with_nothing_to_do_is_not_silent(
    network: MemoryNetwork, node: Node, disks: TwoDisks
) -> None:
    torrent = node.add(TORRENTS["a"], download_dir="/first")
    disks.devices[1].dead = True
    network.run(5 * SILENT_SECONDS)
    assert report(torrent).error_string == ""


def test_a_torrent_on_a_dead_disk_can_be_stopped_and_removed(
    network: MemoryNetwork, node: Node, seed: SimNode, disks: TwoDisks
) -> None:
    stuck = half_stuck(node, seed, disks)
    network.run(SILENT_SECONDS + 3)
    network.result(stuck.stop())
    network.result(node.session.remove(stuck, delete_data=True))
    assert list(node.session.torrents) == []
    storage = node.storage(stuck)
    assert storage.pieces
    disks.devices[1].dead = False
    disks.devices[1].work()
    network.run(1)
    assert not storage.pieces, "its files go when the disk answers"
    assert node.session.budget.used == 0


def test_a_torrent_whose_disk_just_died_is_stopped_at_once_and_removed_soon(
    network: MemoryNetwork, node: Node, seed: SimNode, disks: TwoDisks
) -> None:
    """Before anybody knows that the disk does not answer."""
    stuck = half_stuck(node, seed, disks)
    network.run(1)
    view = node.control.find(stuck.record.id)
    assert view is not None
    began = network.clock.seconds()
    network.result(node.control.stop(view))
    assert network.clock.seconds() - began <= STOP_SECONDS_OF_A_TORRENT
    assert node.store.rows[stuck.record.id].paused
    network.result(node.control.remove(view, delete_data=True))
    assert network.clock.seconds() - began < 2 * SILENT_SECONDS
    storage = node.storage(stuck)
    assert storage.pieces
    disks.devices[1].dead = False
    disks.devices[1].work()
    network.run(1)
    assert not storage.pieces
    assert node.session.budget.used == 0


@pytest.mark.parametrize("known", [False, True])
def test_a_stop_of_the_daemon_does_not_wait_for_a_dead_disk(
    network: MemoryNetwork, node: Node, seed: SimNode, disks: TwoDisks, known: bool
) -> None:
    stuck = half_stuck(node, seed, disks)
    other = download(node, seed, "b", "/second")
    network.run_until(other.is_complete)
    recorded = node.store.rows[stuck.record.id].pieces
    network.run(SILENT_SECONDS + 3 if known else 0.5)
    began = network.clock.seconds()
    node.stop()
    assert network.clock.seconds() - began < STOP_SECONDS
    assert node.store.rows[other.record.id].clean
    assert not node.store.rows[stuck.record.id].clean
    assert node.store.rows[stuck.record.id].pieces == recorded


def test_a_stop_right_when_a_disk_dies_does_not_wait_for_it(
    network: MemoryNetwork, node: Node, seed: SimNode, disks: TwoDisks
) -> None:
    stuck = half_stuck(node, seed, disks)
    assert stuck.dirty
    began = network.clock.seconds()
    node.stop()
    assert network.clock.seconds() - began < STOP_SECONDS
    assert not node.store.rows[stuck.record.id].clean


def test_folders_that_cannot_be_looked_at_are_on_one_device(
    network: MemoryNetwork, node: Node, disks: TwoDisks, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(storage: Placed) -> int:
        raise StorageError(f"{storage.root}: Permission denied")

    monkeypatch.setattr(Placed, "device", refuse)
    disks.devices[UNKNOWN_DEVICE] = Disk(network.clock)
    opened = [node.add(TORRENTS["a"], download_dir="/first")]
    opened.append(node.add(TORRENTS["b"], download_dir="/second"))
    first, second = (torrent.content for torrent in opened)
    assert first is not None
    assert second is not None
    assert first.device is second.device
    assert first.device.number == UNKNOWN_DEVICE


def test_a_folder_that_never_says_where_it_is_keeps_no_other_torrent_from_opening(
    network: MemoryNetwork, node: Node, seed: SimNode, disks: TwoDisks
) -> None:
    disks.devices[1].dead = True
    request = AddTorrent(torrent=TORRENTS["a"], download_dir="/first")
    added = network.result(node.control.add(request))
    assert added.torrent.files() == []
    other = download(node, seed, "b", "/second")
    network.run_until(other.is_complete)
    assert len(TorrentReport(other).files()) == 1
    stuck = node.session.torrents.by_id(added.torrent.id)
    assert stuck is not None
    assert stuck.opening.busy
    began = network.clock.seconds()
    node.stop()
    assert network.clock.seconds() - began < STOP_SECONDS
    assert set(node.store.rows) == {stuck.record.id, other.record.id}, "nothing is forgotten"
