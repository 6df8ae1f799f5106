"""Which files of a torrent are there, as far as can be seen without opening any."""

from __future__ import annotations

import errno
import os
import stat
from typing import Sequence

from p2pd.formats.file_layout import FileLayout
from p2pd.storage.folder_walk import storage_error
from p2pd.storage.interfaces import FileState, Presence

STAT_BLOCK = 512
"""Bytes of what `st_blocks` counts, whatever the file system's own blocks are."""

NOT_THERE = (errno.ENOENT, errno.ENOTDIR, errno.ELOOP)


def file_state(root: str, layout: FileLayout, index: int) -> FileState | None:
    """A regular file as it is now, None if it is not there. Raises StorageError if nobody can say.

    A disk that fails, or a folder that may not be looked into, is no reason to give data up.
    """
    file = layout.files[index]
    if file.pad or file.symlink is not None:
        return None
    shown = os.path.join(root, *file.path)
    try:
        found = os.stat(shown, follow_symlinks=False)
    except OSError as problem:
        if problem.errno in NOT_THERE:
            return None
        raise storage_error(shown, problem) from None
    if not stat.S_ISREG(found.st_mode):
        return None
    return FileState(found.st_size, found.st_mtime_ns)


def is_allocated(root: str, layout: FileLayout, index: int) -> bool:
    """Whether a file is there and has blocks for all its bytes."""
    file = layout.files[index]
    try:
        found = os.stat(os.path.join(root, *file.path), follow_symlinks=False)
    except OSError:
        return False
    return found.st_size >= file.length and found.st_blocks * STAT_BLOCK >= file.length


def presence(root: str, layout: FileLayout, least: Sequence[tuple[int, int]]) -> Presence:
    """See interfaces.Storage. Below a folder that is not there nothing is looked for."""
    there, problem = 0, ""
    above: dict[str, str] = {}
    for index, size in least:
        path = layout.files[index].path
        shown = os.path.join(root, *path)
        if path[0] not in above:
            above[path[0]] = _trouble_with(os.path.join(root, path[0]), 0)
        trouble = above[path[0]] or _trouble_with(shown, size)
        there += not trouble
        if trouble and not problem:
            problem = f"{shown}: {trouble}"
    return Presence(len(least), there, problem)


def _trouble_with(path: str, size: int) -> str:
    """Why a file of so many bytes, or a folder, is not there; empty if it is."""
    try:
        found = os.stat(path, follow_symlinks=False)
    except OSError as problem:
        return problem.strerror or str(problem)
    if not (stat.S_ISREG(found.st_mode) or stat.S_ISDIR(found.st_mode)):
        return "it is not a regular file"
    return "the file is shorter than it should be" if found.st_size < size else ""


def without_holes(fd: int, length: int) -> bool:
    """Whether a file is whole and has blocks for all its bytes; False where that cannot be said."""
    state = os.fstat(fd)
    return state.st_size >= length and state.st_blocks * STAT_BLOCK >= state.st_size
