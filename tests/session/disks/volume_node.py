"""A node whose downloads are on a volume that goes and comes back."""

from __future__ import annotations

import random

from p2pd.base.errors import MissingError
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
