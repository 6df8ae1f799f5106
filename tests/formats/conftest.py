"""Contents, and torrents that libtorrent makes of them, to hold our own reading against."""

from __future__ import annotations

import random
import warnings
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from hypothesis import settings

# A busy machine must not fail a test, and a failure must come again when it is looked at.
settings.register_profile("formats", deadline=None, derandomize=True)
settings.load_profile("formats")

PIECE_LENGTH = 64 * 1024

TREE = {
    "a.bin": 70_000,  # a little more than one piece
    "b.bin": 10,
    "sub/c.bin": 4 * PIECE_LENGTH,
    "sub/d.bin": PIECE_LENGTH,  # exactly one piece: no piece layer
    "sub/empty": 0,
    "sub/deep/e.bin": PIECE_LENGTH + 16 * 1024,
    "z.bin": 300_000,
}


def content(name: str, length: int) -> bytes:
    return random.Random(name).randbytes(length)


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """A folder ``top`` with files of awkward sizes."""
    for name, length in TREE.items():
        path = tmp_path / "top" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content(name, length))
    return tmp_path / "top"


@pytest.fixture
def lt() -> ModuleType:
    """libtorrent, without its own warnings about the names it renamed."""
    module: ModuleType = pytest.importorskip("libtorrent")
    warnings.simplefilter("ignore", DeprecationWarning)
    return module


@pytest.fixture
def made_by_libtorrent(lt: ModuleType) -> Callable[..., bytes]:
    """A torrent file that libtorrent creates from a path: ``make(path, "v2", piece_length)``."""
    flags = {
        "v1": lt.create_torrent.v1_only,
        "v2": lt.create_torrent.v2_only,
        "hybrid": 0,
        "no-tail": 1 << 9,
    }

    def make(path: Path, version: str, piece_length: int = PIECE_LENGTH) -> bytes:
        files = lt.file_storage()
        lt.add_files(files, str(path))
        creator: Any = lt.create_torrent(files, piece_length, flags=flags[version])
        creator.add_tracker("http://tracker.example/announce", 0)
        creator.add_tracker("udp://tracker.example:80", 1)
        lt.set_piece_hashes(creator, str(path.parent))
        return bytes(lt.bencode(creator.generate()))

    return make
