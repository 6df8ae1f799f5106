"""A torrent's files on disk: read and written by piece, from several threads at once."""

from __future__ import annotations

import errno
import os
import stat
import threading
from contextlib import contextmanager
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

NOT_OURS = (errno.ENOENT, errno.ENOTDIR, errno.ELOOP)
"""Nothing is there, or it lies behind a link: nothing that we could have made."""


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
        self._least_sizes: dict[int, int] = {}
        """Files known to be there, and the bytes that each must have at least."""

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
            with self._reading(index) as fd:
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
            with self._reading(index) as fd:
                return os.lseek(fd, offset, os.SEEK_DATA) < offset + length
        except OSError as problem:
            # A file system that cannot tell holes from data: look at the bytes then.
            return problem.errno == errno.EINVAL

    @contextmanager
    def _reading(self, index: int) -> Iterator[int]:
        """A descriptor of the file that is at its path: not of one that was removed since."""
        opener = partial(self._open, index)
        with self._open_files.use(self, index, opener) as fd:
            if os.fstat(fd).st_nlink:
                yield fd
                return
        self._open_files.close_file(self, index)
        with self._open_files.use(self, index, opener) as fd:
            yield fd

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
            with self._writing(index) as fd:
                while data:
                    written = os.pwrite(fd, data, offset)
                    if not written:
                        raise StorageError(f"{self._shown(index)}: the disk takes no more bytes")
                    data = data[written:]
                    offset += written
        except StorageError:
            raise
        except OSError as problem:
            raise storage_error(self._shown(index), problem) from None
        with self._lock:
            self._unsynced.add(index)
            self._least_sizes[index] = max(self._least_sizes.get(index, 0), offset)

    @contextmanager
    def _writing(self, index: int) -> Iterator[int]:
        """A descriptor to write with. Raises StorageError if the file lost what was in it."""
        key = index | WRITABLE
        with self._open_files.use(self, key, partial(self._open_to_write, index)) as fd:
            found = os.fstat(fd)
            if found.st_nlink and found.st_size >= self._least_sizes.get(index, 0):
                yield fd
                return
        self._open_files.close_file(self, key)
        raise self._lost("was removed" if not found.st_nlink else "became shorter", index)

    def sync(self) -> None:
        """fdatasync every file written since the last time.

        Every file is tried; the first problem is raised. A file that is gone is tried no more.
        """
        with self._lock:
            indices, self._unsynced = self._unsynced, set()
        problems = [problem for index in sorted(indices) if (problem := self._sync_file(index))]
        if problems:
            raise problems[0]

    def _sync_file(self, index: int) -> StorageError | None:
        try:
            with self._writing(index) as fd:
                os.fdatasync(fd)
        except StorageError as problem:
            return problem
        except OSError as problem:
            with self._lock:
                self._unsynced.add(index)
            return storage_error(self._shown(index), problem)
        return None

    # -- the files themselves ------------------------------------------------------------------

    def file_states(self) -> list[FileState | None]:
        """See interfaces.Storage."""
        states = [self._state(index) for index in range(len(self.layout.files))]
        with self._lock:
            self._least_sizes = {index: 0 for index, state in enumerate(states) if state}
        return states

    def _state(self, index: int) -> FileState | None:
        file = self.layout.files[index]
        if file.pad or file.symlink is not None:
            return None
        try:
            found = os.stat(self._shown(index), follow_symlinks=False)
        except OSError:
            return None
        if not stat.S_ISREG(found.st_mode):
            return None
        return FileState(found.st_size, found.st_mtime_ns)

    def delete_files(self) -> None:
        """Remove the files, then the folders that this leaves empty, never the root itself.

        One that cannot be removed does not keep the others; the first problem is raised at the
        end. What is not a regular file is not ours and stays.
        """
        self.close()
        with self._lock:
            self._unsynced.clear()
            self._least_sizes.clear()
        problems: list[StorageError] = []
        folders: set[tuple[str, ...]] = set()
        for index, file in enumerate(self.layout.files):
            if file.pad or file.symlink is not None:
                continue
            try:
                self._remove(index)
            except StorageError as problem:
                problems.append(problem)
            folders.update(file.path[:depth] for depth in range(1, len(file.path)))
        for folder in sorted(folders, key=len, reverse=True):
            self._remove_folder(folder)
        if problems:
            raise problems[0]

    def close(self) -> None:
        """Give the descriptors back."""
        self._open_files.close_owner(self)

    def _remove(self, index: int) -> None:
        path = self.layout.files[index].path
        try:
            folder = open_folder(self.root, path[:-1], create=False)
            try:
                if stat.S_ISREG(os.stat(path[-1], dir_fd=folder, follow_symlinks=False).st_mode):
                    os.unlink(path[-1], dir_fd=folder)
            finally:
                os.close(folder)
        except OSError as problem:
            if problem.errno not in NOT_OURS:
                raise storage_error(self._shown(index), problem) from None

    def _remove_folder(self, path: tuple[str, ...]) -> None:
        try:
            parent = open_folder(self.root, path[:-1], create=False)
            try:
                os.rmdir(path[-1], dir_fd=parent)
            finally:
                os.close(parent)
        except OSError as problem:
            # Somebody else's files are in it, or a file that would not go: that was told.
            if problem.errno not in (errno.ENOTEMPTY, errno.EEXIST, *NOT_OURS):
                raise storage_error(os.path.join(self.root, *path), problem) from None

    def _open(self, index: int) -> int:
        return open_file(self.root, self.layout.files[index].path)

    def _open_to_write(self, index: int) -> int:
        file = self.layout.files[index]
        least = self._least_sizes.get(index)
        try:
            fd = open_file(
                self.root,
                file.path,
                write=True,
                create=least is None or not file.length,  # an empty one has nothing to lose
                executable=file.executable,
            )
        except StorageError:
            if least is not None and not os.path.lexists(self._shown(index)):
                raise self._lost("was removed", index) from None
            raise
        try:
            if os.fstat(fd).st_size < (least or 0):
                raise self._lost("became shorter", index)
            self._least_sizes[index] = self._allocate(fd, file.length)
        except StorageError:
            os.close(fd)
            raise
        except OSError as problem:
            os.close(fd)
            raise storage_error(self._shown(index), problem) from None
        return fd

    def _allocate(self, fd: int, length: int) -> int:
        """Give the file its length, as configured; the length that it has then."""
        size = os.fstat(fd).st_size
        if size == length or (self._preallocation == "none" and size < length):
            return size
        if self._preallocation == "full" and size < length:
            try:
                os.posix_fallocate(fd, 0, length)
                return length
            except OSError as problem:
                # A file system that knows no allocation in advance: a hole must do.
                if problem.errno not in (errno.EOPNOTSUPP, errno.EINVAL, errno.ENOSYS):
                    raise
        os.ftruncate(fd, length)
        return length

    def _lost(self, what: str, index: int) -> StorageError:
        return StorageError(
            f"{self._shown(index)}: the file {what} while it was in use; verify the torrent"
        )

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
