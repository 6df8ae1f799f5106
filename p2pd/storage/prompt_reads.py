"""Which open files can be read without waiting for a disk, and so in the reactor's own thread.

The page cache of most file systems can be read on condition that nothing has to be fetched
(preadv2's RWF_NOWAIT). Memory file systems refuse the condition, but have nothing to fetch as long
as nothing is swapped out.
"""

from __future__ import annotations

import os

_NOWAIT: int = getattr(os, "RWF_NOWAIT", 0)
_MEMORY_FILE_SYSTEMS = ("tmpfs", "ramfs")
_MOUNTS = "/proc/self/mountinfo"
_SWAPS = "/proc/swaps"


def prompt_flags(fd: int) -> int | None:
    """The flags with which `os.preadv` never waits for this file; None when there are none.

    For a worker thread: it asks the file system.
    """
    if not _NOWAIT:
        return None
    try:
        os.preadv(fd, [bytearray(1)], 0, _NOWAIT)
    except BlockingIOError:
        pass
    except OSError:
        return 0 if _is_in_memory(fd) else None
    return _NOWAIT


def _is_in_memory(fd: int) -> bool:
    try:
        with open(_SWAPS, encoding="ascii", errors="replace") as swaps:
            if len(swaps.readlines()) > 1:
                return False
        device = os.fstat(fd).st_dev
        with open(_MOUNTS, encoding="utf-8", errors="replace") as mounts:
            return _type_of(f"{os.major(device)}:{os.minor(device)}", mounts.read()) in (
                _MEMORY_FILE_SYSTEMS
            )
    except OSError:
        return False


def _type_of(device: str, mounts: str) -> str:
    """The file system's type, by a line like ``25 24 0:23 / /dev/shm rw - tmpfs tmpfs rw``."""
    for line in mounts.splitlines():
        mount, _, behind = line.partition(" - ")
        fields = mount.split()
        if len(fields) > 2 and fields[2] == device and behind:
            return behind.split()[0]
    return ""
