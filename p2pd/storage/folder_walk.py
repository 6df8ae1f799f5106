"""Opening files below a folder without ever leaving it.

Every component below the folder is opened relative to the one before and never through a symbolic
link, so that neither a hostile torrent nor a link planted in the download folder leads outside.
The folder itself is the user's choice and may be a link.
"""

from __future__ import annotations

import contextlib
import os
import stat
from typing import Sequence

from p2pd.base.errors import StorageError

_DIRECTORY = os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC
_FILE = os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK


def storage_error(path: str, problem: OSError) -> StorageError:
    """The problem as a sentence that names the file."""
    return StorageError(f"{path}: {problem.strerror or problem}")


def open_folder(root: str, parts: Sequence[str], *, create: bool) -> int:
    """A descriptor of the folder `parts` below `root`. Raises OSError; close it."""
    if create:
        os.makedirs(root, exist_ok=True)
    current = os.open(root, _DIRECTORY)
    try:
        for part in parts:
            if create:
                with contextlib.suppress(FileExistsError):
                    os.mkdir(part, dir_fd=current)
            following = os.open(part, _DIRECTORY | os.O_NOFOLLOW, dir_fd=current)
            os.close(current)
            current = following
    except BaseException:
        os.close(current)
        raise
    return current


def open_file(root: str, path: Sequence[str], *, create: bool, executable: bool = False) -> int:
    """A descriptor of the regular file `path` below `root`, for reading, or both if `create`.

    Raises StorageError, which names the file: also for a link or anything but a regular file.
    """
    shown = os.path.join(root, *path)
    try:
        folder = open_folder(root, path[:-1], create=create)
        try:
            fd = _open_in(folder, path[-1], create=create, executable=executable)
        finally:
            os.close(folder)
    except OSError as problem:
        raise storage_error(shown, problem) from None
    if not stat.S_ISREG(os.fstat(fd).st_mode):
        os.close(fd)
        raise StorageError(f"{shown}: it is not a regular file")
    return fd


def _open_in(folder: int, name: str, *, create: bool, executable: bool) -> int:
    if not create:
        return os.open(name, os.O_RDONLY | _FILE, dir_fd=folder)
    mode = 0o777 if executable else 0o666
    return os.open(name, os.O_RDWR | os.O_CREAT | _FILE, mode, dir_fd=folder)
