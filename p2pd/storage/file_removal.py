"""Files that go for good, with the folders that they leave empty."""

from __future__ import annotations

import errno
import os
import stat
from typing import Sequence

from p2pd.base.errors import StorageError
from p2pd.storage.folder_walk import NOT_OURS, open_folder, storage_error, sync_names


def remove_files(root: str, paths: Sequence[tuple[str, ...]]) -> None:
    """Remove these files below `root`, then folders that this leaves empty, never `root` itself.

    One that cannot be removed does not keep the others; the first problem is raised at the end, as
    a StorageError. What is not a regular file is not ours and stays. After a return they are gone
    from the disk itself. Blocks.
    """
    problems: list[StorageError] = []
    folders: set[tuple[str, ...]] = set()
    for path in paths:
        try:
            _remove_file(root, path)
        except StorageError as problem:
            problems.append(problem)
        folders.update(path[:depth] for depth in range(1, len(path)))
    left = [folder for folder in sorted(folders, key=len, reverse=True) if _stays(root, folder)]
    if problems:
        raise problems[0]
    _sync(root, [(), *left])


def _remove_file(root: str, path: tuple[str, ...]) -> None:
    try:
        folder = open_folder(root, path[:-1], create=False)
        try:
            if stat.S_ISREG(os.stat(path[-1], dir_fd=folder, follow_symlinks=False).st_mode):
                os.unlink(path[-1], dir_fd=folder)
        finally:
            os.close(folder)
    except OSError as problem:
        if problem.errno not in NOT_OURS:
            raise storage_error(os.path.join(root, *path), problem) from None


def _stays(root: str, path: tuple[str, ...]) -> bool:
    """Remove a folder, unless something is in it; whether that is so."""
    try:
        parent = open_folder(root, path[:-1], create=False)
        try:
            os.rmdir(path[-1], dir_fd=parent)
        finally:
            os.close(parent)
    except OSError as problem:
        # Somebody else's files are in it, or a file that would not go: that was told.
        if problem.errno in (errno.ENOTEMPTY, errno.EEXIST):
            return True
        if problem.errno not in NOT_OURS:
            raise storage_error(os.path.join(root, *path), problem) from None
    return False


def _sync(root: str, folders: Sequence[tuple[str, ...]]) -> None:
    try:
        sync_names(root, folders)
    except OSError as problem:
        if problem.errno not in NOT_OURS:  # the root is not there, and nothing was removed
            raise storage_error(root, problem) from None
