"""A torrent's files on disk: read and written by piece, from several threads at once."""

from __future__ import annotations

import errno
import os
import threading
from functools import partial
from typing import Iterator, Sequence

from p2pd.base.errors import StorageError
from p2pd.base.requests import Request
from p2pd.formats.file_layout import FileLayout, FileSpan
from p2pd.storage.folder_walk import open_file, open_folder, storage_error
from p2pd.storage.interfaces import FileState
from p2pd.storage.open_files import OpenFiles

PREALLOCATIONS = ("none", "sparse", "full")
WRITABLE = 1 << 32
"""Added to a file's index for its descriptor that may write: readers never get that one's key."""


class FileStorage:
    """See interfaces.Storage. `root` is the download folder; `preallocation` one of three words."""

    def __init__(
        self, root: str, layout: FileLayout, open_files: OpenFiles, *, preallocation: str = "sparse"
    ) -> None:
        self.root = root
        self.layout = layout
        self._open_files = open_files
        self._preallocation = preallocation
        self._lock = threading.Lock()
        self._unsynced: set[int] = set()

    # -- reading -------------------------------------------------------------------------------

    def read(self, piece: int, begin: int, length: int) -> bytes:
        """Bytes of a piece. Raises StorageError when the file is gone or too short."""
        spans = self.layout.spans(piece, begin, length)
        if len(spans) == 1:
            return self._read_span(spans[0])
        return b"".join(self._read_span(span) for span in spans)

    def read_many(self, requests: Sequence[Request]) -> list[bytes | bytearray | memoryview]:
        """The bytes of each request; neighbours are read in one go and are views of it."""
        blocks: list[bytes | bytearray | memoryview] = []
        for run in _runs(requests):
            piece, begin, _ = run[0]
            total = sum(request.length for request in run)
            data = memoryview(self.read(piece, begin, total))
            at = 0
            for request in run:
                blocks.append(data[at : at + request.length])
                at += request.length
        return blocks

    def _read_span(self, span: FileSpan) -> bytes:
        index, offset, length = span
        if index < 0 or self.layout.files[index].pad:
            return bytes(length)
        try:
            with self._open_files.use(self, index, lambda: self._open(index)) as fd:
                data = os.pread(fd, length, offset)
                while len(data) < length:
                    more = os.pread(fd, length - len(data), offset + len(data))
                    if not more:
                        raise StorageError(
                            f"{self._shown(index)}: the file is shorter than it should be"
                        )
                    data += more
        except StorageError:
            raise
        except OSError as problem:
            raise storage_error(self._shown(index), problem) from None
        return data

    def has_data(self, piece: int) -> bool:
        """Whether any real file holds something where the piece lies."""
        spans = self.layout.spans(piece, 0, self.layout.piece_size(piece))
        return any(self._span_has_data(span) for span in spans if span.length)

    def _span_has_data(self, span: FileSpan) -> bool:
        index, offset, length = span
        if index < 0 or self.layout.files[index].pad:
            return False
        try:
            with self._open_files.use(self, index, lambda: self._open(index)) as fd:
                return os.lseek(fd, offset, os.SEEK_DATA) < offset + length
        except OSError:
            return False

    # -- writing -------------------------------------------------------------------------------

    def prepare(self) -> None:
        """Make the download folder, and the files that hold nothing."""
        try:
            os.close(open_folder(self.root, (), create=True))
        except OSError as problem:
            raise storage_error(self.root, problem) from None
        for index, file in enumerate(self.layout.files):
            if not file.length and not file.pad and file.symlink is None:
                os.close(self._open_to_write(index))

    def write_piece(self, piece: int, data: bytes | bytearray | memoryview) -> None:
        """Write a whole piece, but for its padding. Raises StorageError."""
        view = memoryview(data)
        at = 0
        for index, offset, length in self.layout.spans(piece, 0, len(view)):
            if index >= 0 and not self.layout.files[index].pad:
                self._write(index, offset, view[at : at + length])
            at += length

    def _write(self, index: int, offset: int, data: memoryview) -> None:
        try:
            key = index | WRITABLE
            with self._open_files.use(self, key, lambda: self._open_to_write(index)) as fd:
                while data:
                    written = os.pwrite(fd, data, offset)
                    data = data[written:]
                    offset += written
        except StorageError:
            raise
        except OSError as problem:
            raise storage_error(self._shown(index), problem) from None
        with self._lock:
            self._unsynced.add(index)

    def sync(self) -> None:
        """fdatasync every file written since the last time."""
        with self._lock:
            indices, self._unsynced = self._unsynced, set()
        for index in indices:
            key = index | WRITABLE
            try:
                with self._open_files.use(self, key, partial(self._open_to_write, index)) as fd:
                    os.fdatasync(fd)
            except StorageError:
                self._unsynced.add(index)
                raise
            except OSError as problem:
                self._unsynced.add(index)
                raise storage_error(self._shown(index), problem) from None

    # -- the files themselves ------------------------------------------------------------------

    def file_states(self) -> list[FileState | None]:
        """Size and time of change of each file; None for pads and for what is not there."""
        return [self._state(index) for index in range(len(self.layout.files))]

    def _state(self, index: int) -> FileState | None:
        file = self.layout.files[index]
        if file.pad or file.symlink is not None:
            return None
        try:
            found = os.stat(self._shown(index), follow_symlinks=False)
        except OSError:
            return None
        return FileState(found.st_size, found.st_mtime_ns)

    def delete_files(self) -> None:
        """Remove the files, then the folders that this leaves empty, never the root itself."""
        self.close()
        folders: set[tuple[str, ...]] = set()
        for index, file in enumerate(self.layout.files):
            if file.pad or file.symlink is not None:
                continue
            self._remove(index)
            folders.update(file.path[:depth] for depth in range(1, len(file.path)))
        for folder in sorted(folders, key=len, reverse=True):
            self._remove_folder(folder)

    def close(self) -> None:
        """Give the descriptors back."""
        self._open_files.close_owner(self)

    def _remove(self, index: int) -> None:
        path = self.layout.files[index].path
        try:
            folder = open_folder(self.root, path[:-1], create=False)
            try:
                os.unlink(path[-1], dir_fd=folder)
            finally:
                os.close(folder)
        except FileNotFoundError:
            pass
        except OSError as problem:
            raise storage_error(self._shown(index), problem) from None

    def _remove_folder(self, path: tuple[str, ...]) -> None:
        try:
            parent = open_folder(self.root, path[:-1], create=False)
            try:
                os.rmdir(path[-1], dir_fd=parent)
            finally:
                os.close(parent)
        except OSError as problem:
            # Somebody else's files are in it, or it is gone already: both are fine.
            if problem.errno not in (errno.ENOTEMPTY, errno.EEXIST, errno.ENOENT):
                raise storage_error(os.path.join(self.root, *path), problem) from None

    def _open(self, index: int) -> int:
        return open_file(self.root, self.layout.files[index].path, create=False)

    def _open_to_write(self, index: int) -> int:
        file = self.layout.files[index]
        fd = open_file(self.root, file.path, create=True, executable=file.executable)
        try:
            self._allocate(fd, file.length)
        except OSError as problem:
            os.close(fd)
            raise storage_error(self._shown(index), problem) from None
        return fd

    def _allocate(self, fd: int, length: int) -> None:
        size = os.fstat(fd).st_size
        if self._preallocation == "none" and size <= length:
            return
        if self._preallocation == "full" and size < length:
            os.posix_fallocate(fd, 0, length)
        elif size != length:
            os.ftruncate(fd, length)

    def _shown(self, index: int) -> str:
        return os.path.join(self.root, *self.layout.files[index].path)


def _runs(requests: Sequence[Request]) -> Iterator[list[Request]]:
    """Requests in runs that follow one another within a piece."""
    run: list[Request] = []
    for request in requests:
        if run:
            last = run[-1]
            if request.piece != last.piece or request.begin != last.begin + last.length:
                yield run
                run = []
        run.append(request)
    if run:
        yield run
