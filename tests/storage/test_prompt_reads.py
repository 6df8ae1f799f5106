"""Reads that never wait: when they are possible, and what they refuse."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from p2pd.base.requests import Request
from p2pd.storage import prompt_reads
from p2pd.storage.file_storage import FileStorage
from p2pd.storage.open_files import OpenFiles
from p2pd.storage.prompt_reads import prompt_flags
from tests.storage.layouts import PIECE, folder, piece_of

MOUNTS = """\
22 27 0:21 / /proc rw,relatime - proc proc rw
25 24 {device} / /dev/shm rw,relatime shared:3 - {type} shm rw,size=24684096k
"""
NO_SWAP = "Filename\tType\tSize\tUsed\tPriority\n"


@pytest.fixture
def stored(tmp_path: Path) -> tuple[FileStorage, bytes]:
    _, layout, data = folder({"a": 2 * PIECE + 100, "b": PIECE})
    storage = FileStorage(str(tmp_path), layout, OpenFiles(8))
    storage.prepare()
    for piece in range(layout.piece_count):
        storage.write_piece(piece, piece_of(layout, data, piece))
    return storage, data


class Kernel:
    """Stands for preadv2: `warm` or not, or a file system that does not know the flag."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.warm = True
        self.knows = True
        self._preadv = os.preadv
        monkeypatch.setattr(os, "preadv", self)
        monkeypatch.setattr(prompt_reads, "_NOWAIT", 8)

    def __call__(self, fd: int, buffers: Any, offset: int, flags: int = 0) -> int:
        if flags and not self.knows:
            raise OSError(95, "Operation not supported")
        if flags and not self.warm:
            raise BlockingIOError(11, "Resource temporarily unavailable")
        return self._preadv(fd, buffers, offset)


def ask(storage: FileStorage, *requests: Request) -> list[bytes] | None:
    buffer = memoryview(bytearray(sum(request.length for request in requests)))
    found = storage.read_now(requests, buffer)
    return None if found is None else [bytes(block) for block in found]


def test_what_is_in_memory_is_read_at_once(
    stored: tuple[FileStorage, bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    kernel = Kernel(monkeypatch)
    storage, data = stored
    across = Request(2, 50, 100)
    assert ask(storage, across) is None, "nothing is opened in the reactor's thread"
    storage.read(2, 0, 200)
    storage.read(0, 0, 1)
    assert ask(storage, Request(0, 3, 10), Request(0, 13, 10), across) == [
        data[3:13],
        data[13:23],
        data[2 * PIECE + 50 :][:100],
    ]
    kernel.warm = False
    assert ask(storage, Request(0, 3, 10)) is None


def test_a_short_read_is_left_to_a_thread(
    stored: tuple[FileStorage, bytes], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    Kernel(monkeypatch)
    storage, _ = stored
    storage.read(0, 0, 1)
    os.truncate(tmp_path / "top/a", 50)
    assert ask(storage, Request(0, 0, 100)) is None


def test_a_removed_file_is_left_to_a_thread(
    tmp_path: Path, stored: tuple[FileStorage, bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    Kernel(monkeypatch)
    storage = FileStorage(str(tmp_path), stored[0].layout, OpenFiles(8), look_every=0.0)
    storage.read(0, 0, 1)
    assert ask(storage, Request(0, 0, 100)) is not None
    (tmp_path / "top/a").unlink()
    assert ask(storage, Request(0, 0, 100)) is None


@pytest.mark.parametrize(
    ("type_", "swaps", "flags"),
    [
        ("tmpfs", NO_SWAP, 0),
        ("ramfs", NO_SWAP, 0),
        ("tmpfs", NO_SWAP + "/dev/sda2 partition 1000 0 -2\n", None),
        ("nfs4", NO_SWAP, None),
    ],
)
def test_a_memory_file_system_never_waits_unless_it_is_swapped(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    type_: str,
    swaps: str,
    flags: int | None,
) -> None:
    Kernel(monkeypatch).knows = False
    (tmp_path / "file").write_bytes(b"x")
    device = os.stat(tmp_path).st_dev
    name = f"{os.major(device)}:{os.minor(device)}"
    (tmp_path / "mounts").write_text(MOUNTS.format(device=name, type=type_))
    (tmp_path / "swaps").write_text(swaps)
    monkeypatch.setattr(prompt_reads, "_MOUNTS", str(tmp_path / "mounts"))
    monkeypatch.setattr(prompt_reads, "_SWAPS", str(tmp_path / "swaps"))
    fd = os.open(tmp_path / "file", os.O_RDONLY)
    try:
        assert prompt_flags(fd) == flags
    finally:
        os.close(fd)


def test_without_proc_nothing_is_taken_for_granted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    Kernel(monkeypatch).knows = False
    monkeypatch.setattr(prompt_reads, "_SWAPS", str(tmp_path / "none"))
    with open(__file__, "rb") as file:
        assert prompt_flags(file.fileno()) is None
