"""The descriptors of one torrent's files, and the watch that they are still the files at the paths.

A file that was removed or cut while it was in use must not be written on as if nothing had
happened: pieces that count as had would be in it no more.
"""

from __future__ import annotations

import errno
import os
import threading
import time
from typing import Callable

from p2pd.base.errors import FileRoomError, StorageError
from p2pd.formats.file_layout import FileLayout
from p2pd.storage.file_presence import STAT_BLOCK
from p2pd.storage.folder_walk import RootId, open_file, storage_error, sync_names
from p2pd.storage.open_files import OpenFile, OpenFiles
from p2pd.storage.prompt_reads import prompt_flags

LOOK_SECONDS = 1.0
"""How long a descriptor is trusted: to ask the kernel for every block costs more than the block.

Nothing is lost by it: a sync, which comes before anything is recorded, always looks.
"""

_WRITABLE = 1 << 32
"""Added to a file's index for its descriptor that may write: readers never get that one's key."""


class FileHandles:
    """Opens files to read and to write; `put_back` ends each use. For several threads."""

    def __init__(
        self,
        root: str,
        layout: FileLayout,
        open_files: OpenFiles,
        *,
        preallocation: str,
        look_every: float = LOOK_SECONDS,
        now: Callable[[], float] = time.monotonic,
        keep_free: Callable[[], int] = lambda: 0,
    ) -> None:
        """`keep_free()` bytes are to be left when a file is allocated."""
        self.root = root
        self.names = threading.RLock()
        """Held by whoever goes by names, so that none changes meanwhile."""
        self._keep_free = keep_free
        self._files = layout.files
        self._open_files = open_files
        self._preallocation = preallocation
        self._look_every = look_every
        self._now = now
        self._lock = threading.Lock()
        self._written: set[int] = set()
        self._found: set[int] = set()
        """Files of which an earlier process may have written what it never synced."""
        self._new: set[int] = set()
        """Files whose names may not be on the disk itself yet."""
        self.root_id: RootId | None = None
        """The folder in which files are made, and in no other that comes to be at the same path."""
        self._least_sizes: dict[int, int] = {}
        """Files known to be there, and the bytes that each must have at least."""
        self.put_back = open_files.put_back

    def to_read(self, index: int) -> OpenFile:
        """The file that is at its path: not one that was removed since. Raises StorageError."""
        entry = self._open_files.take(self, index, self._open)
        now = self._now()
        if now - entry.looked_at < self._look_every:
            return entry
        try:
            if os.fstat(entry.fd).st_nlink:
                if entry.looked_at == float("-inf"):
                    entry.prompt = prompt_flags(entry.fd)
                entry.looked_at = now
                return entry
        except OSError as problem:
            self.put_back(entry)
            raise storage_error(self.shown(index), problem) from None
        self.put_back(entry)
        self._open_files.close_file(self, index)
        return self._open_files.take(self, index, self._open)

    def to_read_now(self, index: int) -> OpenFile | None:
        """The file if it is open, and what is in memory of it can be read without waiting."""
        entry = self._open_files.take_open(self, index)
        if entry is None:
            return None
        if entry.prompt is not None:
            now = self._now()
            if now - entry.looked_at < self._look_every:
                return entry
            # File systems that can be read so answer this from memory, too.
            if os.fstat(entry.fd).st_nlink:
                entry.looked_at = now
                return entry
        self.put_back(entry)
        return None

    def to_write(self, index: int, *, look: bool = False) -> OpenFile:
        """The file, made if it never was. Raises StorageError if it lost what was in it."""
        key = index | _WRITABLE
        entry = self._open_files.take(self, key, self._open_to_write)
        now = self._now()
        if not look and now - entry.looked_at < self._look_every:
            return entry
        try:
            found = os.fstat(entry.fd)
        except OSError as problem:
            self.put_back(entry)
            raise storage_error(self.shown(index), problem) from None
        if found.st_nlink and found.st_size >= self._least_sizes.get(index, 0):
            entry.looked_at = now
            return entry
        self.put_back(entry)
        self._open_files.close_file(self, key)
        raise self._lost("was removed" if not found.st_nlink else "became shorter", index)

    def make(self, index: int) -> None:
        """Make the file if it is not there, as for one that holds nothing."""
        os.close(self._open_to_write(index | _WRITABLE))

    def written(self, index: int, end: int) -> None:
        """The file was written to, up to `end`, and is not on the disk itself yet."""
        with self._lock:
            self._written.add(index)
            self._least_sizes[index] = max(self._least_sizes.get(index, 0), end)

    def found(self, indices: set[int]) -> None:
        """Something in these files is right, but perhaps neither it nor their names on the disk."""
        with self._lock:
            self._found |= indices
            self._new |= indices

    def take_unsynced(self) -> tuple[list[int], list[int]]:
        """The files written since the last time this was asked, and others that were found."""
        with self._lock:
            written, self._written = self._written, set()
            found, self._found = self._found, set()
        return sorted(written), sorted(found - written)

    def sync_names(self) -> None:
        """Bring the names of new files to the disk itself. Raises StorageError."""
        with self._lock:
            new, self._new = self._new, set()
        if not new:
            return
        try:
            with self.names:
                paths = [self._files[index].path for index in new]
                folders = [path[:depth] for path in paths for depth in range(len(path))]
                sync_names(self.root, folders)
        except OSError as problem:
            with self._lock:
                self._new |= new
            raise storage_error(self.root, problem) from None

    def use(self, layout: FileLayout) -> None:
        """The same files have these names now; who calls holds `names`."""
        self._files = layout.files

    def expect(self, present: set[int]) -> None:
        """These files are there, whatever was known before."""
        with self._lock:
            self._least_sizes = dict.fromkeys(present, 0)

    def forget(self) -> None:
        """The files are about to go: nothing is known of them any more."""
        self.close()
        with self._lock:
            self._written.clear()
            self._found.clear()
            self._new.clear()
            self._least_sizes.clear()

    def close(self) -> None:
        """Give the descriptors back."""
        self._open_files.close_owner(self)

    def shown(self, index: int) -> str:
        """The file's path, for people."""
        return os.path.join(self.root, *self._files[index].path)

    def _open(self, index: int) -> int:
        with self.names:
            return open_file(self.root, self._files[index].path)

    def _open_to_write(self, key: int) -> int:
        index = key ^ _WRITABLE
        length, least = self._files[index].length, self._least_sizes.get(index)
        fd = self._open_or_make(index, least)
        try:
            size = os.fstat(fd).st_size
            if size < (least or 0):
                raise self._lost("became shorter", index)
            if not size:
                with self._lock:
                    self._new.add(index)
            self._least_sizes[index] = self._allocate(fd, length, index)
        except StorageError:
            os.close(fd)
            raise
        except OSError as problem:
            os.close(fd)
            raise storage_error(self.shown(index), problem) from None
        return fd

    def _open_or_make(self, index: int, least: int | None) -> int:
        with self.names:
            file = self._files[index]
            try:
                return open_file(
                    self.root,
                    file.path,
                    write=True,
                    create=least is None or not file.length,  # an empty one has nothing to lose
                    executable=file.executable,
                    known=self.root_id,
                )
            except StorageError:
                if least is not None and not os.path.lexists(self.shown(index)):
                    raise self._lost("was removed", index) from None
                raise

    def _allocate(self, fd: int, length: int, index: int) -> int:
        """Give the file its length, as configured; the length that it has then."""
        size = os.fstat(fd).st_size
        if size == length or (self._preallocation == "none" and size < length):
            return size
        if self._preallocation == "full" and size < length:
            self._check_room(fd, length, index)
            try:
                os.posix_fallocate(fd, 0, length)
                return length
            except OSError as problem:
                if problem.errno in (errno.ENOSPC, errno.EDQUOT):
                    raise self._no_room(length, index, problem.errno) from None
                # A file system that knows no allocation in advance: a hole must do.
                if problem.errno not in (errno.EOPNOTSUPP, errno.EINVAL, errno.ENOSYS):
                    raise
        os.ftruncate(fd, length)
        return length

    def _check_room(self, fd: int, length: int, index: int) -> None:
        """Raises FileRoomError if too little would be left."""
        room = os.fstatvfs(fd)
        missing = length - os.fstat(fd).st_blocks * STAT_BLOCK
        if missing > 0 and room.f_bavail * room.f_frsize - missing < self._keep_free():
            raise self._no_room(length, index, errno.ENOSPC)

    def _no_room(self, length: int, index: int, number: int) -> FileRoomError:
        return FileRoomError(f"{self.shown(index)}: {os.strerror(number)} for its {length} bytes")

    def _lost(self, what: str, index: int) -> StorageError:
        return StorageError(
            f"{self.shown(index)}: the file {what} while it was in use; verify the torrent"
        )
