"""Files that are removed, cut, replaced or refused while FileStorage has them in use."""

from __future__ import annotations

import errno
import os
import shutil
import socket
import threading
from pathlib import Path
from typing import Callable

import pytest

from p2pd.base.errors import DiskFullError, FileRoomError, ReadOnlyError, StorageError
from p2pd.storage.checker import check_pieces
from p2pd.storage.file_storage import FileStorage
from p2pd.storage.open_files import OpenFiles
from p2pd.storage.verifier import PieceVerifier
from tests.storage.layouts import PIECE, folder, piece_of

FILES = {"a": 3 * PIECE, "b": 2 * PIECE, "none": 0}


@pytest.fixture
def stored(tmp_path: Path) -> tuple[FileStorage, bytes]:
    """All pieces written and on disk, their files open for reading and for writing."""
    storage, data = storage_at(tmp_path)
    for piece in range(storage.layout.piece_count):
        storage.write_piece(piece, piece_of(storage.layout, data, piece))
        storage.read(piece, 0, 1)
    storage.sync()
    return storage, data


def storage_at(root: Path, preallocation: str = "sparse") -> tuple[FileStorage, bytes]:
    _, layout, data = folder(FILES)
    storage = FileStorage(
        str(root), layout, OpenFiles(8), preallocation=preallocation, look_every=0.0
    )
    storage.prepare()
    return storage, data


def write(storage: FileStorage, data: bytes, piece: int) -> None:
    storage.write_piece(piece, piece_of(storage.layout, data, piece))


def test_a_removed_file_is_not_read_on_through_its_open_descriptor(
    stored: tuple[FileStorage, bytes], tmp_path: Path
) -> None:
    (tmp_path / "top/a").unlink()
    with pytest.raises(StorageError, match="top/a: No such file"):
        stored[0].read(0, 0, 10)
    assert 0 not in stored[0].with_data([0, 4])


def test_a_file_put_in_the_place_of_another_is_the_one_read(
    stored: tuple[FileStorage, bytes], tmp_path: Path
) -> None:
    (tmp_path / "new").write_bytes(b"n" * 3 * PIECE)
    os.replace(tmp_path / "new", tmp_path / "top/a")
    assert stored[0].read(0, 0, 4) == b"nnnn"


def test_an_open_file_is_trusted_for_a_while_but_never_by_a_sync(tmp_path: Path) -> None:
    _, layout, data = folder(FILES)
    storage = FileStorage(str(tmp_path), layout, OpenFiles(8), look_every=1000.0)
    storage.prepare()
    write(storage, data, 0)
    (tmp_path / "top/a").unlink()
    write(storage, data, 1)
    with pytest.raises(StorageError, match="top/a: the file was removed while it was in use"):
        storage.sync()


@pytest.mark.parametrize("closed", [False, True])
def test_a_removed_file_is_not_made_anew_with_holes(
    stored: tuple[FileStorage, bytes], tmp_path: Path, closed: bool
) -> None:
    storage, data = stored
    (tmp_path / "top/a").unlink()
    if closed:
        storage.close()
    for _ in range(2):
        with pytest.raises(StorageError, match="top/a: the file was removed while it was in use"):
            write(storage, data, 1)
    assert not (tmp_path / "top/a").exists()
    write(storage, data, 3)
    storage.file_states()
    write(storage, data, 1)
    assert (tmp_path / "top/a").exists()


@pytest.mark.parametrize("preallocation", ["none", "sparse", "full"])
@pytest.mark.parametrize("closed", [False, True])
def test_a_file_that_was_cut_is_not_written_to(
    tmp_path: Path, preallocation: str, closed: bool
) -> None:
    storage, data = storage_at(tmp_path, preallocation)
    write(storage, data, 1)
    os.truncate(tmp_path / "top/a", PIECE)
    if closed:
        storage.close()
    with pytest.raises(StorageError, match="top/a: the file became shorter while it was in use"):
        write(storage, data, 0)
    assert (tmp_path / "top/a").stat().st_size == PIECE


def test_a_file_removed_before_the_first_write_of_this_run_is_noticed(
    stored: tuple[FileStorage, bytes], tmp_path: Path
) -> None:
    later, data = storage_at(tmp_path)
    later.file_states()
    (tmp_path / "top/a").unlink()
    with pytest.raises(StorageError, match="was removed"):
        write(later, data, 0)


def test_an_empty_file_that_was_removed_is_made_again(
    stored: tuple[FileStorage, bytes], tmp_path: Path
) -> None:
    (tmp_path / "top/none").unlink()
    stored[0].prepare()
    assert (tmp_path / "top/none").read_bytes() == b""


def test_a_sync_tells_of_a_removed_file_once_and_syncs_the_others(
    stored: tuple[FileStorage, bytes], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    storage, data = stored
    for piece in (0, 3):
        write(storage, data, piece)
    (tmp_path / "top/a").unlink()
    synced = watch_syncs(monkeypatch)
    with pytest.raises(StorageError, match="top/a: the file was removed"):
        storage.sync()
    assert synced == [str(tmp_path / "top/b")]
    storage.sync()
    assert len(synced) == 1, "nothing was written since"
    assert not (tmp_path / "top/a").exists()


def test_a_failed_sync_is_tried_again_and_forgets_no_other_file(
    stored: tuple[FileStorage, bytes], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    storage, data = stored
    for piece in (0, 3):
        write(storage, data, piece)

    def broken(fd: int) -> None:
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    with monkeypatch.context() as patch:
        patch.setattr(os, "fdatasync", broken)
        with pytest.raises(StorageError, match="top/a: Input/output error"):
            storage.sync()
    synced = watch_syncs(monkeypatch)
    storage.sync()
    assert synced == [str(tmp_path / "top/a"), str(tmp_path / "top/b")]


def test_the_names_of_new_files_are_synced_once_from_the_bottom_to_the_top(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    storage, data = storage_at(tmp_path)
    synced: list[str] = []
    monkeypatch.setattr(os, "fsync", lambda fd: synced.append(os.readlink(f"/proc/self/fd/{fd}")))
    for piece in range(4):
        write(storage, data, piece)
    storage.sync()
    assert synced[:2] == [str(tmp_path), str(tmp_path / "top")]
    assert synced[2:] == [str(folder) for folder in tmp_path.parents]
    write(storage, data, 1)
    storage.sync()
    assert len(synced) == 2 + len(tmp_path.parents), "nothing new was made since"


def test_a_folder_that_cannot_be_synced_fails_the_sync_until_it_can(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    storage, data = storage_at(tmp_path)
    write(storage, data, 0)

    def broken(fd: int) -> None:
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", broken)
        for _ in range(2):
            with pytest.raises(StorageError, match="Input/output error"):
                storage.sync()
    storage.sync()


def test_a_second_sync_waits_for_the_first(
    stored: tuple[FileStorage, bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    """What it has nothing left to do for, the first one may not have done yet."""
    storage, data = stored
    write(storage, data, 0)
    syncing, go_on = threading.Event(), threading.Event()

    def slow(fd: int) -> None:
        syncing.set()
        assert go_on.wait(10)

    monkeypatch.setattr(os, "fdatasync", slow)
    first = threading.Thread(target=storage.sync)
    second = threading.Thread(target=storage.sync)
    first.start()
    assert syncing.wait(10)
    second.start()
    second.join(0.05)
    assert second.is_alive()
    go_on.set()
    first.join(10)
    second.join(10)
    assert not second.is_alive()


def test_what_a_check_finds_is_synced_for_who_wrote_it_may_have_been_killed(
    stored: tuple[FileStorage, bytes], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else a power cut could take what was recorded by then."""
    metainfo, layout, _ = folder(FILES)
    later = FileStorage(str(tmp_path), layout, OpenFiles(8))
    os.truncate(tmp_path / "top/b", PIECE - 1)
    verifier = PieceVerifier(metainfo, layout)
    assert list(check_pieces(later, verifier, layout, [1, 2, 3])) == [1, 2]
    synced = watch_syncs(monkeypatch)
    folders: list[str] = []
    monkeypatch.setattr(os, "fsync", lambda fd: folders.append(os.readlink(f"/proc/self/fd/{fd}")))
    later.sync()
    assert synced == [str(tmp_path / "top/a")]
    assert folders[:2] == [str(tmp_path), str(tmp_path / "top")]
    later.sync()
    assert len(synced) == 1, "once is enough"


def test_what_is_found_need_not_be_ours_to_write(
    stored: tuple[FileStorage, bytes], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    storage, _ = stored
    storage.close()
    flags: list[int] = []
    plain_open = os.open

    def watched(path: str, how: int, *more: int, **where: int) -> int:
        flags.append(how)
        return plain_open(path, how, *more, **where)

    monkeypatch.setattr(os, "open", watched)
    storage.found([0, 3])
    storage.sync()
    assert not any(how & (os.O_RDWR | os.O_WRONLY) for how in flags)

    def read_only(fd: int) -> None:
        raise OSError(errno.EROFS, os.strerror(errno.EROFS))

    monkeypatch.setattr(os, "fdatasync", read_only)
    storage.found([0])
    storage.sync()


def test_a_found_file_that_could_not_be_synced_is_tried_again(
    stored: tuple[FileStorage, bytes], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    storage, _ = stored
    storage.found([0])

    def broken(fd: int) -> None:
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    with monkeypatch.context() as patch:
        patch.setattr(os, "fdatasync", broken)
        with pytest.raises(StorageError, match="top/a: Input/output error"):
            storage.sync()
    synced = watch_syncs(monkeypatch)
    storage.sync()
    assert synced == [str(tmp_path / "top/a")]


def watch_syncs(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    synced: list[str] = []
    monkeypatch.setattr(
        os, "fdatasync", lambda fd: synced.append(os.readlink(f"/proc/self/fd/{fd}"))
    )
    return synced


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EIO, errno.EDQUOT, errno.EACCES])
def test_whatever_the_disk_refuses_names_the_file_and_the_reason(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    storage, data = storage_at(tmp_path, "full")

    def refuse(*_: object) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(os, "posix_fallocate", refuse)
    with pytest.raises(StorageError, match=f"top/a: {os.strerror(number)}") as caught:
        write(storage, data, 0)
    assert isinstance(caught.value, DiskFullError) == (number in (errno.ENOSPC, errno.EDQUOT))


def test_where_nothing_can_be_allocated_in_advance_a_hole_does(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    storage, data = storage_at(tmp_path, "full")

    def unknown(*_: object) -> None:
        raise OSError(errno.EOPNOTSUPP, "")

    monkeypatch.setattr(os, "posix_fallocate", unknown)
    write(storage, data, 1)
    assert (tmp_path / "top/a").stat().st_size == 3 * PIECE


def test_a_disk_that_takes_no_bytes_does_not_hold_the_thread(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    storage, data = storage_at(tmp_path)
    monkeypatch.setattr(os, "pwrite", lambda *_: 0)
    with pytest.raises(StorageError, match="takes no more bytes"):
        write(storage, data, 0)


def link(path: Path) -> None:
    path.symlink_to("/etc/hostname")


def bound_socket(path: Path) -> None:
    here = os.getcwd()
    os.chdir(path.parent)  # a socket's path has a short limit
    try:
        with socket.socket(socket.AF_UNIX) as made:
            made.bind(path.name)
    finally:
        os.chdir(here)


@pytest.mark.parametrize(
    ("plant", "words"),
    [(link, "symbolic link"), (bound_socket, "not a regular file"), (Path.mkdir, "a folder")],
)
def test_what_is_no_regular_file_is_refused_in_words_and_never_removed(
    tmp_path: Path, plant: Callable[[Path], None], words: str
) -> None:
    (tmp_path / "top").mkdir()
    plant(tmp_path / "top/a")
    storage, data = storage_at(tmp_path)
    with pytest.raises(StorageError, match=f"top/a: .*{words}"):
        write(storage, data, 0)
    assert storage.file_states()[0] is None or words == "symbolic link"
    storage.delete_files()
    assert os.path.lexists(tmp_path / "top/a")


def test_deleting_goes_on_after_a_file_that_cannot_be_removed(
    stored: tuple[FileStorage, bytes], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    unlink = os.unlink

    def refuse_a(path: str, *, dir_fd: int) -> None:
        if path == "a":
            raise PermissionError(errno.EACCES, "Permission denied")
        unlink(path, dir_fd=dir_fd)

    monkeypatch.setattr(os, "unlink", refuse_a)
    with pytest.raises(StorageError, match="top/a: Permission denied"):
        stored[0].delete_files()
    assert os.listdir(tmp_path / "top") == ["a"]


def test_deleting_never_reaches_through_a_link(
    stored: tuple[FileStorage, bytes], tmp_path: Path
) -> None:
    os.rename(tmp_path / "top", tmp_path / "elsewhere")
    (tmp_path / "top").symlink_to(tmp_path / "elsewhere")
    stored[0].delete_files()
    assert sorted(os.listdir(tmp_path / "elsewhere")) == ["a", "b", "none"]


def test_the_device_is_known_before_the_folder_is_made(tmp_path: Path) -> None:
    _, layout, _ = folder(FILES)
    here = os.stat(tmp_path).st_dev
    for root in (tmp_path, tmp_path / "not" / "yet", "/proc/self"):
        storage = FileStorage(str(root), layout, OpenFiles(8))
        assert storage.device() == (os.stat(root).st_dev if root == "/proc/self" else here)
    os.symlink("loop", tmp_path / "loop")
    (tmp_path / "file").write_bytes(b"")
    for root in (tmp_path / "loop" / "x", tmp_path / "file" / "x"):
        assert FileStorage(str(root), layout, OpenFiles(8)).device() == here
    with pytest.raises(StorageError, match="File name too long"):
        FileStorage(str(tmp_path / ("n" * 300)), layout, OpenFiles(8)).device()


def test_a_check_looks_at_what_is_there_now(tmp_path: Path) -> None:
    metainfo, layout, data = folder(FILES)
    storage = FileStorage(str(tmp_path), layout, OpenFiles(8), look_every=0.0)
    for piece in range(layout.piece_count):
        write(storage, data, piece)
        storage.read(piece, 0, 1)
    os.rename(tmp_path / "top/a", tmp_path / "kept elsewhere")
    right = check_pieces(
        storage, PieceVerifier(metainfo, layout), layout, range(layout.piece_count)
    )
    assert list(right) == [3, 4]
    write(storage, data, 0)
    assert storage.read(0, 0, PIECE) == data[:PIECE]


def test_descriptors_survive_many_threads_in_a_small_set(tmp_path: Path) -> None:
    _, layout, data = folder({f"f{number}": 2 * PIECE for number in range(12)})
    storage = FileStorage(str(tmp_path), layout, OpenFiles(2), look_every=0.0)
    before = len(os.listdir("/proc/self/fd"))
    wrong: list[object] = []

    def work(first: int) -> None:
        try:
            for piece in range(first, layout.piece_count, 4):
                write(storage, data, piece)
                if storage.read(piece, 0, PIECE) != piece_of(layout, data, piece):
                    wrong.append(piece)
        except StorageError as problem:
            wrong.append(problem)

    threads = [threading.Thread(target=work, args=(first,)) for first in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    storage.sync()
    storage.close()
    assert wrong == []
    assert len(os.listdir("/proc/self/fd")) == before


def test_only_files_of_pieces_that_were_written_are_made(tmp_path: Path) -> None:
    storage, data = storage_at(tmp_path)
    write(storage, data, 3)
    assert sorted(os.listdir(tmp_path / "top")) == ["b", "none"]


def test_what_was_written_is_synced_when_nothing_can_be_opened_to_write_any_more(
    stored: tuple[FileStorage, bytes], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As after a volume was made read only, and its files were closed for others."""
    storage, data = stored
    write(storage, data, 0)

    def refuse(index: int, *, look: bool = False) -> None:
        raise ReadOnlyError("top/a: Read-only file system")

    monkeypatch.setattr(storage._handles, "to_write", refuse)
    synced = watch_syncs(monkeypatch)
    storage.sync()
    assert str(tmp_path / "top/a") in synced


def test_a_file_is_allocated_only_if_enough_is_left_free(tmp_path: Path) -> None:
    _, layout, data = folder(FILES)
    free = shutil.disk_usage(tmp_path).free
    kept = [2 * free]
    storage = FileStorage(
        str(tmp_path), layout, OpenFiles(8), preallocation="full", keep_free=lambda: kept[0]
    )
    storage.prepare()
    size = layout.files[0].length
    with pytest.raises(FileRoomError, match=f"top/a: No space left on device for its {size} bytes"):
        write(storage, data, 0)
    assert not storage.allocated([0])
    kept[0] = 0
    write(storage, data, 0)
    assert storage.allocated([0])
    assert not storage.allocated([0, 1])
