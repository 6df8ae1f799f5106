"""Other names for files and folders below a download folder, one change of the disk for each.

Nothing is ever replaced, and no symbolic link is followed. Everything here blocks.
"""

from __future__ import annotations

import ctypes
import errno
import os
from contextlib import contextmanager, suppress
from typing import Iterator

from p2pd.base.errors import StorageError
from p2pd.formats.safe_paths import Path
from p2pd.storage.folder_walk import NOT_OURS, NOTHING_TO_SYNC, open_folder, storage_error

_RENAME = getattr(ctypes.CDLL(None, use_errno=True), "renameat2", None)
_NO_REPLACE = 1
"""RENAME_NOREPLACE of renameat2(2), which Python does not have."""

_UNKNOWN = (errno.ENOSYS, errno.EINVAL, errno.EOPNOTSUPP)
"""Of kernels and file systems that cannot be asked not to replace."""


def rename_entry(root: str, old: Path, new: Path, *, sync: bool = True) -> bool:
    """Rename a file or folder; False if it is not there. Raises StorageError, if `new` is, too.

    Both are in one folder. With `sync` the disk itself has the new name when this returns.
    """
    try:
        with _folder(root, old) as folder:
            if not _is_there(folder, new):
                if not _is_there(folder, old):
                    return False
                rename_in(folder, old[-1], new[-1], sync=sync)
                return True
    except OSError as problem:
        if problem.errno in NOT_OURS:
            return False
        if problem.errno != errno.EEXIST:
            raise storage_error(os.path.join(root, *old), problem) from None
    raise StorageError(f"{os.path.join(root, *new)} is there already")


def end_rename(root: str, old: Path, new: Path, *, had: bool) -> bool | None:
    """Bring a rename to its end that a kill cut off: whether it has the new name then.

    None if that cannot be said, since neither name is there and `had`: it should be. Where the
    disk does not let it be renamed, or the new name is taken, it keeps the old one.
    """
    try:
        with _folder(root, old) as folder:
            if _is_there(folder, old):
                if _is_there(folder, new):
                    return False
                rename_in(folder, old[-1], new[-1])
                return True
            if _is_there(folder, new):
                _sync(folder)
                return True
            return None if had and len(old) == 1 else True
    except OSError as problem:
        if problem.errno in NOT_OURS:
            return None if had else True
        return False


def rename_in(folder: int, old: str, new: str, *, sync: bool = True) -> None:
    """Rename in a folder that is open, and bring that to the disk, or else undo it.

    Raises OSError.
    """
    _rename(folder, old, new)
    try:
        if sync:
            _sync(folder)
    except OSError:
        with suppress(OSError):
            _rename(folder, new, old)
        raise


def _rename(folder: int, old: str, new: str) -> None:
    number = errno.ENOSYS
    if _RENAME is not None:
        if not _RENAME(folder, os.fsencode(old), folder, os.fsencode(new), _NO_REPLACE):
            return
        number = ctypes.get_errno()
    if number not in _UNKNOWN:
        raise OSError(number, os.strerror(number))
    if _is_there(folder, (new,)):
        raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST))
    os.rename(old, new, src_dir_fd=folder, dst_dir_fd=folder)


@contextmanager
def _folder(root: str, path: Path) -> Iterator[int]:
    folder = open_folder(root, path[:-1], create=False)
    try:
        yield folder
    finally:
        os.close(folder)


def _is_there(folder: int, path: Path) -> bool:
    try:
        os.stat(path[-1], dir_fd=folder, follow_symlinks=False)
    except FileNotFoundError:
        return False
    return True


def _sync(folder: int) -> None:
    try:
        os.fsync(folder)
    except OSError as problem:
        if problem.errno not in NOTHING_TO_SYNC:
            raise
