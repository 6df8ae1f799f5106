"""Opening files below a folder without ever leaving it.

Every component below the folder is opened relative to the one before and never through a symbolic
link, so that neither a hostile torrent nor a link planted in the download folder leads outside.
The folder itself is the user's choice and may be a link.
"""

from __future__ import annotations

import contextlib
import errno
import os
import stat
from typing import Iterable, Sequence

from p2pd.base.errors import DiskFullError, StorageError

_DIRECTORY = os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC
_FILE = os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK

# What the system calls these says nothing about the file to whoever did not write the code here.
_WORDS = {
    errno.ELOOP: "it is a symbolic link, which is not followed",
    errno.ENOTDIR: "a symbolic link or a file is where a folder should be",
    errno.EISDIR: "it is a folder, not a regular file",
    errno.ENXIO: "it is not a regular file",
}

_FULL = (errno.ENOSPC, errno.EDQUOT)

NOTHING_TO_SYNC = (errno.EINVAL, errno.EBADF, errno.ENOTSUP, errno.EROFS)
"""What file systems answer that have nothing to sync of a folder, or of anything."""


def storage_error(path: str, problem: OSError) -> StorageError:
    """The problem as a sentence that names the file."""
    words = _WORDS.get(problem.errno or 0) or problem.strerror or str(problem)
    kind = DiskFullError if problem.errno in _FULL else StorageError
    return kind(f"{path}: {words}")


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


def sync_names(root: str, folders: Iterable[tuple[str, ...]]) -> None:
    """Bring the names in these folders below `root` to the disk itself, and `root`'s own.

    A file that was synced is lost all the same when its name is not. Raises OSError.
    """
    for parts in sorted(set(folders)):
        _sync_folder(open_folder(root, parts, create=False))
    above = os.path.dirname(os.path.abspath(root))
    while True:
        with contextlib.suppress(PermissionError):  # then it was not us who made what is in it
            _sync_folder(os.open(above, _DIRECTORY))
        if above == os.path.dirname(above):
            return
        above = os.path.dirname(above)


def _sync_folder(fd: int) -> None:
    try:
        os.fsync(fd)
    except OSError as problem:
        if problem.errno not in NOTHING_TO_SYNC:
            raise
    finally:
        os.close(fd)


def open_file(
    root: str,
    path: Sequence[str],
    *,
    write: bool = False,
    create: bool = False,
    executable: bool = False,
) -> int:
    """A descriptor of the regular file `path` below `root`, for reading, and for writing if asked.

    `create` makes it and its folders where they are not there. Raises StorageError, which names
    the file: also for a link or anything but a regular file.
    """
    shown = os.path.join(root, *path)
    try:
        folder = open_folder(root, path[:-1], create=create)
        try:
            flags = _FILE | (os.O_RDWR if write else os.O_RDONLY) | (os.O_CREAT if create else 0)
            fd = os.open(path[-1], flags, 0o777 if executable else 0o666, dir_fd=folder)
        finally:
            os.close(folder)
    except OSError as problem:
        raise storage_error(shown, problem) from None
    if not stat.S_ISREG(os.fstat(fd).st_mode):
        os.close(fd)
        raise StorageError(f"{shown}: it is not a regular file")
    return fd
