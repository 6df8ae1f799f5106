"""What the descriptors of a process are for, by where their links in /proc lead."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import NamedTuple

OPEN_AT_ONCE = 2
"""How often one file of a torrent may be open: to be read or written, and to be checked."""

GONE = " (deleted)"


class Descriptors(NamedTuple):
    """How many are of each kind."""

    sockets: int
    files: int
    """Of torrents: they stay open until others need the place, so that they come and go by dozens
    with the torrents that happen to be at work, and tell nothing of a leak."""
    stale: int
    """Of these: files that are not there any more, and those that are open once too often."""
    others: int
    """Sockets, and all that is neither."""


def descriptors_of(links: Iterable[str], volumes: Sequence[Path]) -> Descriptors:
    """`links`: where each leads; `volumes`: folders of torrents, also while one is ``.gone``."""
    beginnings = tuple(str(each) for each in volumes)
    found, sockets, others = Counter[str](), 0, 0
    for link in links:
        if link.startswith(beginnings):
            found[link] += 1
        else:
            others += 1
            sockets += link.startswith("socket:")
    stale = sum(
        times if path.endswith(GONE) else max(0, times - OPEN_AT_ONCE)
        for path, times in found.items()
    )
    return Descriptors(sockets, found.total(), stale, others)
