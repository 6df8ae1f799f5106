"""Nodes on real files: below `one` and `two` of a folder as if those were two devices."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from p2pd.formats.file_layout import FileLayout
from p2pd.session.torrents.torrent import Torrent
from p2pd.storage.file_storage import FileStorage
from p2pd.storage.open_files import OpenFiles
from p2pd.testing import MemoryNetwork, SimNode
from tests.session.three_files import FILES, TORRENT

ONE, TWO = 1, 2


class DiskStorage(FileStorage):
    """Files on the disk that the first folder below the test's is named after."""

    def device(self) -> int:
        return TWO if "/two" in self.root else ONE


def disk_node(
    network: MemoryNetwork,
    base: Path,
    host: str = "10.0.0.1",
    *,
    preallocation: str = "sparse",
    **options: Any,
) -> SimNode:
    """A node whose downloads are in `one`."""

    def make_storage(layout: FileLayout, folder: str) -> FileStorage:
        return DiskStorage(folder, layout, OpenFiles(), look_every=0, preallocation=preallocation)

    base.joinpath("one").mkdir(exist_ok=True)
    node = SimNode(network, host, make_storage=make_storage, **options)
    node.session.settings.download_dir = str(base / "one")
    return node


def seeding(network: MemoryNetwork, node: SimNode, folder: Path) -> Torrent:
    """A torrent of `three_files` that is complete and seeds."""
    put_files(folder)
    torrent = node.add(TORRENT)
    network.run_until(lambda: torrent.running)
    assert torrent.content is not None
    assert torrent.content.have.is_full
    return torrent


def put_files(folder: Path) -> None:
    folder.joinpath("folder").mkdir(parents=True)
    for name, data in FILES.items():
        folder.joinpath("folder", name).write_bytes(data)


def tree(folder: Path) -> dict[str, bytes]:
    """Every file below a folder."""
    files = (path for path in folder.rglob("*") if path.is_file())
    return {str(path.relative_to(folder)): path.read_bytes() for path in files}


WHOLE = {f"folder/{name}": data for name, data in FILES.items()}


def restarted_node(network: MemoryNetwork, node: SimNode, base: Path) -> tuple[SimNode, Torrent]:
    """The node after a kill, or after a stop."""
    network.listeners.pop(node.address, None)
    again = disk_node(
        network, base, node.address.host, store=node.store, journal=node.journal, seed=2
    )
    network.run(0.05)
    (torrent,) = again.session.torrents
    return again, torrent
