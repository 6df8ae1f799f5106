"""Volumes that go from under a download folder: nothing is made where they were."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest

from p2pd.base.errors import (
    DiskFaultError,
    DiskFullError,
    MissingError,
    ReadOnlyError,
    StorageError,
)
from p2pd.storage.file_storage import FileStorage
from p2pd.storage.folder_walk import storage_error
from p2pd.storage.open_files import OpenFiles
from p2pd.storage.volumes import volume_state
from tests.storage.layouts import PIECE, folder, piece_of

FILES = {"a": 3 * PIECE, "b": 2 * PIECE, "none": 0}


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """The download folder."""
    return tmp_path / "volume"


@pytest.fixture
def storage(root: Path) -> FileStorage:
    """Of a torrent of which the first file is there."""
    _, layout, data = folder(FILES)
    made = FileStorage(str(root), layout, OpenFiles(8), look_every=0.0)
    made.prepare()
    made.write_piece(0, piece_of(layout, data, 0))
    return made


def unmount(root: Path) -> None:
    """What is seen then: an empty folder where the volume was."""
    os.rename(root, root.with_name("elsewhere"))
    root.mkdir()


def test_no_file_is_made_below_a_mount_point_without_its_volume(
    storage: FileStorage, root: Path
) -> None:
    unmount(root)
    piece = bytes(PIECE)
    with pytest.raises(MissingError, match="volume that was there is not there any more"):
        storage.write_piece(3, piece)
    storage.close()
    with pytest.raises(StorageError, match="was removed"):
        storage.write_piece(1, piece)
    assert list(root.iterdir()) == []


def test_a_download_folder_that_is_gone_is_not_made_by_a_write(
    storage: FileStorage, root: Path
) -> None:
    unmount(root)
    root.rmdir()
    with pytest.raises(StorageError, match="No such file"):
        storage.write_piece(3, bytes(PIECE))
    assert not root.exists()
    storage.prepare()
    storage.write_piece(3, bytes(PIECE))
    assert (root / "top/b").exists()


def test_a_folder_that_only_changed_its_inode_is_the_same(storage: FileStorage, root: Path) -> None:
    """As file systems in user space do."""
    unmount(root)
    (root / "something").touch()
    storage.write_piece(3, bytes(PIECE))
    assert (root / "top/b").exists()


def test_files_are_there_with_their_bytes_or_it_is_said_why_not(
    storage: FileStorage, root: Path
) -> None:
    assert storage.presence([(0, PIECE)]) == (1, 1, "")
    seen = storage.presence([(0, 4 * PIECE), (1, 1)])
    assert seen == (2, 0, f"{root}/top/a: the file is shorter than it should be")
    assert storage.presence([(0, 1), (1, 1)]) == (2, 1, f"{root}/top/b: No such file or directory")
    unmount(root)
    assert storage.presence([(0, 1)]) == (1, 0, f"{root}/top/a: No such file or directory")


def test_a_file_that_holds_nothing_needs_no_writing_when_it_is_there(
    storage: FileStorage, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A torrent on a volume that is read only can be seeded."""
    monkeypatch.setattr(storage._handles, "make", lambda index: pytest.fail("it is there"))
    storage.prepare()


def test_a_volume_says_what_it_is(tmp_path: Path) -> None:
    state, found = volume_state(str(tmp_path)), tmp_path.stat()
    assert state.root == (found.st_dev, found.st_ino)
    assert not state.read_only
    assert state.free > 0
    with pytest.raises(MissingError, match="none: No such file or directory"):
        volume_state(str(tmp_path / "none"))


@pytest.mark.parametrize(
    ("number", "kind"),
    [
        (errno.ENOSPC, DiskFullError),
        (errno.EROFS, ReadOnlyError),
        (errno.EIO, DiskFaultError),
        (errno.ESTALE, MissingError),
        (errno.EACCES, StorageError),
    ],
)
def test_what_the_disk_says_has_a_kind(number: int, kind: type[StorageError]) -> None:
    problem = storage_error("/x", OSError(number, os.strerror(number)))
    assert type(problem) is kind
    assert str(problem) == f"/x: {os.strerror(number)}"
    assert storage_error("/y", problem) is problem


def test_a_file_that_nobody_can_look_at_is_not_taken_for_one_that_is_gone(
    storage: FileStorage, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(path: str, **more: object) -> None:
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    monkeypatch.setattr(os, "stat", fails)
    with pytest.raises(DiskFaultError, match="top/a: Input/output error"):
        storage.file_states()
