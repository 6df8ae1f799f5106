"""File descriptors: how many the process may have, and who gets how many of them.

A daemon that runs out of them can neither read its files nor accept anybody, so what does not fit
is lowered at the start, and said.
"""

from __future__ import annotations

import resource
from dataclasses import dataclass

OTHERS = 256
"""The database, the log, ports, the reactor's own; and HTTP, to trackers and from callers."""

TRACKER = 2000
"""What a tracker of one's own accepts at most."""

MOST = 1024 * 1024
"""Where the system sets no limit."""

FEWEST_FILES = 8


@dataclass(frozen=True, slots=True)
class DescriptorShares:
    """Of a process with `limit` descriptors; `remark` says what was lowered, if anything was."""

    limit: int
    files: int
    """Data files to keep open."""
    connections: int
    """The most that clients may set: whatever nobody else needs."""
    remark: str = ""


def raise_limit() -> int:
    """Take all that this user may have; how many that is."""
    soft, hard = (
        MOST if each == resource.RLIM_INFINITY else each
        for each in resource.getrlimit(resource.RLIMIT_NOFILE)
    )
    if soft < hard:
        try:
            resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
        except (OSError, ValueError):
            return soft
    return max(soft, hard)


def share(limit: int, *, files: int, connections: int, tracker: bool) -> DescriptorShares:
    """Share `limit` out to so many open files and connections of peers, as far as it goes."""
    reserved = min(OTHERS + TRACKER * tracker, limit // 4)
    free = max(limit - reserved, FEWEST_FILES + 1)
    if files + connections <= free:
        return DescriptorShares(limit, files, free - files)
    fewer = max(FEWEST_FILES, free * files // (files + connections))
    remark = (
        f"the limit of {limit} file descriptors (ulimit -n) holds no {connections} connections and "
        f"{files} open files: they are {free - fewer} and {fewer} at most"
    )
    return DescriptorShares(limit, fewer, free - fewer, remark)
