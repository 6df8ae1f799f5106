"""Re-checks: what is found, in what order it is read, with how much memory, by how many threads."""

from __future__ import annotations

import os
import random
import threading
from itertools import pairwise
from pathlib import Path
from typing import Any, Callable, Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from p2pd.base.errors import StorageError
from p2pd.base.piece_set import PieceSet
from p2pd.formats.file_layout import FileLayout
from p2pd.formats.metainfo import parse_torrent
from p2pd.storage import checker
from p2pd.storage.checker import CHUNK_BYTES, REPORT_BYTES, RUN_BYTES, check_pieces
from p2pd.storage.file_storage import FileStorage
from p2pd.storage.memory_storage import MemoryStorage
from p2pd.storage.open_files import OpenFiles
from p2pd.storage.verifier import PieceVerifier
from p2pd.testing import make_torrent, piece_bytes

Version = Literal["v1", "v2", "hybrid"]
VERSIONS: tuple[Version, ...] = ("v1", "v2", "hybrid")
BLOCK = 16 * 1024
PATIENCE = 10.0


class Watched(MemoryStorage):
    """Data in memory that notes each read; `on_read` is called before it."""

    def __init__(self, layout: FileLayout) -> None:
        super().__init__(layout)
        self.reads: list[tuple[int, int, int]] = []
        self.readers: set[int] = set()
        self.on_read: Callable[[int, int], None] = lambda piece, begin: None

    def read_into(self, piece: int, begin: int, buffer: memoryview) -> None:
        """Note it, then read."""
        self.on_read(piece, begin)
        self.reads.append((piece, begin, len(buffer)))
        self.readers.add(threading.get_ident())
        super().read_into(piece, begin, buffer)


class Torrent:
    """A torrent of random files, all of it in memory."""

    def __init__(self, files: dict[str, int], version: Version = "v1", *, piece: int) -> None:
        rng = random.Random(len(files))
        contents = {path: rng.randbytes(size) for path, size in files.items()}
        metainfo = parse_torrent(make_torrent(contents, version, piece_length=piece))
        self.layout = FileLayout.of(metainfo)
        self.verifier = PieceVerifier(metainfo, self.layout)
        self.storage = Watched(self.layout)
        self.every = range(self.layout.piece_count)
        for number in self.every:
            self.storage.write_piece(number, piece_bytes(self.layout, contents, number))

    def spoil(self, piece: int, at: int) -> None:
        """Change one byte."""
        data = bytearray(self.storage.pieces[piece])
        data[at % len(data)] ^= 0x10
        self.storage.pieces[piece] = bytes(data)

    def check(self, storage: Any = None, *, threads: int = 1, **options: Any) -> PieceSet:
        """Check everything."""
        options.setdefault("workers", lambda: threads)
        return check_pieces(
            storage or self.storage,
            self.verifier,
            self.layout,
            self.every,
            **options,
        )


@pytest.mark.parametrize("workers", [1, 3])
@pytest.mark.parametrize("version", VERSIONS)
def test_long_pieces_are_read_in_chunks_and_judged_as_a_whole(
    version: Version, workers: int
) -> None:
    piece = 1024 * 1024
    torrent = Torrent({"a": 3 * piece + 100_001, "b": 5}, version, piece=piece)
    assert torrent.check(threads=workers).is_full
    assert max(length for *_, length in torrent.storage.reads) == CHUNK_BYTES
    torrent.spoil(0, 0)
    torrent.spoil(2, piece - 1)
    assert set(torrent.check(threads=workers).missing()) == {0, 2}


@given(
    version=st.sampled_from(VERSIONS),
    sizes=st.lists(st.integers(1, 90_000), min_size=2, max_size=5),
    piece=st.sampled_from([BLOCK, 2 * BLOCK, 4 * BLOCK]),
    chunk=st.sampled_from([BLOCK, 3 * BLOCK]),
    workers=st.integers(1, 3),
    data=st.data(),
)
def test_exactly_the_right_pieces_are_found(
    version: Version,
    sizes: list[int],
    piece: int,
    chunk: int,
    workers: int,
    data: st.DataObject,
) -> None:
    files = {f"f{number}": size for number, size in enumerate(sizes)}
    torrent = Torrent(files, version, piece=piece)
    numbers = st.integers(0, torrent.layout.piece_count - 1)
    wrong = data.draw(st.dictionaries(numbers, st.integers(0, piece - 1), max_size=4))
    gone = data.draw(st.sets(numbers, max_size=2))
    for number, at in wrong.items():
        torrent.spoil(number, at)
    for number in gone:
        del torrent.storage.pieces[number]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(checker, "CHUNK_BYTES", chunk)
        patch.setattr(checker, "RUN_BYTES", 2 * piece)
        right = torrent.check(threads=workers)
    assert set(right.missing()) == wrong.keys() | gone
    assert max((length for *_, length in torrent.storage.reads), default=0) <= chunk


def test_one_thread_reads_straight_on() -> None:
    torrent = Torrent({"a": 900_000, "b": 100_000}, piece=4 * BLOCK)
    torrent.check()
    at = 0
    for piece, begin, length in torrent.storage.reads:
        assert piece * torrent.layout.piece_length + begin == at
        at += length
    assert at == 1_000_000


def test_threads_together_read_forwards(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(checker, "RUN_BYTES", 4 * BLOCK)
    torrent = Torrent({"a": 60 * BLOCK}, piece=BLOCK)
    together = threading.Barrier(3, timeout=PATIENCE)
    torrent.storage.on_read = lambda piece, begin: together.wait() and None
    assert torrent.check(threads=3).is_full
    assert len(torrent.storage.readers) == 3
    furthest = 0
    for piece, _, _ in torrent.storage.reads:
        assert piece > furthest - 3 * 4
        furthest = max(furthest, piece)


@pytest.mark.parametrize("piece", [BLOCK, 8 * 1024 * 1024])
def test_progress_is_told_smoothly_and_to_the_end(piece: int) -> None:
    torrent = Torrent({"a": 9_000_000}, piece=piece)
    told: list[tuple[int, int]] = []
    torrent.check(threads=2, progress=lambda done, total: told.append((done, total)))
    assert told[-1] == (9_000_000, 9_000_000)
    counts = [0, *(done for done, _ in told)]
    steps = [later - before for before, later in pairwise(counts)]
    assert all(0 <= step < REPORT_BYTES + CHUNK_BYTES for step in steps)


def test_progress_counts_what_cannot_be_read_too() -> None:
    torrent = Torrent({"a": 10 * BLOCK + 7}, piece=2 * BLOCK)
    del torrent.storage.pieces[1], torrent.storage.pieces[5]
    told: list[tuple[int, int]] = []
    right = torrent.check(progress=lambda done, total: told.append((done, total)))
    assert list(right) == [0, 2, 3, 4]
    assert told[-1] == (10 * BLOCK + 7, 10 * BLOCK + 7)


@pytest.mark.parametrize("piece", [BLOCK, 4 * 1024 * 1024])
def test_a_stop_is_seen_before_the_next_read(piece: int) -> None:
    torrent = Torrent({"a": 4 * 1024 * 1024}, piece=piece)
    reads = torrent.storage.reads
    right = torrent.check(stop=lambda: len(reads) >= 5)
    assert len(reads) == 5
    assert right.count == (5 if piece == BLOCK else 0)


def test_threads_come_and_go_as_they_are_wanted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(checker, "RUN_BYTES", BLOCK)
    torrent = Torrent({"a": 90 * BLOCK}, piece=BLOCK)
    main = threading.get_ident()
    at_once: list[set[int]] = [set(), set(), set()]
    lock = threading.Lock()
    everybody = threading.Event()
    read = 0

    def wanted() -> int:
        return 1 if 30 <= read < 60 else 3

    def note(piece: int, begin: int) -> None:
        nonlocal read
        with lock:
            read += 1
            at_once[min((read - 1) // 30, 2)].add(threading.get_ident())
            if len(at_once[0]) == 3:
                everybody.set()
        # The third thread may need a moment to begin.
        assert everybody.wait(PATIENCE)

    torrent.storage.on_read = note
    assert torrent.check(workers=wanted).is_full
    assert len(at_once[0]) == 3
    assert main in at_once[1]
    assert not [thread for thread in threading.enumerate() if thread.name == "p2pd-check"]


def test_no_more_threads_than_there_is_work_for() -> None:
    torrent = Torrent({"a": 20 * BLOCK}, piece=BLOCK)
    assert torrent.check(threads=8).is_full
    assert torrent.storage.readers == {threading.get_ident()}
    assert 20 * BLOCK < RUN_BYTES


@pytest.mark.parametrize("in_helper", [True, False])
def test_what_should_not_happen_in_a_thread_is_raised(
    monkeypatch: pytest.MonkeyPatch, in_helper: bool
) -> None:
    monkeypatch.setattr(checker, "RUN_BYTES", BLOCK)
    torrent = Torrent({"a": 50 * BLOCK}, piece=BLOCK)
    main = threading.get_ident()
    failed = threading.Event()

    def fail(piece: int, begin: int) -> None:
        if (threading.get_ident() == main) != in_helper:
            failed.set()
            raise ZeroDivisionError
        assert failed.wait(PATIENCE)

    torrent.storage.on_read = fail
    with pytest.raises(ZeroDivisionError):
        torrent.check(threads=2)
    assert len(torrent.storage.reads) < 50


def on_disk(root: Path, files: dict[str, bytes], piece: int) -> tuple[Torrent, FileStorage]:
    torrent = Torrent({path: len(data) for path, data in files.items()}, piece=piece)
    metainfo = parse_torrent(make_torrent(files, piece_length=piece))
    torrent.layout = FileLayout.of(metainfo)
    torrent.verifier = PieceVerifier(metainfo, torrent.layout)
    storage = FileStorage(str(root), torrent.layout, OpenFiles(8))
    for number in torrent.every:
        storage.write_piece(number, piece_bytes(torrent.layout, files, number))
    return torrent, storage


def test_files_that_vanish_or_shrink_are_wrong_from_there_on(tmp_path: Path) -> None:
    files = {name: os.urandom(4 * BLOCK) for name in "abc"}
    torrent, storage = on_disk(tmp_path, files, 2 * BLOCK)
    assert torrent.check(storage).is_full
    (tmp_path / "folder/a").unlink()
    os.truncate(tmp_path / "folder/c", 3 * BLOCK)
    assert list(torrent.check(storage, threads=2)) == [2, 3, 4]


def test_files_that_are_open_still_but_at_their_paths_no_more_are_wrong(tmp_path: Path) -> None:
    """As of a volume that was let go lazily."""
    (tmp_path / "here").mkdir()
    torrent, storage = on_disk(tmp_path / "here", {"a": os.urandom(4 * BLOCK)}, 2 * BLOCK)
    before = storage.read(0, 0, BLOCK)
    (tmp_path / "here").rename(tmp_path / "elsewhere")
    (tmp_path / "here").mkdir()
    assert storage.read(0, 0, BLOCK) == before, "it is open"
    assert not torrent.check(storage)


def test_a_file_that_shrinks_while_it_is_read_is_wrong_from_there_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(checker, "CHUNK_BYTES", BLOCK)
    torrent, storage = on_disk(tmp_path, {"a": os.urandom(8 * BLOCK)}, 2 * BLOCK)
    real, reads = os.preadv, 0

    def preadv(fd: int, buffers: list[memoryview], offset: int, *_: int) -> int:
        nonlocal reads
        reads += 1
        if reads == 4:
            os.truncate(tmp_path / "folder/a", 3 * BLOCK + 1)
        return real(fd, buffers, offset)

    monkeypatch.setattr(os, "preadv", preadv)
    assert list(torrent.check(storage)) == [0]


def test_reads_may_come_short(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    torrent, storage = on_disk(tmp_path, {"a": os.urandom(5 * BLOCK)}, 2 * BLOCK)
    real = os.preadv
    monkeypatch.setattr(
        os, "preadv", lambda fd, buffers, offset, *_: real(fd, [buffers[0][:1000]], offset)
    )
    assert torrent.check(storage).is_full


def test_holes_are_zeros(tmp_path: Path) -> None:
    files = {"a": bytes(6 * BLOCK) + os.urandom(2 * BLOCK)}
    torrent, storage = on_disk(tmp_path, files, 2 * BLOCK)
    (tmp_path / "folder/a").unlink()
    with open(tmp_path / "folder/a", "wb") as file:
        file.truncate(8 * BLOCK)
    assert list(torrent.check(storage)) == [0, 1, 2]


def test_a_disk_that_fails_here_and_there_is_wrong_here_and_there() -> None:
    torrent = Torrent({"a": 8 * BLOCK}, piece=BLOCK)

    def fail(piece: int, begin: int) -> None:
        if piece in (2, 5):
            raise StorageError("Input/output error")

    torrent.storage.on_read = fail
    assert set(torrent.check().missing()) == {2, 5}
