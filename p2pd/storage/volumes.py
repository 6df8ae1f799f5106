"""What a download folder is on at the moment: whether it is there, may be written, has room."""

from __future__ import annotations

import os
from typing import NamedTuple

from p2pd.base.errors import MissingError
from p2pd.storage.folder_walk import RootId


class VolumeState(NamedTuple):
    """The folder's identity, and the file system's: `free` in bytes, for this user."""

    root: RootId
    read_only: bool
    free: int


def volume_state(folder: str) -> VolumeState:
    """Ask the system; this may wait for the disk. Raises MissingError naming the folder."""
    try:
        found, room = os.stat(folder), os.statvfs(folder)
        return VolumeState(
            (found.st_dev, found.st_ino),
            bool(room.f_flag & os.ST_RDONLY),
            room.f_bavail * room.f_frsize,
        )
    except OSError as problem:
        raise MissingError(f"{folder}: {problem.strerror}") from None
