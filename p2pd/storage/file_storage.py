"""A torrent's files on disk: read and written by piece, from several threads at once."""

from __future__ import annotations

import errno
import os
import threading
from contextlib import contextmanager
from typing import Callable, Collection, Iterable, Iterator, Sequence

from p2pd.base.errors import ReadOnlyError, StorageError
from p2pd.base.requests import Request
from p2pd.formats.file_layout import FileLayout
from p2pd.formats.safe_paths import Path
from p2pd.storage.block_cache import BlockCache, CachedBlocks
from p2pd.storage.file_handles import LOOK_SECONDS, FileHandles
from p2pd.storage.file_naming import FileNaming
from p2pd.storage.file_presence import file_state, is_allocated, presence, without_holes
from p2pd.storage.file_removal import remove_files
from p2pd.storage.folder_walk import (
    NOTHING_TO_SYNC,
    device_of,
    is_root,
    make_root,
    storage_error,
)
from p2pd.storage.interfaces import FileState, Presence
from p2pd.storage.open_files import OpenFile, OpenFiles


class FileStorage:
    """See interfaces.Storage. `root` is the download folder; `preallocation` one of three words."""

    def __init__(
        self,
        root: str,
        layout: FileLayout,
        open_files: OpenFiles,
        *,
        preallocation: str = "sparse",
        look_every: float = LOOK_SECONDS,
        cache: BlockCache | None = None,
        keep_free: Callable[[], int] = lambda: 0,
    ) -> None:
        """What `keep_free()` says is to be left of the file system when files are allocated.

        `cache`, shared by all torrents, keeps what `read_many` had to wait for."""
        self.root = root
        self.layout = layout
        self._naming = FileNaming(root, layout)
        self._syncing = threading.Lock()
        self._cached = CachedBlocks(cache or BlockCache(0), layout, self.read_into)
        self._handles = FileHandles(
            root,
            layout,
            open_files,
            preallocation=preallocation,
            look_every=look_every,
            keep_free=keep_free,
        )

    # -- reading -------------------------------------------------------------------------------

    def read(self, piece: int, begin: int, length: int) -> bytearray:
        """Bytes of a piece. Raises StorageError when the file is gone or too short."""
        data = bytearray(length)
        self.read_into(piece, begin, memoryview(data))
        return data

    def read_into(self, piece: int, begin: int, buffer: memoryview) -> None:
        """Fill `buffer` with bytes of a piece. Raises StorageError as `read` does."""
        at = 0
        for index, offset, length in self.layout.spans(piece, begin, len(buffer)):
            part = buffer[at : at + length]
            if index < 0 or self.layout.files[index].pad:
                part[:] = bytes(length)
            else:
                self._read(index, offset, part)
            at += length

    def read_many(self, requests: Sequence[Request]) -> list[bytes | bytearray | memoryview]:
        """The bytes of each request; neighbours are read in one go and are views of it."""
        if self._cached.cache.limit:
            return self._cached.read(requests)
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

    def read_now(
        self, requests: Sequence[Request], buffer: memoryview
    ) -> list[bytes | bytearray | memoryview] | None:
        """The bytes of each request, in `buffer` or elsewhere, if that needs no waiting; else None.

        The only method for the reactor's thread.
        """
        cached = self._cached.here(requests)
        if cached is not None:
            return cached
        blocks: list[bytes | bytearray | memoryview] = []
        at = 0
        for run in _runs(requests):
            total = sum(request.length for request in run)
            if not self._read_run_now(run[0].piece, run[0].begin, buffer[at : at + total]):
                return None
            for request in run:
                blocks.append(buffer[at : at + request.length])
                at += request.length
        self._cached.cache.at_once += len(requests)
        return blocks

    def _read_run_now(self, piece: int, begin: int, buffer: memoryview) -> bool:
        at = 0
        for index, offset, length in self.layout.spans(piece, begin, len(buffer)):
            part = buffer[at : at + length]
            if index < 0 or self.layout.files[index].pad:
                part[:] = bytes(length)
            elif not self._read_now(index, offset, part):
                return False
            at += length
        return True

    def _read_now(self, index: int, offset: int, buffer: memoryview) -> bool:
        file = self._handles.to_read_now(index)
        if file is None:
            return False
        try:
            return os.preadv(file.fd, [buffer], offset, file.prompt or 0) == len(buffer)
        except OSError:  # nothing of it is in memory, or there is trouble: a thread finds out
            return False
        finally:
            self._handles.put_back(file)

    def _read(self, index: int, offset: int, buffer: memoryview) -> None:
        with self._used(index, self._handles.to_read(index)) as fd:
            while buffer:
                size = os.preadv(fd, [buffer], offset)
                if not size:
                    shown = self._handles.shown(index)
                    raise StorageError(f"{shown}: the file is shorter than it should be")
                buffer = buffer[size:]
                offset += size

    def with_data(self, pieces: Sequence[int]) -> list[int]:
        """Those of the pieces of which any real file holds something."""
        asked, found = bytearray(self.layout.piece_count), bytearray(self.layout.piece_count)
        for piece in pieces:
            asked[piece] = 1
        for index, file in enumerate(self.layout.files):
            first, end = file.first_piece, file.end_piece
            if not file.pad and asked.find(1, first, end) >= 0:
                self._find_data(index, asked, found)
        return [piece for piece in pieces if found[piece]]

    def _find_data(self, index: int, asked: bytearray, found: bytearray) -> None:
        """Mark in `found` the asked pieces that the file has something of.

        Never asks where the data ends: the answer takes long where pages are what is kept.
        """
        file, length = self.layout.files[index], self.layout.piece_length
        end = file.end_piece
        try:
            entry = self._handles.to_read(index)
        except StorageError:
            return
        try:
            if without_holes(entry.fd, file.length):
                found[file.first_piece : end] = b"\x01" * (end - file.first_piece)
                return
            piece = asked.find(1, file.first_piece, end)
            while piece >= 0:
                start = max(0, piece * length - file.offset)
                data = os.lseek(entry.fd, start, os.SEEK_DATA)
                if data >= file.length:
                    break
                piece = max(piece, (file.offset + data) // length)
                found[piece] = 1
                piece = asked.find(1, piece + 1, end)
        except OSError as problem:
            # A file system that cannot tell holes from data: look at the bytes then.
            if problem.errno == errno.EINVAL:
                found[file.first_piece : end] = b"\x01" * (end - file.first_piece)
        finally:
            self._handles.put_back(entry)

    # -- writing -------------------------------------------------------------------------------

    def prepare(self) -> None:
        """Make the download folder, and the files that hold nothing."""
        try:
            self._handles.root_id = make_root(self.root)
        except OSError as problem:
            raise storage_error(self.root, problem) from None
        with self._handles.names:
            for index, file in enumerate(self.layout.files):
                empty = not file.length and not file.pad and file.symlink is None
                if empty and file_state(self.root, self.layout, index) is None:
                    self._handles.make(index)

    def write_piece(self, piece: int, data: bytes | bytearray | memoryview) -> None:
        """Write a whole piece, but for its padding. Raises StorageError."""
        self._cached.forget(piece)
        view = memoryview(data)
        at = 0
        for index, offset, length in self.layout.spans(piece, 0, len(view)):
            if index >= 0 and not self.layout.files[index].pad:
                self._write(index, offset, view[at : at + length])
            at += length

    def _write(self, index: int, offset: int, data: memoryview) -> None:
        with self._used(index, self._handles.to_write(index)) as fd:
            while data:
                written = os.pwrite(fd, data, offset)
                if not written:
                    shown = self._handles.shown(index)
                    raise StorageError(f"{shown}: the disk takes no more bytes")
                data = data[written:]
                offset += written
        self._handles.written(index, offset)

    def found(self, pieces: Iterable[int]) -> None:
        """See interfaces.Storage."""
        indices = {index for piece in pieces for index in self.layout.files_of_piece(piece)}
        self._handles.found({index for index in indices if not self.layout.files[index].pad})

    def sync(self) -> None:
        """fdatasync every file written or found since the last time, then the folders of new ones.

        Every file is tried; the first problem is raised. A file that is gone is tried no more.
        """
        # One at a time: who comes second may have nothing left to sync, but relies on the first.
        with self._syncing:
            written, found = self._handles.take_unsynced()
            problems = [problem for index in written if (problem := self._sync_written(index))]
            problems += [problem for index in found if (problem := self._sync_found(index))]
            if problems:
                raise problems[0]
            self._handles.sync_names()

    def _sync_written(self, index: int) -> StorageError | None:
        try:
            file = self._handles.to_write(index, look=True)
        except ReadOnlyError:
            return self._sync_found(index)
        except StorageError as problem:
            return problem
        try:
            os.fdatasync(file.fd)
        except OSError as problem:
            self._handles.written(index, 0)
            return storage_error(self._handles.shown(index), problem)
        finally:
            self._handles.put_back(file)
        return None

    def _sync_found(self, index: int) -> StorageError | None:
        """What we did not write ourselves we may not be allowed to write: reading must do."""
        try:
            file = self._handles.to_read(index)
        except StorageError as problem:
            return problem
        try:
            os.fdatasync(file.fd)
        except OSError as problem:
            if problem.errno in NOTHING_TO_SYNC:
                return None
            self._handles.found({index})
            return storage_error(self._handles.shown(index), problem)
        finally:
            self._handles.put_back(file)
        return None

    @contextmanager
    def _used(self, index: int, file: OpenFile) -> Iterator[int]:
        """The descriptor of a file, put back in the end; raises StorageError for its trouble."""
        try:
            yield file.fd
        except StorageError:
            raise
        except OSError as problem:
            raise storage_error(self._handles.shown(index), problem) from None
        finally:
            self._handles.put_back(file)

    # -- the files themselves ------------------------------------------------------------------

    def device(self) -> int:
        """The device of the download folder, or of where it will be made. Raises StorageError."""
        return device_of(self.root)

    def file_states(self) -> list[FileState | None]:
        """See interfaces.Storage."""
        with self._handles.names:
            indices = range(len(self.layout.files))
            states = [file_state(self.root, self.layout, index) for index in indices]
        self._handles.expect({index for index, state in enumerate(states) if state})
        return states

    def allocated(self, indices: Sequence[int]) -> bool:
        """See interfaces.Storage."""
        with self._handles.names:
            return all(is_allocated(self.root, self.layout, index) for index in indices)

    def same_folder(self) -> bool:
        """See interfaces.Storage."""
        return is_root(self.root, self._handles.root_id)

    def presence(self, least: Sequence[tuple[int, int]]) -> Presence:
        """See interfaces.Storage."""
        with self._handles.names:
            found = presence(self.root, self.layout, least)
            if found.there < found.asked:
                others = presence(self.root, self._naming.swapped(), least).there
                found = found._replace(there=min(found.asked, found.there + others))
            return found

    # -- their names ---------------------------------------------------------------------------

    @property
    def partial(self) -> frozenset[int]:
        """See interfaces.Storage."""
        return self._naming.partial

    def locate(self, begun: Collection[int], known: Sequence[FileState | None] | None) -> None:
        """See interfaces.Storage."""
        with self._named():
            self._naming.locate(begun, known)

    def give_names(
        self,
        complete: Collection[int],
        partial: Collection[int],
        keep: Collection[Path] | None = (),
    ) -> list[str]:
        """See interfaces.Storage."""
        with self._named():
            return self._naming.give(complete, partial, keep)

    def entry(self, old: Path, new: Path, named: FileLayout) -> tuple[Path, Path]:
        """See interfaces.Storage."""
        return self._naming.entry(old, new, named)

    def rename(self, old: Path, new: Path, named: FileLayout, entry: tuple[Path, Path]) -> None:
        """See interfaces.Storage."""
        with self._named():
            self._naming.rename(old, new, named, entry)

    @contextmanager
    def _named(self) -> Iterator[None]:
        """Names change; who goes by them waits, and has the new ones then."""
        with self._handles.names:
            try:
                yield
            finally:
                self.layout = self._naming.layout
                self._handles.use(self.layout)

    # -- removal -------------------------------------------------------------------------------

    def delete_files(self) -> None:
        """Remove the files, then the folders that this leaves empty, never the root itself.

        One that cannot be removed does not keep the others; the first problem is raised at the
        end. What is not a regular file is not ours and stays.
        """
        self._handles.forget()
        self._cached.forget()
        with self._handles.names:
            files = (file for file in self.layout.files if not file.pad and file.symlink is None)
            remove_files(self.root, [file.path for file in files])

    def close(self) -> None:
        """Give the descriptors back, and the memory."""
        self._handles.close()
        self._cached.forget()


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
