"""What is shown of a web seed."""

from __future__ import annotations

import enum
from typing import NamedTuple


class Kind(enum.Enum):
    """How a web seed is asked."""

    FILES = "files"
    """By the files' paths (BEP 19)."""
    PIECES = "pieces"
    """By the pieces' numbers (BEP 17)."""


class SeedState(enum.Enum):
    """What it is doing."""

    RESTS = "idle"
    """Nothing is wanted of it, or nothing now."""
    SENDS = "downloading"
    WAITS = "waiting"
    """It failed, or is busy, and is asked again later."""
    REFUSED = "refused"
    """It must not be asked for this torrent, and `error` says why."""
    DROPPED = "dropped"
    """It was given up, and `error` says why."""


class SeedReport(NamedTuple):
    """`rate` is in bytes per second, `downloaded` in bytes; `next_at` is in Unix seconds, or 0."""

    url: str
    kind: Kind
    state: SeedState = SeedState.RESTS
    rate: float = 0.0
    downloaded: int = 0
    connections: int = 0
    error: str = ""
    next_at: float = 0.0
