"""How much room a folder's file system has."""

from __future__ import annotations

import os

from p2pd.base.errors import P2pdError
from p2pd.session.api import FreeSpace


def free_space_of(path: str) -> FreeSpace:
    """Ask the system; this may wait for the disk. Raises P2pdError."""
    try:
        found = os.statvfs(path)
    except (OSError, ValueError) as problem:
        reason = problem.strerror if isinstance(problem, OSError) else str(problem)
        raise P2pdError(f"{path}: {reason}") from None
    return FreeSpace(path, found.f_bavail * found.f_frsize, found.f_blocks * found.f_frsize)
