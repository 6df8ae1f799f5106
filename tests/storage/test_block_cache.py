"""The block cache: its budget, its order, what it counts, and readers at the same time."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from p2pd.base.errors import StorageError
from p2pd.base.requests import Request
from p2pd.storage.block_cache import LINE_BYTES, BlockCache, CachedBlocks, Line
from p2pd.storage.file_storage import FileStorage
from p2pd.storage.open_files import OpenFiles
from tests.storage.layouts import folder, piece_of

PIECE = 2 * LINE_BYTES + 100
COUNT = 3


class Layout:
    """Three pieces of two lines and a bit."""

    def padded_size(self, piece: int) -> int:
        return PIECE


def content(piece: int) -> bytes:
    return bytes((piece * 7 + at // 50) % 251 for at in range(PIECE))


CONTENT = [content(piece) for piece in range(COUNT)]


class Disk:
    def __init__(self) -> None:
        self.reads: list[tuple[int, int, int]] = []

    def read_into(self, piece: int, begin: int, buffer: memoryview) -> None:
        self.reads.append((piece, begin, len(buffer)))
        buffer[:] = CONTENT[piece][begin : begin + len(buffer)]


def blocks(limit: int) -> tuple[CachedBlocks, Disk]:
    disk = Disk()
    return CachedBlocks(BlockCache(limit), Layout(), disk.read_into), disk  # type: ignore[arg-type]


def right(request: Request, data: bytes | bytearray | memoryview) -> bool:
    piece, begin, length = request
    return bytes(data) == CONTENT[piece][begin : begin + length]


def test_a_line_is_read_once_and_serves_its_neighbours() -> None:
    cached, disk = blocks(10 * LINE_BYTES)
    first = [Request(0, 0, 16384), Request(0, 16384, 16384)]
    assert cached.here(first) is None
    assert all(map(right, first, cached.read(first)))
    assert disk.reads == [(0, 0, LINE_BYTES)]
    later = [Request(0, 32768, 16384)]
    here = cached.here(later)
    assert here is not None
    assert right(later[0], here[0])
    assert (cached.cache.hits, cached.cache.misses) == (2, 1)


def test_a_block_across_two_lines_and_the_end_of_a_piece() -> None:
    cached, disk = blocks(10 * LINE_BYTES)
    requests = [Request(1, LINE_BYTES - 10, 20), Request(1, 2 * LINE_BYTES, 100)]
    assert all(map(right, requests, cached.read(requests)))
    assert disk.reads[-1] == (1, 2 * LINE_BYTES, 100)


def test_the_line_not_used_for_longest_goes_first() -> None:
    cached, disk = blocks(2 * LINE_BYTES)
    cached.read([Request(0, 0, 1)])
    cached.read([Request(1, 0, 1)])
    cached.read([Request(0, 1, 1)])
    cached.read([Request(2, 0, 1)])
    assert cached.cache.used == 2 * LINE_BYTES
    assert cached.here([Request(0, 5, 5)]) is not None
    assert cached.here([Request(1, 5, 5)]) is None
    assert len(disk.reads) == 3


def test_a_line_longer_than_the_budget_is_not_kept() -> None:
    cached, _ = blocks(LINE_BYTES - 1)
    cached.read([Request(0, 0, 10)])
    assert cached.cache.used == 0


def test_what_changed_is_forgotten() -> None:
    cached, disk = blocks(10 * LINE_BYTES)
    other = CachedBlocks(cached.cache, Layout(), disk.read_into)  # type: ignore[arg-type]
    for reader in (cached, other):
        reader.read([Request(0, 0, 1), Request(1, 0, 1)])
    cached.forget(0)
    assert cached.here([Request(0, 0, 1)]) is None
    assert cached.here([Request(1, 0, 1)]) is not None
    cached.forget()
    assert cached.here([Request(1, 0, 1)]) is None
    assert other.here([Request(0, 0, 1), Request(1, 0, 1)]) is not None
    assert cached.cache.used == 2 * LINE_BYTES


def test_two_threads_wait_for_one_read() -> None:
    cache = BlockCache(10 * LINE_BYTES)
    line = Line("torrent", 0, 0)
    reading, release = threading.Event(), threading.Event()
    reads: list[Line] = []
    got: list[bytes] = []

    def read(asked: Line) -> memoryview:
        reads.append(asked)
        reading.set()
        release.wait(5)
        return memoryview(b"data")

    threads = [
        threading.Thread(target=lambda: got.append(bytes(cache.get_or_read(line, read))))
        for _ in range(3)
    ]
    for thread in threads:
        thread.start()
    reading.wait(5)
    release.set()
    for thread in threads:
        thread.join(5)
    assert got == [b"data"] * 3
    assert reads == [line]


def test_what_is_forgotten_while_it_is_read_is_not_kept() -> None:
    cache = BlockCache(10 * LINE_BYTES)
    line = Line("torrent", 0, 0)

    def read(_: Line) -> memoryview:
        cache.forget("torrent")
        return memoryview(b"old")

    assert cache.get_or_read(line, read) == b"old"
    assert cache.get(line) is None


def test_a_read_that_fails_is_told_and_tried_again() -> None:
    cache = BlockCache(10 * LINE_BYTES)
    line = Line("torrent", 0, 0)

    def broken(_: Line) -> memoryview:
        raise StorageError("gone")

    with pytest.raises(StorageError, match="gone"):
        cache.get_or_read(line, broken)
    assert cache.get_or_read(line, lambda _: memoryview(b"x")) == b"x"


asks = st.builds(
    lambda piece, begin, length: Request(piece, begin, min(length, PIECE - begin)),
    st.integers(0, COUNT - 1),
    st.integers(0, PIECE - 1),
    st.integers(1, 40_000),
)


@given(st.lists(st.lists(asks, max_size=4), max_size=12), st.integers(0, 5))
def test_any_reads_give_the_right_bytes_within_the_budget(
    batches: list[list[Request]], lines: int
) -> None:
    cached, _ = blocks(lines * LINE_BYTES)
    for batch in batches:
        here = cached.here(batch)
        found = cached.read(batch) if here is None else here
        assert all(map(right, batch, found))
        assert cached.cache.used <= cached.cache.limit
        assert cached.cache.used == sum(map(len, cached.cache._lines.values()))


def test_a_torrents_files_are_read_through_it(tmp_path: Path) -> None:
    _, layout, data = folder({"a": 3 * 32768, "b": 5000})
    storage = FileStorage(str(tmp_path), layout, OpenFiles(8), cache=BlockCache(LINE_BYTES * 8))
    storage.prepare()
    for piece in range(layout.piece_count):
        storage.write_piece(piece, piece_of(layout, data, piece))
    request = Request(1, 10, 100)
    whole = bytes(piece_of(layout, data, 1))
    assert bytes(storage.read_many([request])[0]) == whole[10:110]
    found = storage.read_now([request], memoryview(bytearray(100)))
    assert found is not None
    assert bytes(found[0]) == whole[10:110]
    storage.write_piece(1, bytes(len(whole)))
    assert bytes(storage.read_many([request])[0]) == bytes(100), "what was written is what is read"
