"""Which files of a torrent are there, as far as can be seen without opening any."""

from __future__ import annotations

import os
import stat
from typing import Sequence

from p2pd.formats.file_layout import FileLayout
from p2pd.storage.interfaces import FileState, Presence

STAT_BLOCK = 512
"""Bytes of what `st_blocks` counts, whatever the file system's own blocks are."""

_SHORTER = "the file is shorter than it should be"


def file_state(root: str, layout: FileLayout, index: int) -> FileState | None:
    """A regular file as it is now, None if it is not there."""
    file = layout.files[index]
    if file.pad or file.symlink is not None:
        return None
    try:
        found = os.stat(os.path.join(root, *file.path), follow_symlinks=False)
    except OSError:
        return None
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
            above[path[0]] = _trouble_with(os.path.join(root, path[0]))
        state = None if above[path[0]] else file_state(root, layout, index)
        if state is not None and state.size >= size:
            there += 1
        elif not problem:
            problem = f"{shown}: {above[path[0]] or _trouble_with(shown) or _SHORTER}"
    return Presence(len(least), there, problem)


def _trouble_with(path: str) -> str:
    """Why nothing is to be seen of a file or folder, if that is so."""
    try:
        os.stat(path, follow_symlinks=False)
    except OSError as problem:
        return problem.strerror or str(problem)
    return ""
