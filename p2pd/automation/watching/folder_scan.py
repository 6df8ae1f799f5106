"""What is in a watch folder, and what becomes of a file there. All of it blocks.

Every step below the folder is taken from the one before and through no link, so that whoever may
put files there has nothing read, moved or deleted that lies elsewhere.
"""

from __future__ import annotations

import os
import re
import shutil
import stat
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import NamedTuple

from p2pd.base.errors import StorageError
from p2pd.session.settings.watch_settings import WatchFolder

TORRENT = ".torrent"
LINKS = (".magnet", ".url")
"""Text with magnet links, or URLs of .torrent files."""

MAX_TORRENT = 32 * 1024 * 1024
MAX_TEXT = 256 * 1024
MOST_FOUND = 1000
"""Files of one look; the others are found when these are gone."""

MOST_ENTRIES = 200_000
MOST_FOLDERS = 10_000
MAX_DEPTH = 32
MOST_LINKS = 100

_LINK = re.compile(r"(?:magnet:\?|https?://)\S{1,8000}", re.IGNORECASE)
_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_FILE = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC

Parts = tuple[str, ...]


class Found(NamedTuple):
    """A file as it was seen: its path below the folder, and what changes while it is written."""

    parts: Parts
    size: int
    mtime_ns: int
    inode: int


class Scan(NamedTuple):
    """The files of a look, and all folders, for whoever is told of changes in them."""

    files: list[Found]
    folders: list[str]


def scan(watched: WatchFolder, private: str = "") -> Scan:
    """What is to be added in a folder. Raises StorageError if it cannot be read.

    Nothing is looked at in the `private` folder.
    """
    root = os.path.realpath(watched.folder)
    left_out = [os.path.realpath(path) for path in (private, watched.move_to) if path]
    if private and watched.move_to and _within(left_out[1], left_out[0]):
        raise StorageError(f"{watched.move_to}: what the daemon keeps of itself is there")
    files: list[Found] = []
    folders: list[str] = []
    waiting: list[Parts] = [()]
    entries = 0
    while waiting and len(folders) < MOST_FOLDERS:
        parts = waiting.pop()
        path = os.path.join(watched.folder, *parts)
        if any(_within(os.path.join(root, *parts), other) for other in left_out):
            continue
        try:
            below, found, seen = _look(watched.folder, parts)
        except OSError as problem:
            if not parts:
                raise _refused(watched.folder, problem) from None
            continue  # it went, or is not for us to read
        folders.append(path)
        files += found
        entries += seen
        if watched.recursive and len(parts) < MAX_DEPTH:
            waiting += below
        if entries > MOST_ENTRIES or len(files) >= MOST_FOUND:
            break
    return Scan(files[:MOST_FOUND], folders)


def read(watched: WatchFolder, found: Found) -> bytes | None:
    """The bytes of a file, None if it is not as it was seen. Raises StorageError."""
    limit = MAX_TORRENT if found.parts[-1].lower().endswith(TORRENT) else MAX_TEXT
    try:
        with _opened(watched.folder, found.parts[:-1]) as folder:
            fd = os.open(found.parts[-1], _FILE, dir_fd=folder)
            with open(fd, "rb") as file:
                if _found(found.parts, os.fstat(fd)) != found:
                    return None
                data = file.read(limit + 1)
                if _found(found.parts, os.fstat(fd)) != found:
                    return None
    except FileNotFoundError:
        return None
    except OSError as problem:
        raise _refused(_path(watched, found), problem) from None
    if len(data) > limit:
        raise StorageError(f"{_path(watched, found)} is bigger than {limit} bytes")
    return data


def links_in(data: bytes) -> list[str]:
    """The magnet links and URLs in a text, each once."""
    links = (match[0] for match in _LINK.finditer(data.decode("utf-8", "replace")))
    return list(dict.fromkeys(links))[:MOST_LINKS]


def put_away(watched: WatchFolder, found: Found) -> None:
    """What is to become of a file that was added. Raises StorageError."""
    try:
        with _opened(watched.folder, found.parts[:-1]) as folder:
            name = found.parts[-1]
            if watched.afterwards == "delete":
                os.unlink(name, dir_fd=folder)
            elif watched.afterwards == "move":
                _move(folder, name, watched.move_to)
            else:
                _rename(folder, name, ".added")
    except FileNotFoundError:
        return  # somebody else did
    except OSError as problem:
        raise _refused(_path(watched, found), problem) from None


def mark_invalid(watched: WatchFolder, found: Found) -> None:
    """Give a file that is none a name under which it is left alone. Raises StorageError."""
    try:
        with _opened(watched.folder, found.parts[:-1]) as folder:
            _rename(folder, found.parts[-1], ".invalid")
    except FileNotFoundError:
        return
    except OSError as problem:
        raise _refused(_path(watched, found), problem) from None


def _look(root: str, parts: Parts) -> tuple[list[Parts], list[Found], int]:
    below: list[Parts] = []
    found: list[Found] = []
    seen = 0
    with _opened(root, parts) as folder, os.scandir(folder) as entries:
        for entry in entries:
            seen += 1
            if seen > MOST_ENTRIES:
                break
            if entry.name.startswith("."):
                continue
            with suppress(FileNotFoundError):
                if entry.is_dir(follow_symlinks=False):
                    below.append((*parts, entry.name))
                elif _is_wanted(entry.name) and entry.is_file(follow_symlinks=False):
                    status = entry.stat(follow_symlinks=False)
                    found.append(_found((*parts, entry.name), status))
    return below, found, seen


def _within(path: str, folder: str) -> bool:
    return path == folder or path.startswith(folder.rstrip("/") + "/")


def _is_wanted(name: str) -> bool:
    return name.lower().endswith((TORRENT, *LINKS))


def _found(parts: Parts, status: os.stat_result) -> Found:
    if not stat.S_ISREG(status.st_mode):
        return Found(parts, -1, -1, -1)
    return Found(parts, status.st_size, status.st_mtime_ns, status.st_ino)


@contextmanager
def _opened(root: str, parts: Sequence[str]) -> Iterator[int]:
    """A folder below the root, whose own path is the user's choice. Raises OSError."""
    folder = os.open(root, _FOLDER & ~os.O_NOFOLLOW)
    try:
        for part in parts:
            child = os.open(part, _FOLDER, dir_fd=folder)
            os.close(folder)
            folder = child
        yield folder
    finally:
        os.close(folder)


def _rename(folder: int, name: str, suffix: str) -> None:
    """Name it so; what has that name already stays."""
    os.rename(name, _free(folder, name, suffix), src_dir_fd=folder, dst_dir_fd=folder)


def _move(folder: int, name: str, target: str) -> None:
    os.makedirs(target, exist_ok=True)
    there = os.open(target, _FOLDER & ~os.O_NOFOLLOW)
    try:
        free = _free(there, name)
        try:
            os.rename(name, free, src_dir_fd=folder, dst_dir_fd=there)
        except OSError as problem:
            if not isinstance(problem, FileNotFoundError):
                _copy(folder, name, there, free)
    finally:
        os.close(there)


def _copy(folder: int, name: str, there: int, free: str) -> None:
    """To another file system."""
    with (
        open(os.open(name, _FILE, dir_fd=folder), "rb") as source,
        open(
            os.open(free, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o666, dir_fd=there),
            "wb",
        ) as copy,
    ):
        shutil.copyfileobj(source, copy)
    os.unlink(name, dir_fd=folder)


def _free(folder: int, name: str, suffix: str = "") -> str:
    """A name that is not taken."""
    for number in range(1, 10_000):
        free = f"{name}{suffix}" if number == 1 else f"{name}.{number}{suffix}"
        try:
            os.stat(free, dir_fd=folder, follow_symlinks=False)
        except FileNotFoundError:
            return free
    raise FileExistsError(17, "there are too many of that name")


def _path(watched: WatchFolder, found: Found) -> str:
    return os.path.join(watched.folder, *found.parts)


def _refused(path: str, problem: OSError) -> StorageError:
    return StorageError(f"{path}: {problem.strerror or problem}")
