"""Volumes that are unmounted and come back: nothing verified is given up, nothing is made there."""

from __future__ import annotations

import random

import pytest

from p2pd.base.errors import DiskFaultError, MissingError, ReadOnlyError, StorageError
from p2pd.base.piece_set import PieceSet
from p2pd.formats.file_layout import FileLayout
from p2pd.session.api import TorrentStatus, TorrentTrouble
from p2pd.session.session_parts import SessionLimits
from p2pd.session.torrents.torrent import Torrent
from p2pd.session.torrents.torrent_report import TorrentReport
from p2pd.storage.interfaces import FileState, Presence
from p2pd.storage.memory_storage import MemoryStorage
from p2pd.storage.volumes import VolumeState
from p2pd.testing import MemoryNetwork, SimNode, make_torrent

PIECE = 32 * 1024
PIECES = 30
DATA = {name: random.Random(name).randbytes(PIECES * PIECE) for name in "ab"}
TORRENTS = {
    name: make_torrent({"data": DATA[name]}, name=name, piece_length=PIECE) for name in "ab"
}
LOOK = SessionLimits().folder_watch_seconds
FOLDER = "/downloads"
MOUNTED = VolumeState((7, 1), read_only=False, free=1 << 40)
BARE = VolumeState((0, 1), read_only=False, free=1 << 40)
GONE = MissingError(f"{FOLDER}/data: No such file or directory")


class Volume:
    """What the storages of a node are on."""

    def __init__(self) -> None:
        self.mounted = True
        self.made: list[str] = []
        """What was done where the volume is not."""
        self.read: list[int] = []
        self.shown: Presence | None = None


class OnVolume(MemoryStorage):
    """Data on a volume."""

    volume: Volume

    def _there(self, what: str = "") -> None:
        if not self.volume.mounted:
            if what:
                self.volume.made.append(what)
            raise GONE

    def prepare(self) -> None:
        if not self.volume.mounted:
            self.volume.made.append("folder")

    def read_into(self, piece: int, begin: int, buffer: memoryview) -> None:
        self._there()
        self.volume.read.append(piece)
        super().read_into(piece, begin, buffer)

    def read(self, piece: int, begin: int, length: int) -> bytes:
        self._there()
        return super().read(piece, begin, length)

    def write_piece(self, piece: int, data: bytes | bytearray | memoryview) -> None:
        self._there()
        super().write_piece(piece, data)

    def sync(self) -> None:
        self._there()
        super().sync()

    def with_data(self, pieces: object) -> list[int]:
        return super().with_data(pieces) if self.volume.mounted else []  # type: ignore[arg-type]

    def file_states(self) -> list[FileState | None]:
        states = super().file_states()
        return states if self.volume.mounted else [None] * len(states)

    def presence(self, least: object) -> Presence:
        asked: list[object] = list(least)  # type: ignore[call-overload]
        if not self.volume.mounted:
            return Presence(len(asked), 0, str(GONE))
        return self.volume.shown or super().presence(asked)  # type: ignore[arg-type]

    def same_folder(self) -> bool:
        return self.volume.mounted and self.same


class Node(SimNode):
    """A node whose downloads are on a volume."""

    volume: Volume

    def _make_storage(self, layout: FileLayout, folder: str) -> MemoryStorage:
        kept = self.disk.setdefault((folder, layout.files[0].path[0]), OnVolume(layout))
        assert isinstance(kept, OnVolume)
        kept.volume, kept.layout = self.volume, layout
        kept.root = folder
        return kept

    def mount(self) -> None:
        self.volume.mounted = True
        self.folders[FOLDER] = MOUNTED

    def unmount(self, *, bare: bool = False) -> None:
        """`bare`: what it was mounted on is still there."""
        self.volume.mounted = False
        self.folders[FOLDER] = BARE if bare else None

    def restarted(self) -> tuple[Node, Torrent]:
        """After a clean stop."""
        self.stop()
        again = started(self.network, self.volume, store=self.store, disk=self.disk)
        again.folders.update(self.folders)
        again.network.run(1)
        (torrent,) = again.session.torrents
        return again, torrent


def started(network: MemoryNetwork, volume: Volume, **more: object) -> Node:
    made = Node.__new__(Node)
    made.volume = volume
    made.__init__(network, "10.0.0.1", **more)  # type: ignore[misc]
    return made


@pytest.fixture
def node(network: MemoryNetwork) -> Node:
    made = started(network, Volume())
    made.mount()
    return made


@pytest.fixture
def seed(network: MemoryNetwork) -> SimNode:
    made = SimNode(network, "10.0.0.9")
    for name, torrent in TORRENTS.items():
        made.put(torrent, {"data": DATA[name]})
    return made


def seeding(node: Node, name: str = "a") -> Torrent:
    torrent = node.put(TORRENTS[name], {"data": DATA[name]})
    node.network.run(LOOK)
    assert TorrentReport(torrent).status is TorrentStatus.SEEDING
    node.volume.read.clear()
    return torrent


def half(node: Node, seed: SimNode) -> Torrent:
    """A download that is half done, with everything recorded."""
    torrent = node.add(TORRENTS["a"])
    node.connect(torrent, seed.address)
    node.network.run_until(lambda: len(node.storage(torrent).pieces) >= PIECES // 2)
    node.network.result(torrent.stop())
    node.network.run(1)
    return torrent


def count(torrent: Torrent) -> int:
    pieces = TorrentReport(torrent).pieces
    assert pieces is not None
    return pieces.count


def recorded(node: SimNode, torrent: Torrent) -> int:
    bits = node.store.rows[torrent.record.id].pieces
    return 0 if bits is None else PieceSet.from_bitfield(bits, PIECES).count


def is_missing(torrent: Torrent) -> bool:
    shown = TorrentReport(torrent)
    if not torrent.missing.why:
        return False
    assert shown.error_string == torrent.missing.why
    assert (shown.trouble, shown.status) == (TorrentTrouble.LOCAL, TorrentStatus.STOPPED)
    assert not torrent.running
    assert shown.error_string.startswith("the data is not there (/downloads")
    assert f"p2pctl verify {torrent.record.id}" in shown.error_string
    return True


# -- at a start ----------------------------------------------------------------------------------


@pytest.mark.parametrize("bare", [False, True])
def test_a_start_without_the_volume_gives_nothing_up_and_goes_on_when_it_is_back(
    network: MemoryNetwork, node: Node, bare: bool
) -> None:
    seeding(node)
    node.stop()
    node.unmount(bare=bare)
    again, torrent = node.restarted()
    assert is_missing(torrent)
    assert count(torrent) == PIECES
    assert again.announcers[-1].events == [], "nobody is told of what cannot be had"
    network.run(10 * LOOK)
    assert is_missing(torrent)
    third, torrent = again.restarted()
    assert is_missing(torrent)
    assert recorded(third, torrent) == PIECES
    assert node.volume.made == []
    third.mount()
    network.run(LOOK + 2)
    assert TorrentReport(torrent).status is TorrentStatus.SEEDING
    assert TorrentReport(torrent).error_string == ""
    assert count(torrent) == PIECES
    assert node.volume.read == [], "nothing was hashed"
    assert third.announcers[-1].events == ["started"]


def test_a_paused_torrent_stays_paused_when_its_data_is_back(
    network: MemoryNetwork, node: Node
) -> None:
    network.result(seeding(node).stop())
    network.result(node.session.store.save(next(iter(node.session.torrents)).record))
    node.stop()
    node.unmount()
    again, torrent = node.restarted()
    assert is_missing(torrent)
    again.mount()
    network.run(LOOK + 2)
    assert not torrent.missing.why
    assert not torrent.running
    assert count(torrent) == PIECES
    assert node.volume.read == []


def test_nothing_recorded_is_nothing_missing(
    network: MemoryNetwork, node: Node, seed: SimNode
) -> None:
    node.add(TORRENTS["a"])
    _, torrent = node.restarted()
    assert torrent.running


def test_files_that_changed_while_they_were_away_are_checked(
    network: MemoryNetwork, node: Node, monkeypatch: pytest.MonkeyPatch
) -> None:
    seeding(node)
    node.stop()
    node.unmount()
    again, torrent = node.restarted()
    changed = [FileState(PIECES * PIECE, 2)]
    again.storage(torrent).pieces[3] = bytes(PIECE)
    monkeypatch.setattr(MemoryStorage, "file_states", lambda self: changed)
    again.mount()
    network.run(LOOK + 2)
    assert count(torrent) == PIECES - 1
    assert torrent.running


def test_a_disk_that_cannot_tell_what_is_there_takes_nothing_off_the_record(
    network: MemoryNetwork, node: Node, seed: SimNode, monkeypatch: pytest.MonkeyPatch
) -> None:
    here = recorded(node, half(node, seed))
    node.stop()
    fault = DiskFaultError(f"{FOLDER}/data: Input/output error")

    def fails(storage: OnVolume) -> None:
        raise fault

    with monkeypatch.context() as patched:
        patched.setattr(OnVolume, "file_states", fails)
        again = started(network, node.volume, store=node.store, disk=node.disk)
        again.mount()
        network.run(1)
        (torrent,) = again.session.torrents
        assert torrent.error == str(fault)
        third, torrent = again.restarted()
        assert torrent.error == str(fault)
    assert recorded(third, torrent) == here
    node.volume.read.clear()
    network.result(torrent.start())
    assert torrent.running
    assert count(torrent) == here
    assert node.volume.read == [], "nothing is hashed again"


# -- while it runs -------------------------------------------------------------------------------


@pytest.mark.parametrize("bare", [False, True])
def test_a_seed_whose_volume_goes_waits_and_seeds_again(
    network: MemoryNetwork, node: Node, bare: bool
) -> None:
    torrent = seeding(node)
    told: list[str] = []
    node.control.events.listen(lambda event: told.append(event.kind))
    node.unmount(bare=bare)
    network.run(LOOK + 2)
    assert is_missing(torrent)
    assert node.announcers[-1].events[-1] == "stopped"
    network.run(100)
    assert told == ["missing"]
    node.mount()
    network.run(LOOK + 2)
    assert told == ["missing", "back"]
    assert torrent.running
    assert TorrentReport(torrent).error_string == ""
    assert (node.volume.read, node.volume.made) == ([], [])
    assert count(torrent) == PIECES


def test_one_that_is_asked_for_data_notices_at_once(
    network: MemoryNetwork, node: Node, seed: SimNode
) -> None:
    torrent = seeding(node)
    node.unmount(bare=True)
    other = SimNode(network, "10.0.0.3")
    other.connect(other.add(TORRENTS["a"]), node.address)
    network.run(3)
    assert is_missing(torrent)
    assert recorded(node, torrent) == PIECES


def test_a_download_keeps_what_is_recorded_and_goes_on(
    network: MemoryNetwork, node: Node, seed: SimNode
) -> None:
    torrent = half(node, seed)
    here = recorded(node, torrent)
    assert here >= PIECES // 2
    network.result(torrent.start())
    node.connect(torrent, seed.address)
    network.run(0.005)
    node.unmount(bare=True)
    network.run(5)
    assert is_missing(torrent)
    assert count(torrent) == recorded(node, torrent) >= here
    assert node.session.budget.used == 0
    node.mount()
    network.run(LOOK + 2)
    node.connect(torrent, seed.address)
    network.run_until(torrent.is_complete)
    assert node.volume.made == []
    network.run(15)
    assert recorded(node, torrent) == PIECES


def test_a_stop_of_the_daemon_while_it_is_missing_leaves_the_record_as_it_is(
    network: MemoryNetwork, node: Node, seed: SimNode
) -> None:
    seeding(node)
    again, torrent = node.restarted()
    again.unmount()
    network.run(LOOK + 2)
    assert is_missing(torrent)
    states = again.store.rows[torrent.record.id].file_states
    assert states
    again.stop()
    row = again.store.rows[torrent.record.id]
    assert row.clean, "nothing was written since the record was closed"
    assert row.file_states == states
    assert recorded(again, torrent) == PIECES


def test_a_folder_that_is_on_another_device_is_opened_anew(
    network: MemoryNetwork, node: Node, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As a network drive that was mounted again between two looks."""
    monkeypatch.setattr("p2pd.session.torrents.resting.REST_SECONDS", 1e6)
    torrent = seeding(node)
    before = torrent.content
    node.folders[FOLDER] = MOUNTED._replace(root=(8, 1))
    network.run(LOOK + 2)
    assert torrent.running
    assert torrent.content is not before
    assert count(torrent) == PIECES
    assert node.volume.read == []
    node.folders[FOLDER] = MOUNTED._replace(root=(8, 2))
    before = torrent.content
    network.run(LOOK + 2)
    assert torrent.content is before, "an inode alone means little"


def test_a_volume_that_goes_right_after_the_start_is_noticed(
    network: MemoryNetwork, node: Node
) -> None:
    """The first look at its folder must not take what is there then for what it was."""
    seeding(node)
    node.stop()
    again = started(network, node.volume, store=node.store, disk=node.disk)
    again.mount()
    network.run(0.5)
    again.unmount(bare=True)
    network.run(LOOK + 2)
    (torrent,) = again.session.torrents
    assert is_missing(torrent)


def test_a_new_download_is_not_begun_where_its_volume_was(
    network: MemoryNetwork, node: Node, seed: SimNode
) -> None:
    torrent = node.add(TORRENTS["a"])
    network.run(2)
    node.unmount(bare=True)
    network.run(LOOK + 2)
    assert "data is not there" in torrent.missing.why
    network.run(3 * LOOK)
    assert torrent.missing.why
    node.mount()
    network.run(LOOK + 2)
    assert torrent.running
    assert node.volume.made == []


def test_other_trouble_is_no_missing_volume(network: MemoryNetwork, node: Node) -> None:
    torrent = seeding(node)
    torrent.storage_failed(StorageError("/downloads/data: Permission denied"))
    network.run(1)
    assert torrent.error == "/downloads/data: Permission denied"
    assert not torrent.missing.why


def test_what_was_recorded_stays_when_a_sync_finds_no_disk(
    network: MemoryNetwork, node: Node, seed: SimNode
) -> None:
    torrent = half(node, seed)
    here = recorded(node, torrent)
    network.result(torrent.start())
    node.connect(torrent, seed.address)
    network.run_until(torrent.is_complete)
    node.storage(torrent).sync_fault = DiskFaultError("/downloads/data: Input/output error")
    node.unmount()
    network.run(15)
    assert is_missing(torrent)
    assert recorded(node, torrent) == here
    node.storage(torrent).sync_fault = None
    node.mount()
    network.run(LOOK + 2)
    assert count(torrent) == PIECES
    assert len(set(node.volume.read)) == PIECES - here, "what was not recorded is hashed"


def test_a_new_download_waits_until_its_folder_can_be_made(
    network: MemoryNetwork, node: Node, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(storage: OnVolume) -> None:
        raise ReadOnlyError(f"{FOLDER}: Read-only file system")

    node.folders[FOLDER] = MOUNTED._replace(read_only=True)
    with monkeypatch.context() as patched:
        patched.setattr(OnVolume, "prepare", refuse)
        patched.setattr(OnVolume, "same_folder", lambda storage: False)
        torrent = node.add(TORRENTS["a"])
        network.run(3 * LOOK)
        assert "Read-only file system" in torrent.missing.why
        node.mount()
        assert not torrent.running
    network.run(LOOK + 2)
    assert torrent.running


# -- how it ends ---------------------------------------------------------------------------------


def missing(node: Node) -> Torrent:
    torrent = seeding(node)
    node.unmount()
    node.network.run(LOOK + 2)
    assert is_missing(torrent)
    return torrent


def test_a_start_looks_at_once(network: MemoryNetwork, node: Node) -> None:
    torrent = missing(node)
    network.result(torrent.start())
    assert is_missing(torrent), "a start of all torrents must not give data up"
    node.mount()
    network.result(torrent.start())
    assert torrent.running


def test_a_verify_gives_it_up(network: MemoryNetwork, node: Node, seed: SimNode) -> None:
    torrent = missing(node)
    node.storage(torrent).pieces.clear()
    node.mount()
    network.result(torrent.verify())
    network.run(1)
    assert not torrent.missing.why
    assert torrent.running
    assert (count(torrent), recorded(node, torrent)) == (0, 0)
    node.connect(torrent, seed.address)
    network.run_until(torrent.is_complete)


def test_the_first_verify_of_what_is_not_known_to_be_missing_gives_nothing_up(
    network: MemoryNetwork, node: Node
) -> None:
    torrent = seeding(node)
    node.unmount()
    network.result(torrent.verify())
    assert is_missing(torrent)
    assert recorded(node, torrent) == PIECES


def test_a_volume_that_goes_during_a_check_takes_nothing_with_it(
    network: MemoryNetwork, node: Node
) -> None:
    torrent = seeding(node)
    verifying = torrent.verify()
    network.run(0)
    content = torrent.content
    assert content is not None
    reads = content.storage.read_into

    def unmounted(piece: int, begin: int, buffer: memoryview) -> None:
        node.unmount()
        reads(piece, begin, buffer)

    content.storage.read_into = unmounted  # type: ignore[method-assign]
    network.result(verifying)
    assert is_missing(torrent)
    assert recorded(node, torrent) == PIECES


def test_a_part_of_the_files_is_enough_when_it_is_not_about_to_become_more(
    network: MemoryNetwork, node: Node
) -> None:
    torrent = missing(node)
    node.mount()
    for there in (1, 2, 3):
        node.volume.shown = Presence(5, there, "the others are not there")
        network.run(LOOK)
        assert torrent.missing.why, "they are being copied"
    network.run(LOOK + 2)
    assert torrent.running


def test_a_missing_torrent_can_be_removed(network: MemoryNetwork, node: Node) -> None:
    torrent = missing(node)
    network.result(node.session.remove(torrent, delete_data=True), limit=1)
    node.mount()
    network.run(3 * LOOK)
    assert not torrent.running
    assert not torrent.missing.why


def test_torrents_in_one_folder_are_looked_for_by_one_question(
    network: MemoryNetwork, node: Node, monkeypatch: pytest.MonkeyPatch
) -> None:
    seeding(node)
    seeding(node, "b")
    node.unmount()
    network.run(LOOK + 2)
    asked: list[object] = []
    ask = node.session.disks.ask

    def noted(question: object, look: object) -> object:
        asked.append(question)
        return ask(question, look)  # type: ignore[arg-type]

    monkeypatch.setattr(node.session.disks, "ask", noted)
    network.run(10 * LOOK)
    assert 9 <= len(asked) <= 11
    node.mount()
    network.run(LOOK + 2)
    assert all(torrent.running for torrent in node.session.torrents)
