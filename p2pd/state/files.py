"""Files that are whole or not there at all, and names that are on the disk itself."""

from __future__ import annotations

import os
import shutil

from p2pd.base.errors import StateError

_NEW = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW | os.O_CLOEXEC


def write_whole(path: str, data: bytes) -> None:
    """Put this file in the place of what is there, for its owner alone. Raises OSError.

    Its bytes are on the disk itself before its name is; for the name see `sync_folder`.
    """
    new = f"{path}.new"
    with open(os.open(new, _NEW, 0o600), "wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    os.replace(new, path)


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
