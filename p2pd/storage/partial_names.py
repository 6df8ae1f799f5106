"""Names of files that another program has not completed: `film.mkv.part` for `film.mkv`.

A file is found only if it is a regular one below the download folder, behind no link, and if there
is nothing of its complete name.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Sequence

from p2pd.formats.file_layout import FileLayout
from p2pd.storage.folder_walk import open_folder, storage_error


def partial_files(root: str, layout: FileLayout, suffix: str) -> list[int]:
    """The files, by index, of which only the name with the suffix is there. Blocks."""
    return [
        index
        for index, file in enumerate(layout.files)
        if not file.pad and file.length and _is_partial(root, file.path, suffix)
    ]


def with_suffix(layout: FileLayout, files: Sequence[int], suffix: str) -> FileLayout:
    """The same layout, but these files have the suffix."""
    renamed = list(layout.files)
    for index in files:
        path = renamed[index].path
        renamed[index] = renamed[index]._replace(path=(*path[:-1], path[-1] + suffix))
    return FileLayout(renamed, layout.piece_length, aligned=layout.aligned)


def complete_names(root: str, layout: FileLayout, files: Sequence[int], suffix: str) -> None:
    """Take the suffix away. Blocks. Raises StorageError, which names the file."""
    for index in files:
        path = layout.files[index].path
        try:
            folder = open_folder(root, path[:-1], create=False)
            try:
                if not _exists(path[-1], folder):
                    os.rename(path[-1] + suffix, path[-1], src_dir_fd=folder, dst_dir_fd=folder)
            finally:
                os.close(folder)
        except OSError as problem:
            raise storage_error(os.path.join(root, *path) + suffix, problem) from None


def _is_partial(root: str, path: tuple[str, ...], suffix: str) -> bool:
    try:
        folder = open_folder(root, path[:-1], create=False)
    except OSError:
        return False
    try:
        found = os.stat(path[-1] + suffix, dir_fd=folder, follow_symlinks=False)
        return stat.S_ISREG(found.st_mode) and not _exists(path[-1], folder)
    except OSError:
        return False
    finally:
        os.close(folder)


def _exists(name: str, folder: int) -> bool:
    try:
        os.stat(name, dir_fd=folder, follow_symlinks=False)
    except FileNotFoundError:
        return False
    return True
