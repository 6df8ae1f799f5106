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

from p2pd.base.errors import (
    DiskFaultError,
    DiskFullError,
    MissingError,
    ReadOnlyError,
    StorageError,
)

_DIRECTORY = os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC
_FILE = os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK

# What the system calls these says nothing about the file to whoever did not write the code here.
_WORDS = {
    errno.ELOOP: "it is a symbolic link, which is not followed",
    errno.ENOTDIR: "a symbolic link or a file is where a folder should be",
    errno.EISDIR: "it is a folder, not a regular file",
    errno.ENXIO: "it is not a regular file",
}

_KINDS: dict[int, type[StorageError]] = {
    errno.ENOSPC: DiskFullError,
    errno.EDQUOT: DiskFullError,
    errno.EROFS: ReadOnlyError,
    errno.EIO: DiskFaultError,
    errno.ETIMEDOUT: DiskFaultError,
    errno.EREMOTEIO: DiskFaultError,
    errno.ENOMEM: DiskFaultError,
    errno.EAGAIN: DiskFaultError,
    errno.ENODEV: MissingError,
    errno.ENXIO: MissingError,
    errno.ENOTCONN: MissingError,
    errno.ESTALE: MissingError,
    errno.ESHUTDOWN: MissingError,
    errno.EHOSTDOWN: MissingError,
}
"""What may be otherwise later."""

RootId = tuple[int, int]
"""Device and inode of a download folder."""

NOT_OURS = (errno.ENOENT, errno.ENOTDIR, errno.ELOOP)
"""Nothing is there, or it lies behind a link: nothing that we could have made."""

NOTHING_TO_SYNC = (errno.EINVAL, errno.EBADF, errno.ENOTSUP, errno.EROFS)
"""What file systems answer that have nothing to sync of a folder, or of anything."""


def storage_error(path: str, problem: OSError) -> StorageError:
    """The problem as a sentence that names the file."""
    if isinstance(problem, StorageError):
        return problem
    words = _WORDS.get(problem.errno or 0) or problem.strerror or str(problem)
    kind = _KINDS.get(problem.errno or 0, StorageError)
    return kind(f"{path}: {words}")


def make_root(root: str) -> RootId:
    """Make the download folder if it is not there. Raises OSError."""
    os.makedirs(root, exist_ok=True)
    found = os.stat(root)
    return found.st_dev, found.st_ino


def is_root(root: str, known: RootId | None) -> bool:
    """Whether the known download folder is at its path."""
    if known is None:
        return False
    try:
        current = os.open(root, _DIRECTORY)
    except OSError:
        return False
    try:
        return not _is_another(current, known)
    except OSError:
        return False
    finally:
        os.close(current)


def device_of(root: str) -> int:
    """The device of a folder, or of where it will be made. Raises StorageError."""
    folder = os.path.abspath(root)
    while True:
        try:
            return os.stat(folder).st_dev
        except OSError as problem:
            above = os.path.dirname(folder)
            if problem.errno not in NOT_OURS or above == folder:
                raise storage_error(folder, problem) from None
            folder = above


def open_folder(
    root: str, parts: Sequence[str], *, create: bool, known: RootId | None = None
) -> int:
    """A descriptor of the folder `parts` below `root`. Raises OSError; close it.

    `create` makes the parts that are not there, never the root; and nothing if the root is not the
    `known` one, but what is seen when that was unmounted.
    """
    current = os.open(root, _DIRECTORY)
    try:
        if create and known is not None and _is_another(current, known):
            raise MissingError(f"{root}: the volume that was there is not there any more")
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


def _is_another(fd: int, known: RootId) -> bool:
    """Whether a root is not the known one.

    Some file systems change inodes behind one's back; what a volume was mounted on is empty.
    """
    found = os.fstat(fd)
    if found.st_dev != known[0]:
        return True
    return found.st_ino != known[1] and not os.listdir(fd)


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
    known: RootId | None = None,
) -> int:
    """A descriptor of the regular file `path` below `root`, for reading, and for writing if asked.

    `create` makes it and its folders where they are not there, see `open_folder` for `known`.
    Raises StorageError, which names the file: also for a link or anything but a regular file.
    """
    shown = os.path.join(root, *path)
    try:
        folder = open_folder(root, path[:-1], create=create, known=known)
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
