"""Looking for a torrent's files in other folders: those that have the sizes they should. Blocks.

What is found may still be something else: whoever uses it has it checked first.
"""

from __future__ import annotations

import os
from collections import deque
from typing import Callable, Iterable, Iterator, Sequence

from p2pd.base.errors import StorageError
from p2pd.formats.file_layout import FileLayout
from p2pd.storage.folder_walk import open_folder, storage_error
from p2pd.storage.interfaces import Storage

MOST_FOLDERS = 500
"""Folders that are looked into for the files themselves."""

MOST_ENTRIES = 200_000
"""Names that are looked at below the folders with content."""

MAX_DEPTH = 5

MakeStorage = Callable[[FileLayout, str], Storage]


def best_folder(
    layout: FileLayout,
    aim: str,
    folders: Sequence[str],
    roots: Sequence[str],
    make_storage: MakeStorage,
) -> str:
    """The folder that has most bytes of the torrent, `aim` unless another one has more.

    Those in `folders` are looked into, and below those in `roots` every one that has something of
    the torrent's name.
    """
    total = sum(file.length for file in layout.files if not file.pad)
    best, most = aim, _bytes_in(layout, aim, make_storage)
    seen = {aim}
    for folder in (*folders, *roots, *_holders(roots, layout.files[0].path[0])):
        if most == total or len(seen) > MOST_FOLDERS:
            break
        if folder not in seen:
            seen.add(folder)
            found = _bytes_in(layout, folder, make_storage)
            if found > most:
                best, most = folder, found
    return best


def _bytes_in(layout: FileLayout, folder: str, make_storage: MakeStorage) -> int:
    """Bytes of the files there that have the right size."""
    storage = make_storage(layout, folder)
    try:
        states = storage.file_states()
    except StorageError:
        return 0
    finally:
        storage.close()
    return sum(
        file.length
        for file, state in zip(layout.files, states, strict=True)
        if not file.pad and state is not None and state.size == file.length
    )


def _holders(roots: Iterable[str], name: str) -> Iterator[str]:
    """Folders below these that have an entry of this name; no link is followed."""
    waiting = deque((root, 0) for root in roots)
    entries = 0
    while waiting and entries < MOST_ENTRIES:
        folder, depth = waiting.popleft()
        try:
            with os.scandir(folder) as found:
                for entry in found:
                    entries += 1
                    if entry.name == name and depth:
                        yield folder
                    if depth < MAX_DEPTH and entry.is_dir(follow_symlinks=False):
                        waiting.append((entry.path, depth + 1))
                    if entries >= MOST_ENTRIES:
                        break
        except OSError:
            continue  # not for us to read, or gone


def link_files(layout: FileLayout, indices: Iterable[int], source: str, target: str) -> None:
    """Give these files a second name below another folder; one that is there stays.

    Raises StorageError, also for another file system.
    """
    for index in indices:
        path = layout.files[index].path
        try:
            _link(source, target, path)
        except FileExistsError:
            continue
        except OSError as problem:
            raise storage_error(os.path.join(target, *path), problem) from None


def _link(source: str, target: str, path: Sequence[str]) -> None:
    os.makedirs(target, exist_ok=True)
    there = open_folder(source, path[:-1], create=False)
    try:
        here = open_folder(target, path[:-1], create=True)
        try:
            os.link(path[-1], path[-1], src_dir_fd=there, dst_dir_fd=here, follow_symlinks=False)
        finally:
            os.close(here)
    finally:
        os.close(there)
