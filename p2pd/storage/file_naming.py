"""Which of its two names a file has: the one in the layout, or that with `.part` behind it.

Until it is complete a file may have the second one. Which one it has is not recorded: it is looked
at when a torrent is opened, so a kill at any moment leaves nothing that is not understood.
"""

from __future__ import annotations

import os
import stat
from typing import Callable, Collection, Mapping, NamedTuple, Sequence

from p2pd.base.errors import StorageError
from p2pd.formats.file_layout import FileLayout
from p2pd.formats.file_names import partial_paths
from p2pd.formats.safe_paths import Path
from p2pd.storage.folder_walk import storage_error
from p2pd.storage.interfaces import FileState
from p2pd.storage.old_place import ABSENT
from p2pd.storage.renaming import rename_entry

Paths = Collection[Path]


class Seen(NamedTuple):
    """A regular file at one of the two names."""

    state: FileState
    identity: tuple[int, int]
    """Device and inode."""


def is_partial(
    complete: Seen | None,
    partial: Seen | None,
    *,
    known: FileState | None,
    length: int,
    begun: bool,
) -> bool:
    """Whether the file with `.part` is the torrent's own, of those that are there.

    Where both are, the one that looks as recorded is; else the only one that is as long as it
    should be where the file was had; else that with `.part` if the download had begun.
    """
    if complete is None or partial is None:
        return partial is not None
    if complete.identity == partial.identity:
        return False
    if known is not None and (known == complete.state) != (known == partial.state):
        return known == partial.state
    whole = complete.state.size == length, partial.state.size == length
    if not begun and whole[0] != whole[1]:
        return whole[1]
    return begun


class FileNaming:
    """The names of one torrent's files on the disk. Blocks; the caller sees to it that one thread
    at a time is here."""

    def __init__(self, root: str, named: FileLayout) -> None:
        self.root = root
        self.named = named
        """With the names of complete files."""
        self.layout = named
        """With the names that they have."""
        self._partial_paths: Mapping[int, Path] | None = None

    @property
    def _other(self) -> Mapping[int, Path]:
        if self._partial_paths is None:
            self._partial_paths = partial_paths(self.named)
        return self._partial_paths

    @property
    def partial(self) -> frozenset[int]:
        """The files that have `.part` behind their names, or get it when they are made."""
        if self.layout is self.named:
            return frozenset()
        pairs = enumerate(zip(self.named.files, self.layout.files, strict=True))
        return frozenset(index for index, (one, other) in pairs if one.path != other.path)

    def locate(self, begun: Collection[int], known: Sequence[FileState | None] | None) -> None:
        """See which name each file has; one that is not there keeps the one that it was to get.

        `begun`: something is recorded of these, and not all; `known`: how they looked then.
        Raises StorageError if that cannot be seen.
        """
        changed = {}
        for index, other in self._other.items():
            file, was = self.named.files[index], known[index] if known is not None else None
            complete, partial = self._seen(file.path), self._seen(other)
            if complete is not None or partial is not None:
                ours = is_partial(
                    complete, partial, known=was, length=file.length, begun=index in begun
                )
                changed[index] = other if ours else file.path
        self._change(changed)

    def give(
        self, complete: Collection[int], partial: Collection[int], keep: Paths | None
    ) -> list[str]:
        """Give these their names, and those the ones with `.part`; what went wrong, in words.

        What others have (`keep`, None: nobody knows) gets no `.part`.
        """
        wanted = {index: self.named.files[index].path for index in complete if index in self._other}
        for index in partial:
            if index in self._other and not self._is_kept(index, keep):
                wanted[index] = self._other[index]
        problems = []
        changed = {}
        for index, path in wanted.items():
            before = self.layout.files[index].path
            if before != path:
                try:
                    rename_entry(self.root, before, path, sync=False)
                    changed[index] = path
                except StorageError as problem:
                    problems.append(str(problem))
        self._change(changed)
        return problems

    def entry(self, old: Path, new: Path, named: FileLayout) -> tuple[Path, Path]:
        """What is to be renamed on the disk for that, and to what."""
        index = next((i for i, file in enumerate(self.named.files) if file.path == old), None)
        if index is None:
            return old, new  # a folder
        return self.layout.files[index].path, self._after(named).files[index].path

    def rename(self, old: Path, new: Path, named: FileLayout, entry: tuple[Path, Path]) -> None:
        """Rename a file or folder: what has `.part` keeps it. Raises StorageError.

        `entry` is what was said before; it may be another one since.
        """
        if self.entry(old, new, named) != entry:
            raise StorageError(f"{self.root}: a name changed just now; try again")
        layout = self._after(named)
        rename_entry(self.root, *entry)
        self.named, self.layout, self._partial_paths = named, layout, None

    def _after(self, named: FileLayout) -> FileLayout:
        partial = self.partial
        if not partial:
            return named
        others = partial_paths(named).items()
        return with_some(named, {index: path for index, path in others if index in partial})

    def swapped(self) -> FileLayout:
        """With the other name of each file."""
        files = self.layout.files
        return with_some(
            self.named,
            {i: path for i, path in self._other.items() if files[i].path != path},
        )

    def _is_kept(self, index: int, keep: Paths | None) -> bool:
        path = self.named.files[index].path
        return path in keep if keep is not None else self._seen(path) is not None

    def _change(self, paths: Mapping[int, Path]) -> None:
        files = self.layout.files
        if any(files[index].path != path for index, path in paths.items()):
            self.layout = with_some(self.layout, paths)
            if not self.partial:
                self.layout = self.named

    def _seen(self, path: Path) -> Seen | None:
        shown = os.path.join(self.root, *path)
        try:
            found = os.stat(shown, follow_symlinks=False)
        except OSError as problem:
            if problem.errno in ABSENT:
                return None
            raise storage_error(shown, problem) from None
        if not stat.S_ISREG(found.st_mode):
            return None
        return Seen(FileState(found.st_size, found.st_mtime_ns), (found.st_dev, found.st_ino))


def with_some(layout: FileLayout, paths: Mapping[int, Path]) -> FileLayout:
    """The same layout with other paths for some of the files."""
    get: Callable[[int, Path], Path] = paths.get
    return layout.with_paths(get(index, file.path) for index, file in enumerate(layout.files))
