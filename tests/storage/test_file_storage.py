"""FileStorage on a real folder: reading, writing, holes, hostile links, faults."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from p2pd.base.errors import StorageError
from p2pd.base.requests import Request
from p2pd.storage.file_storage import FileStorage
from p2pd.storage.open_files import OpenFiles
from tests.storage.layouts import PIECE, folder, piece_of

FILES = {"a": 40_000, "sub/b": 3, "sub/empty": 0, "sub/deep/c": 30_000}


def storage_at(
    root: Path, preallocation: str = "sparse", **files: int
) -> tuple[FileStorage, bytes]:
    _, layout, data = folder(dict(files) or FILES)
    return FileStorage(str(root), layout, OpenFiles(4), preallocation=preallocation), data


def write_all(storage: FileStorage, data: bytes) -> None:
    storage.prepare()
    for piece in range(storage.layout.piece_count):
        storage.write_piece(piece, piece_of(storage.layout, data, piece))


@pytest.mark.parametrize("preallocation", ["none", "sparse", "full"])
def test_what_is_written_is_in_the_files_and_reads_back(tmp_path: Path, preallocation: str) -> None:
    storage, data = storage_at(tmp_path, preallocation)
    write_all(storage, data)
    storage.sync()
    assert (tmp_path / "top/a").read_bytes() == data[:40_000]
    assert (tmp_path / "top/sub/b").read_bytes() == data[40_000:40_003]
    assert (tmp_path / "top/sub/empty").read_bytes() == b""
    assert (tmp_path / "top/sub/deep/c").read_bytes() == data[40_003:]
    for piece in range(storage.layout.piece_count):
        size = storage.layout.piece_size(piece)
        assert storage.read(piece, 0, size) == piece_of(storage.layout, data, piece)


def test_neighbouring_requests_are_answered_in_order(tmp_path: Path) -> None:
    storage, data = storage_at(tmp_path)
    write_all(storage, data)
    asked = [Request(0, 0, 100), Request(0, 100, 50), Request(2, 5, 9), Request(0, 0, 1)]
    whole = [bytes(block) for block in storage.read_many(asked)]
    assert whole == [data[:100], data[100:150], data[2 * PIECE + 5 :][:9], data[:1]]


@given(st.data())
def test_any_range_reads_what_was_written(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    root = tmp_path_factory.getbasetemp() / "any-range"
    storage, content = storage_at(root)
    if not root.exists():
        write_all(storage, content)
    piece = data.draw(st.integers(0, storage.layout.piece_count - 1))
    size = storage.layout.piece_size(piece)
    begin = data.draw(st.integers(0, size))
    length = data.draw(st.integers(0, size - begin))
    assert (
        storage.read(piece, begin, length)
        == piece_of(storage.layout, content, piece)[begin:][:length]
    )


def test_holes_hold_nothing_and_data_does(tmp_path: Path) -> None:
    storage, data = storage_at(tmp_path, a=64 * PIECE)
    every = range(storage.layout.piece_count)
    assert storage.with_data(every) == []
    storage.write_piece(3, piece_of(storage.layout, data, 3))
    storage.write_piece(60, piece_of(storage.layout, data, 60))
    assert storage.with_data(every) == [3, 60]
    assert storage.with_data([2, 3, 4]) == [3]
    assert storage.with_data([]) == []
    write_all(storage, data)
    assert storage.with_data(every) == list(every)


@given(written=st.sets(st.integers(0, 11)), asked=st.sets(st.integers(0, 11)))
def test_data_is_found_where_it_was_written(
    tmp_path_factory: pytest.TempPathFactory, written: set[int], asked: set[int]
) -> None:
    files = {"a": 4 * PIECE, "b": PIECE // 2, "c": 3 * PIECE + PIECE // 2, "d": 4 * PIECE}
    storage, data = storage_at(tmp_path_factory.mktemp("holes"), **files)
    for piece in written:
        storage.write_piece(piece, piece_of(storage.layout, data, piece))
    assert storage.with_data(sorted(asked)) == sorted(written & asked)


@pytest.mark.parametrize(("problem", "found"), [(errno.EINVAL, [0, 1]), (errno.EIO, [])])
def test_where_holes_cannot_be_told_there_may_be_data(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, problem: int, found: list[int]
) -> None:
    def refuse(fd: int, offset: int, how: int) -> int:
        raise OSError(problem, os.strerror(problem))

    storage, data = storage_at(tmp_path)
    storage.write_piece(0, piece_of(storage.layout, data, 0))
    monkeypatch.setattr(os, "lseek", refuse)
    assert storage.with_data([0, 1]) == found


def test_a_missing_and_a_short_file_are_errors_with_their_name(tmp_path: Path) -> None:
    storage, data = storage_at(tmp_path)
    with pytest.raises(StorageError, match=r"top/a: No such file"):
        storage.read(0, 0, 10)
    write_all(storage, data)
    storage.close()
    os.truncate(tmp_path / "top/a", 100)
    with pytest.raises(StorageError, match=r"top/a: the file is shorter"):
        storage.read(0, 0, PIECE)


@pytest.mark.parametrize("link", ["top", "top/sub", "top/a"])
def test_a_link_in_the_way_never_leads_outside(tmp_path: Path, link: str) -> None:
    outside = tmp_path / "outside"
    (outside / "deep").mkdir(parents=True)
    root = tmp_path / "downloads"
    (root / link).parent.mkdir(parents=True, exist_ok=True)
    (root / link).symlink_to(outside)
    storage, data = storage_at(root)
    with pytest.raises(StorageError):
        write_all(storage, data)
    assert sorted(os.listdir(outside)) == ["deep"]
    assert os.listdir(outside / "deep") == []


def test_a_folder_or_a_pipe_where_a_file_should_be_is_refused(tmp_path: Path) -> None:
    storage, data = storage_at(tmp_path)
    (tmp_path / "top/a").mkdir(parents=True)
    with pytest.raises(StorageError, match="top/a"):
        write_all(storage, data)
    (tmp_path / "top/a").rmdir()
    os.mkfifo(tmp_path / "top/a")
    with pytest.raises(StorageError, match="not a regular file"):
        write_all(storage, data)


def test_a_full_disk_is_an_error_with_words(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    storage, data = storage_at(tmp_path)

    def full(*_: object) -> int:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "pwrite", full)
    with pytest.raises(StorageError, match="top/a: No space left on device"):
        storage.write_piece(0, piece_of(storage.layout, data, 0))


def test_short_writes_and_reads_are_finished(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    storage, data = storage_at(tmp_path)
    pwrite, pread = os.pwrite, os.pread
    monkeypatch.setattr(os, "pwrite", lambda fd, buffer, at: pwrite(fd, buffer[:999], at))
    monkeypatch.setattr(os, "pread", lambda fd, size, at: pread(fd, min(size, 777), at))
    write_all(storage, data)
    assert storage.read(1, 0, PIECE) == piece_of(storage.layout, data, 1)


def test_deleting_leaves_other_peoples_files(tmp_path: Path) -> None:
    storage, data = storage_at(tmp_path)
    write_all(storage, data)
    (tmp_path / "top/sub/mine").write_text("keep me")
    storage.delete_files()
    assert [str(p.relative_to(tmp_path)) for p in tmp_path.rglob("*") if p.is_file()] == [
        "top/sub/mine"
    ]
    assert not (tmp_path / "top/sub/deep").exists()


def test_open_files_stay_within_their_bound(tmp_path: Path) -> None:
    files = {f"f{n}": PIECE for n in range(20)}
    _, layout, data = folder(files)
    open_files = OpenFiles(3)
    storage = FileStorage(str(tmp_path), layout, open_files)
    before = len(os.listdir("/proc/self/fd"))
    write_all(storage, data)
    assert len(open_files) <= 3
    assert len(os.listdir("/proc/self/fd")) <= before + 3
    storage.close()
    assert len(os.listdir("/proc/self/fd")) == before


def test_states_tell_size_and_change(tmp_path: Path) -> None:
    storage, data = storage_at(tmp_path)
    assert storage.file_states() == [None, None, None, None]
    write_all(storage, data)
    first = storage.file_states()
    assert [state.size if state else None for state in first] == [40_000, 3, 0, 30_000]
    os.utime(tmp_path / "top/a", ns=(1, 1))
    assert storage.file_states()[0] != first[0]
    assert storage.file_states()[1:] == first[1:]
