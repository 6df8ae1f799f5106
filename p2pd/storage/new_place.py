"""Where a torrent's files are moved to.

They come in a folder of their own first, below the new root and named by the torrent, in which each
file is called by its number: what is in there is ours, whatever a kill left of it, and nothing that
was at the new place before can be meant. When all of them are there and right they get their names,
and none of these may be taken.

Every method is one short step that blocks, for a thread of the new place's device. Each may be
done again after it was cut off.
"""

from __future__ import annotations

import errno
import os
import stat
from contextlib import suppress
from typing import Iterable, Sequence

from p2pd.base.errors import DiskFullError, StorageError
from p2pd.formats.file_layout import FileLayout
from p2pd.storage.folder_walk import open_folder, storage_error, sync_names
from p2pd.storage.interfaces import Storage
from p2pd.storage.old_place import ABSENT, STAT_BLOCK, OldFile, OldPlace
from p2pd.storage.verifier import PieceVerifier

FOLDER = ".p2pd-moving-"
"""With the info-hash behind it."""

SECOND_NAME = "new"
"""What a file is called there until it gets its number."""

DOUBTFUL_BYTES = 32 * 1024 * 1024
"""What is copied again of a file that a kill cut off; more than is left unsynced at a time."""

ZERO_RUN = 64 * 1024
"""Zeros are left out of a sparse file's copy in runs of so many bytes."""

READ_BYTES = 256 * 1024

NO_LINKS = (
    errno.EXDEV, errno.EPERM, errno.EACCES, errno.EMLINK, errno.ENOSYS, errno.EOPNOTSUPP
)  # fmt: skip
"""A file cannot have a second name there: it is copied then."""


class NewPlace:
    """The files of a layout on their way to a root; `name` is the torrent's info-hash in hex."""

    def __init__(self, root: str, layout: FileLayout, name: str) -> None:
        self.root = root
        self.files = OldPlace(root, layout)
        """What has its name already."""
        self._layout = layout
        self._of = name
        self._folder = (FOLDER + name,)

    def staged_layout(self) -> FileLayout:
        """The layout of the files where they come first."""
        files = [
            file._replace(path=(*self._folder, str(index)))
            for index, file in enumerate(self._layout.files)
        ]
        return FileLayout(files, self._layout.piece_length, aligned=self._layout.aligned)

    # -- before anything is done ---------------------------------------------------------------

    def look(self, files: Sequence[OldFile], needed: int, keep_free: int = 0) -> None:
        """Whether they can come here, with so many bytes to copy. Raises StorageError.

        `keep_free` bytes are to be left free, if any are needed.
        """
        above = _nearest_folder(self.root)
        if not os.access(above, os.W_OK | os.X_OK):
            raise StorageError(f"{above}: no permission to write there")
        for file in files:
            self._refuse_taken(file.index)
        found = os.statvfs(above)
        free = max(0, found.f_bavail * found.f_frsize - keep_free)
        if free < needed:
            raise DiskFullError(
                f"{self.root}: {needed} bytes are to be copied, and there is room for {free}"
            )

    def _refuse_taken(self, index: int) -> None:
        path = self._layout.files[index].path
        try:
            with self.files.folder(path[:-1]) as folder:
                os.stat(path[-1], dir_fd=folder, follow_symlinks=False)
        except OSError as problem:
            if problem.errno == errno.ENOENT:
                return
            raise storage_error(self.files.shown(index), problem) from None
        raise StorageError(
            f"{self.files.shown(index)} is there already; if it is this torrent's data, have it "
            "found there instead of moving it"
        )

    def make(self) -> None:
        """Make the root, and the folder where the files come first. Raises StorageError."""
        try:
            os.makedirs(os.path.join(self.root, *self._folder), exist_ok=True)
            os.close(open_folder(self.root, self._folder, create=False))
            sync_names(self.root, [()])
        except OSError as problem:
            raise storage_error(self.root, problem) from None

    # -- copying -------------------------------------------------------------------------------

    def link(self, file: OldFile, old: OldPlace) -> bool:
        """Give the file a second name here; whether that can be. Raises StorageError."""
        path, name = self._layout.files[file.index].path, str(file.index)
        fd = self._open_folder()
        try:
            with suppress(FileNotFoundError):
                found = os.stat(name, dir_fd=fd, follow_symlinks=False)
                if (found.st_dev, found.st_ino) == file.identity:
                    return True
            with old.folder(path[:-1]) as folder:
                # Beside what was copied before, which is needed if this cannot be.
                with suppress(FileNotFoundError):
                    os.unlink(SECOND_NAME, dir_fd=fd)
                os.link(
                    path[-1], SECOND_NAME, src_dir_fd=folder, dst_dir_fd=fd, follow_symlinks=False
                )
            os.rename(SECOND_NAME, name, src_dir_fd=fd, dst_dir_fd=fd)
        except OSError as problem:
            if problem.errno in NO_LINKS:
                return False
            raise storage_error(old.shown(file.index), problem) from None
        finally:
            os.close(fd)
        return True

    def copied(self, file: OldFile) -> int:
        """From which byte on it is still to be copied: its size when it is all here."""
        try:
            fd = self._open_folder()
            try:
                found = os.stat(str(file.index), dir_fd=fd, follow_symlinks=False)
            finally:
                os.close(fd)
        except OSError as problem:
            if problem.errno == errno.ENOENT:
                return 0
            raise storage_error(self.root, problem) from None
        if (found.st_dev, found.st_ino) == file.identity:
            return file.size
        if (found.st_size, found.st_mtime_ns) == (file.size, file.mtime_ns):
            return file.size
        return max(0, min(found.st_size, file.size) - DOUBTFUL_BYTES)

    def write(self, index: int, offset: int, data: bytes, sparse: bool, sync: bool) -> None:
        """Write a part of a file; `sparse`: without its zeros; `sync`: and what came before."""
        fd = self._open(index)
        try:
            for at, run in _runs(data, sparse):
                while run:
                    written = os.pwrite(fd, run, offset + at)
                    if not written:
                        raise StorageError(f"{self.root}: the disk takes no more bytes")
                    at, run = at + written, run[written:]
            if sync:
                os.fdatasync(fd)
        except OSError as problem:
            raise storage_error(self.root, problem) from None
        finally:
            os.close(fd)

    def finish(self, file: OldFile) -> None:
        """Make the copy look as the file does, and bring it to the disk and out of memory.

        What is read of it after that is what the disk has.
        """
        fd = self._open(file.index)
        try:
            os.ftruncate(fd, file.size)
            if not file.sparse and os.fstat(fd).st_blocks * STAT_BLOCK < file.size:
                with suppress(OSError):  # no room, which will show, or no such thing there
                    os.posix_fallocate(fd, 0, file.size)
            with suppress(PermissionError):  # of a file system without modes
                os.fchmod(fd, file.mode)
            os.utime(fd, ns=(file.mtime_ns, file.mtime_ns))
            os.fsync(fd)
            os.posix_fadvise(fd, 0, 0, os.POSIX_FADV_DONTNEED)
        except OSError as problem:
            raise storage_error(self.root, problem) from None
        finally:
            os.close(fd)

    def wrong(self, staged: Storage, verifier: PieceVerifier, pieces: Iterable[int]) -> list[int]:
        """Those of the pieces that the copy has not right. Raises StorageError."""
        return [piece for piece in pieces if not _is_right(staged, verifier, self._layout, piece)]

    # -- names ---------------------------------------------------------------------------------

    def place(self, files: Sequence[OldFile]) -> None:
        """Give the files their names, and bring those to the disk. Raises StorageError.

        The folder where they came goes when it is empty, and so it may be gone already.
        """
        try:
            staging: int | None = open_folder(self.root, self._folder, create=False)
        except OSError as problem:
            if problem.errno != errno.ENOENT:
                raise storage_error(self.root, problem) from None
            staging = None
        try:
            for file in files:
                self._place(staging, file.index)
            paths = [self._layout.files[file.index].path for file in files]
            sync_names(self.root, {path[:depth] for path in paths for depth in range(len(path))})
        except OSError as problem:
            raise storage_error(self.root, problem) from None
        finally:
            if staging is not None:
                os.close(staging)
        remove_folder(self.root, self._of)

    def _place(self, staging: int | None, index: int) -> None:
        path, name = self._layout.files[index].path, str(index)
        found = None
        with suppress(FileNotFoundError):
            if staging is not None:
                found = os.stat(name, dir_fd=staging, follow_symlinks=False)
        if found is None or staging is None:
            if self.files.file(index) is None:
                raise StorageError(f"{self.files.shown(index)}: it is not there")
            return
        folder = open_folder(self.root, path[:-1], create=True)
        try:
            self._name(staging, name, found, folder, index)
        finally:
            os.close(folder)

    def _name(
        self, staging: int, name: str, found: os.stat_result, folder: int, index: int
    ) -> None:
        """By a second name and not by a rename: that would replace what is there."""
        final = self._layout.files[index].path[-1]
        try:
            os.link(name, final, src_dir_fd=staging, dst_dir_fd=folder, follow_symlinks=False)
        except FileExistsError:
            there = os.stat(final, dir_fd=folder, follow_symlinks=False)
            if not os.path.samestat(found, there):
                self._refuse_taken(index)
        except OSError as problem:
            if problem.errno not in NO_LINKS:
                raise
            self._refuse_taken(index)
            os.rename(name, final, src_dir_fd=staging, dst_dir_fd=folder)
            return
        os.unlink(name, dir_fd=staging)

    def take_back(self, files: Sequence[OldFile]) -> None:
        """Undo `place`, however far it came: what has its name of these goes back to be ours.

        Raises StorageError, also when neither is there: then it is not where it was placed.
        """
        staging = os.path.join(self.root, *self._folder)
        if not os.path.isdir(staging):
            if not any(self.files.file(file.index) for file in files):
                raise _not_there(staging)
            try:
                os.mkdir(staging)
            except OSError as problem:
                raise storage_error(staging, problem) from None
        fd = self._open_folder()
        try:
            for file in files:
                self._take_back(fd, file.index)
        except OSError as problem:
            raise storage_error(self.root, problem) from None
        finally:
            os.close(fd)

    def _take_back(self, staging: int, index: int) -> None:
        path, name = self._layout.files[index].path, str(index)
        there = self.files.file(index)
        if there is None:
            return
        found = None
        with suppress(FileNotFoundError):
            found = os.stat(name, dir_fd=staging, follow_symlinks=False)
        with self.files.folder(path[:-1]) as folder:
            if found is None:
                os.rename(path[-1], name, src_dir_fd=folder, dst_dir_fd=staging)
            elif (found.st_dev, found.st_ino) == there.identity:
                os.unlink(path[-1], dir_fd=folder)

    def clean(self) -> None:
        """It comes to nothing: remove what came, but for what has its name. Raises StorageError."""
        try:
            fd = open_folder(self.root, self._folder, create=False)
            try:
                for name in os.listdir(fd):
                    os.unlink(name, dir_fd=fd)
            finally:
                os.close(fd)
        except OSError as problem:
            if problem.errno not in ABSENT:
                raise storage_error(self.root, problem) from None
        self.files.remove_folders()
        remove_folder(self.root, self._of)

    def _open_folder(self) -> int:
        try:
            return open_folder(self.root, self._folder, create=False)
        except OSError as problem:
            shown = os.path.join(self.root, *self._folder)
            if problem.errno == errno.ENOENT:
                raise _not_there(shown) from None
            raise storage_error(shown, problem) from None

    def _open(self, index: int) -> int:
        flags = os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK
        folder = self._open_folder()
        try:
            return os.open(str(index), flags, 0o666, dir_fd=folder)
        except OSError as problem:
            raise storage_error(self.root, problem) from None
        finally:
            os.close(folder)


def _not_there(shown: str) -> StorageError:
    return StorageError(f"{shown}: what was copied is not there; is its volume mounted?")


def _nearest_folder(root: str) -> str:
    """The root, or the folder above it that is there. Raises StorageError."""
    folder = os.path.abspath(root)
    while True:
        try:
            if stat.S_ISDIR(os.stat(folder).st_mode):
                return folder
            raise StorageError(f"{folder}: it is not a folder")
        except OSError as problem:
            above = os.path.dirname(folder)
            if problem.errno != errno.ENOENT or above == folder:
                raise storage_error(folder, problem) from None
            folder = above


def _runs(data: bytes, sparse: bool) -> Iterable[tuple[int, memoryview]]:
    """The data, or of that which has holes the runs that are not all zeros."""
    view = memoryview(data)
    if not sparse:
        yield 0, view
        return
    zeros = bytes(ZERO_RUN)
    for at in range(0, len(view), ZERO_RUN):
        run = view[at : at + ZERO_RUN]
        if run != zeros[: len(run)]:
            yield at, run


def _is_right(storage: Storage, verifier: PieceVerifier, layout: FileLayout, piece: int) -> bool:
    check, size, done = verifier.start(piece), layout.piece_size(piece), 0
    buffer = memoryview(bytearray(min(size, READ_BYTES)))
    while done < size:
        part = buffer[: size - done]
        storage.read_into(piece, done, part)
        check.update(part)
        done += len(part)
    return check.passed()


def staged_paths(layout: FileLayout, name: str) -> tuple[tuple[str, ...], ...]:
    """Whatever a move of that torrent may have left in the folder where files come first."""
    names = [*map(str, range(len(layout.files))), SECOND_NAME]
    return tuple((FOLDER + name, each) for each in names)


def remove_folder(root: str, name: str) -> None:
    """Remove the folder where a torrent's files came first, if it is empty. Raises StorageError.

    After a return no power cut brings it back, nor what was in it.
    """
    path = os.path.join(root, FOLDER + name)
    for step in (lambda: os.rmdir(path), lambda: sync_names(root, [()])):
        try:
            step()
        except OSError as problem:
            if problem.errno not in (errno.ENOTEMPTY, errno.EEXIST, *ABSENT):
                raise storage_error(path, problem) from None
