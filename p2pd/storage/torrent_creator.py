"""Making a torrent of a file or folder on the disk, hashed in several threads.

Blocking: for a command line, or for a thread of its own in the daemon. Links inside a folder are
left out, they could lead anywhere; so are sockets, pipes and devices. What a torrent looks like is
the business of p2pd/formats/creator.py.
"""

from __future__ import annotations

import os
import stat
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from itertools import islice

from p2pd.base.errors import StorageError
from p2pd.formats.creator import (
    CreationOptions,
    CreationPlan,
    PieceHashes,
    SourceFile,
    TorrentDraft,
)

BATCH_BYTES = 4 * 1024 * 1024
MAX_DEPTH = 100
MAX_FILES = 200_000

Progress = Callable[[int, int], None]


@dataclass(frozen=True, slots=True)
class _OnDisk:
    """A file that was found: it must still be the same when it has been read."""

    path: str
    size: int
    mtime_ns: int
    executable: bool


def create_torrent(
    path: str,
    options: CreationOptions | None = None,
    *,
    workers: int = 2,
    progress: Progress | None = None,
    leave_out_links: bool = True,
) -> bytes:
    """The .torrent file for the file or folder at `path`, read by `workers` threads.

    `progress(done, total)` is told bytes, from the calling thread, after every few MiB; what it
    raises ends the work. Links in the folder are left out, or refused. Raises StorageError when a
    file cannot be read or changes meanwhile, and CreationError when no good torrent can be made,
    each with the reason in words.
    """
    plan, sources = _plan(os.path.abspath(path), options or CreationOptions(), leave_out_links)
    draft = TorrentDraft(plan)
    by_path = dict(zip((file.path for file in plan.files), sources, strict=True))
    ordered = [by_path.get(file.path) if not file.pad else None for file in draft.layout.files]
    hashes = _hash_all(draft, ordered, max(1, workers), progress)
    _check_unchanged(sources)
    return draft.assemble(hashes)


def _plan(
    path: str, options: CreationOptions, leave_out_links: bool
) -> tuple[CreationPlan, list[_OnDisk]]:
    name = os.path.basename(path)
    if not name:
        raise StorageError("the root of the file system cannot become a torrent")
    found: dict[tuple[str, ...], _OnDisk] = {}
    try:
        status = os.stat(path)
    except OSError as error:
        raise _refused(path, error) from None
    if stat.S_ISREG(status.st_mode):
        # The path that was given may be a link itself: then its target is what is meant.
        found = {(name,): _found(os.path.realpath(path), status)}
    elif stat.S_ISDIR(status.st_mode):
        found = dict(islice(_walk(path, leave_out_links), MAX_FILES + 1))
        if len(found) > MAX_FILES:
            raise StorageError(f"the folder {path!r} holds more than {MAX_FILES} files")
        if not found:
            raise StorageError(f"the folder {path!r} holds no files")
    else:
        raise StorageError(f"{path!r} is neither a file nor a folder")
    files = tuple(SourceFile(key, file.size, file.executable) for key, file in found.items())
    single = stat.S_ISREG(status.st_mode)
    return CreationPlan(name, files, single, options), list(found.values())


def _walk(root: str, leave_out_links: bool) -> Iterator[tuple[tuple[str, ...], _OnDisk]]:
    """All regular files below `root`; links are never followed."""
    folders: list[tuple[str, ...]] = [()]
    walked = 0
    while folders:
        folder = folders.pop()
        walked += 1
        if walked > MAX_FILES:
            raise StorageError(f"there are more than {MAX_FILES} folders in {root!r}")
        if len(folder) >= MAX_DEPTH:
            raise StorageError(f"the folders in {root!r} are nested deeper than {MAX_DEPTH}")
        try:
            with os.scandir(os.path.join(root, *folder)) as entries:
                for entry in entries:
                    if entry.is_symlink() and not leave_out_links:
                        raise StorageError(f"{entry.path!r} is a link: a torrent has none")
                    if entry.is_dir(follow_symlinks=False):
                        folders.append((*folder, entry.name))
                    elif entry.is_file(follow_symlinks=False):
                        status = entry.stat(follow_symlinks=False)
                        yield (*folder, entry.name), _found(entry.path, status)
        except OSError as error:
            raise _refused(os.path.join(root, *folder), error) from None


def _hash_all(
    draft: TorrentDraft,
    sources: list[_OnDisk | None],
    workers: int,
    progress: Progress | None,
) -> list[PieceHashes]:
    """Hash batches of pieces in threads, a few in advance, so that memory stays bounded."""
    layout = draft.layout
    step = max(1, BATCH_BYTES // draft.piece_length)
    batches = iter([
        range(start, min(start + step, layout.piece_count))
        for start in range(0, layout.piece_count, step)
    ])  # fmt: skip
    hashes: list[PieceHashes] = []
    done = 0
    pending: deque[tuple[range, Future[list[PieceHashes]]]] = deque()
    with ThreadPoolExecutor(workers, thread_name_prefix="torrent-creator") as threads:
        try:
            while True:
                while len(pending) < 2 * workers and (batch := next(batches, None)) is not None:
                    pending.append((batch, threads.submit(_hash_batch, draft, sources, batch)))
                if not pending:
                    return hashes
                pieces, future = pending.popleft()
                hashes += future.result()
                done += sum(layout.data_size(piece) for piece in pieces)
                if progress is not None:
                    progress(done, layout.total_length)
        finally:
            for _, future in pending:
                future.cancel()


def _hash_batch(
    draft: TorrentDraft, sources: list[_OnDisk | None], pieces: range
) -> list[PieceHashes]:
    """Read and hash some pieces in a row: each file is opened once."""
    hashes = []
    with _OneFile() as reader:
        for piece in pieces:
            parts = []
            for index, offset, length in draft.layout.spans(
                piece, 0, draft.layout.piece_size(piece)
            ):
                source = sources[index]
                parts.append(
                    bytes(length) if source is None else reader.read(source, offset, length)
                )
            hashes.append(draft.hash_piece(piece, parts[0] if len(parts) == 1 else b"".join(parts)))
    return hashes


class _OneFile:
    """Reads from one file at a time and keeps it open until another is asked for."""

    def __init__(self) -> None:
        self._source: _OnDisk | None = None
        self._fd = -1

    def __enter__(self) -> _OneFile:
        return self

    def __exit__(self, *_: object) -> None:
        self._close()

    def read(self, source: _OnDisk, offset: int, length: int) -> bytes:
        try:
            if self._source is not source:
                self._close()
                # Never wait on a pipe, nor follow a link, that took the file's place meanwhile.
                self._fd = os.open(source.path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
                self._source = source
            parts = []
            while length:
                part = os.pread(self._fd, length, offset)
                if not part:
                    raise StorageError(f"{source.path!r} became shorter while it was read")
                parts.append(part)
                offset += len(part)
                length -= len(part)
        except StorageError:
            raise
        except OSError as error:
            raise _refused(source.path, error) from None
        return parts[0] if len(parts) == 1 else b"".join(parts)

    def _close(self) -> None:
        if self._fd >= 0:
            os.close(self._fd)
        self._fd, self._source = -1, None


def _check_unchanged(sources: list[_OnDisk]) -> None:
    for source in sources:
        try:
            status = os.stat(source.path)
        except OSError as error:
            raise _refused(source.path, error) from None
        if (status.st_size, status.st_mtime_ns) != (source.size, source.mtime_ns):
            raise StorageError(f"{source.path!r} changed while it was read: try again")


def _found(path: str, status: os.stat_result) -> _OnDisk:
    executable = bool(status.st_mode & stat.S_IXUSR)
    return _OnDisk(path, status.st_size, status.st_mtime_ns, executable)


def _refused(path: str, error: OSError) -> StorageError:
    return StorageError(f"cannot read {path!r}: {error.strerror or error}")
