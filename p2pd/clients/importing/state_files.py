"""Reading the files of another program: regular ones, of a bounded size, and only ever reading."""

from __future__ import annotations

import os
import stat
from pathlib import Path
from typing import NamedTuple

from p2pd.base.errors import P2pdError

MOST = 256 * 1024 * 1024
"""Bytes: Deluge keeps the progress of all torrents in one file."""


class StateFile(NamedTuple):
    """What is in a file, and when it was written (Unix seconds)."""

    data: bytes
    saved_at: float


def read(path: Path, most: int = MOST) -> StateFile:
    """The whole file. Raises P2pdError, which names it."""
    found = read_if_there(path, most)
    if found is None:
        raise P2pdError(f"{path}: No such file or directory")
    return found


def read_if_there(path: Path, most: int = MOST) -> StateFile | None:
    """The same, or None if there is no such file. Raises P2pdError."""
    try:
        with open(os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC), "rb") as file:
            known = os.fstat(file.fileno())
            if not stat.S_ISREG(known.st_mode):
                raise P2pdError(f"{path} is not a regular file")
            data = file.read(most + 1)
    except FileNotFoundError:
        return None
    except OSError as problem:
        raise P2pdError(f"{path}: {problem.strerror or problem}") from None
    if len(data) > most:
        raise P2pdError(f"{path} is bigger than {most} bytes")
    return StateFile(data, known.st_mtime)


def names(folder: Path, suffix: str) -> list[str]:
    """The names of the files in a folder that end so, in order, without that. Raises P2pdError."""
    try:
        found = sorted(entry.name for entry in os.scandir(folder) if entry.name.endswith(suffix))
    except OSError as problem:
        raise P2pdError(f"{folder}: {problem.strerror or problem}") from None
    return [name.removesuffix(suffix) for name in found]
