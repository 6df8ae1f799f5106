"""Where a torrent's files are before they are moved: what is there, its bytes, and its removal.

Every method is one short step that blocks, for a thread of the device that the files are on.
"""

from __future__ import annotations

import errno
import os
import stat
from contextlib import closing, contextmanager
from dataclasses import dataclass
from typing import Collection, Iterator, NamedTuple, Sequence

from p2pd.base.errors import StorageError
from p2pd.formats.file_layout import FileLayout
from p2pd.storage.folder_walk import open_file, open_folder, storage_error

STAT_BLOCK = 512
"""Bytes of what `st_blocks` counts, whatever the file system's own blocks are."""

ABSENT = (errno.ENOENT, errno.ENOTDIR, errno.ELOOP)
"""Nothing is there, or it lies behind a link: nothing that we could have made."""


@dataclass(frozen=True, slots=True)
class OldFile:
    """A regular file of the layout that is there; sizes in bytes."""

    index: int
    size: int
    held: int
    """What the disk has of it: less than its size where it has holes."""
    mtime_ns: int
    mode: int
    identity: tuple[int, int]
    """Device and inode: the same for two names of one file."""
    folder: tuple[int, int]
    """Those of the folder that it is in."""

    @property
    def sparse(self) -> bool:
        """Whether it has holes."""
        return self.held < self.size


class Part(NamedTuple):
    """Bytes of a file from an offset on; none behind the last that there are."""

    offset: int
    data: bytes

    @property
    def end(self) -> int:
        """The offset behind them."""
        return self.offset + len(self.data)


class OldPlace:
    """The files of a layout below a root."""

    def __init__(self, root: str, layout: FileLayout) -> None:
        self.root = root
        self._files = layout.files

    def files(self, needed: Collection[int]) -> list[OldFile]:
        """Those that are there. Raises StorageError when one of the needed ones is not."""
        found = []
        for index, file in enumerate(self._files):
            if file.pad or file.symlink is not None:
                continue
            there = self.file(index)
            if there is not None:
                found.append(there)
            elif index in needed:
                raise StorageError(f"{self.shown(index)}: it is not there")
        return found

    def file(self, index: int) -> OldFile | None:
        """What is at a file's path, if that is a regular file. Raises StorageError."""
        path = self._files[index].path
        try:
            with self.folder(path[:-1]) as folder:
                found = os.stat(path[-1], dir_fd=folder, follow_symlinks=False)
                above = os.fstat(folder)
        except OSError as problem:
            if problem.errno in ABSENT:
                return None
            raise storage_error(self.shown(index), problem) from None
        if not stat.S_ISREG(found.st_mode):
            return None
        return OldFile(
            index,
            found.st_size,
            min(found.st_size, found.st_blocks * STAT_BLOCK),
            found.st_mtime_ns,
            stat.S_IMODE(found.st_mode) & 0o777,
            (found.st_dev, found.st_ino),
            (above.st_dev, above.st_ino),
        )

    def identity(self) -> tuple[int, int] | None:
        """Device and inode of the root, if it is there. Raises StorageError."""
        try:
            found = os.stat(self.root)
        except OSError as problem:
            if problem.errno in ABSENT:
                return None
            raise storage_error(self.root, problem) from None
        return (found.st_dev, found.st_ino)

    def read(self, index: int, offset: int, size: int) -> Part:
        """Up to so many bytes from there on, holes left out as far as that costs nothing."""
        fd = open_file(self.root, self._files[index].path)
        try:
            return Part(start := _data_from(fd, offset), os.pread(fd, size, start))
        except OSError as problem:
            raise storage_error(self.shown(index), problem) from None
        finally:
            os.close(fd)

    def read_range(self, index: int, offset: int, size: int) -> Part:
        """These bytes, holes and all. Raises StorageError when they are not all there."""
        data = bytearray(size)
        fd = open_file(self.root, self._files[index].path)
        try:
            done = 0
            while done < size:
                got = os.preadv(fd, [memoryview(data)[done:]], offset + done)
                if not got:
                    raise StorageError(
                        f"{self.shown(index)}: the file is shorter than it should be"
                    )
                done += got
        except OSError as problem:
            raise storage_error(self.shown(index), problem) from None
        finally:
            os.close(fd)
        return Part(offset, bytes(data))

    def remove(self, moved: OldFile) -> None:
        """Remove the file that is now there as `moved`; one that has more in it stays."""
        path, here = self._files[moved.index].path, self.file(moved.index)
        # One folder by two names: what would be removed is what is to stay.
        if here is None or here.folder == moved.folder or here.size > moved.size:
            return
        try:
            with self.folder(path[:-1]) as folder:
                os.unlink(path[-1], dir_fd=folder)
        except OSError as problem:
            if problem.errno not in ABSENT:
                raise storage_error(self.shown(moved.index), problem) from None

    def remove_folders(self) -> None:
        """Remove the folders below the root that are empty now."""
        paths = [file.path for file in self._files if not file.pad]
        folders = {path[:depth] for path in paths for depth in range(1, len(path))}
        for path in sorted(folders, key=len, reverse=True):
            try:
                with self.folder(path[:-1]) as folder:
                    os.rmdir(path[-1], dir_fd=folder)
            except OSError as problem:
                # Somebody else's files are in it, or it was not ours to remove.
                if problem.errno not in (errno.ENOTEMPTY, errno.EEXIST, errno.EBUSY, *ABSENT):
                    raise storage_error(os.path.join(self.root, *path), problem) from None

    @contextmanager
    def folder(self, path: Sequence[str]) -> Iterator[int]:
        """A descriptor of a folder below the root. Raises OSError."""
        with closing(_Descriptor(open_folder(self.root, path, create=False))) as found:
            yield found.fd

    def shown(self, index: int) -> str:
        """A file's path, for people."""
        return os.path.join(self.root, *self._files[index].path)


class _Descriptor:
    def __init__(self, fd: int) -> None:
        self.fd = fd

    def close(self) -> None:
        os.close(self.fd)


def _data_from(fd: int, offset: int) -> int:
    """Where the next bytes are that are no hole; where holes cannot be told, right there."""
    try:
        return os.lseek(fd, offset, os.SEEK_DATA)
    except OSError as problem:
        if problem.errno == errno.ENXIO:  # nothing but a hole, or nothing at all
            return max(offset, os.fstat(fd).st_size)
        if problem.errno == errno.EINVAL:
            return offset
        raise
