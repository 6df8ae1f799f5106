"""Files that are whole or not there at all, and names that are on the disk itself."""

from __future__ import annotations

import ctypes
import os
import shutil
from collections.abc import Mapping

from p2pd.base.errors import StateError

TOGETHER = 32
"""Files from which on all of a file system is brought to the disk at once: that takes as long as a
few of them, one after the other, and what others wrote there has to go to the disk anyway."""

_NEW = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW | os.O_CLOEXEC


def write_whole(path: str, data: bytes) -> None:
    """Put this file in the place of what is there, for its owner alone. Raises OSError.

    Its bytes are on the disk itself before its name is; for the name see `sync_folder`.
    """
    _write_new(path, data, sync=True)
    os.replace(f"{path}.new", path)


def write_together(files: Mapping[str, bytes]) -> None:
    """The same of files by their paths, all on one file system. Raises OSError.

    The bytes of all are on the disk itself before the first one has its name.
    """
    sync_all = len(files) >= TOGETHER and _has_syncfs()
    for path, data in files.items():
        _write_new(path, data, sync=not sync_all)
    if sync_all:
        sync_file_system(os.path.dirname(next(iter(files))))
    for path in files:
        os.replace(f"{path}.new", path)


def _write_new(path: str, data: bytes, *, sync: bool) -> None:
    with open(os.open(f"{path}.new", _NEW, 0o600), "wb") as file:
        file.write(data)
        file.flush()
        if sync:
            os.fsync(file.fileno())


def read_at_most(path: str, most: int) -> bytes:
    """So many bytes of a file at most; never by way of a symbolic link. Raises OSError."""
    with open(os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC), "rb") as file:
        return file.read(most)


def remove_folder(path: str) -> None:
    """With all that is in it; it may be gone already. Raises StateError."""
    try:
        shutil.rmtree(path)
    except FileNotFoundError:
        return
    except OSError as problem:
        raise StateError(f"{problem.filename}: {problem.strerror}") from None


def sync_file(path: str) -> None:
    """Bring a file's bytes to the disk itself."""
    file = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(file)
    finally:
        os.close(file)


def sync_folder(path: str) -> None:
    """Bring the names of a folder to the disk itself: a new file is lost without its name."""
    folder = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def sync_file_system(path: str) -> None:
    """Bring all that was written to the file system of a folder to the disk itself (syncfs(2)).

    Linux says since 5.8 whether something of it could not be written. Raises OSError.
    """
    folder = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        if _LIBC.syncfs(folder):
            problem = ctypes.get_errno()
            raise OSError(problem, os.strerror(problem), path)
    finally:
        os.close(folder)


def _has_syncfs() -> bool:
    return hasattr(_LIBC, "syncfs")


_LIBC = ctypes.CDLL(None, use_errno=True)
