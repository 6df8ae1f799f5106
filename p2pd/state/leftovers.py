"""What a kill leaves in a state folder of files that were being written, and nothing reads again.

Each is called by a name that this program gives, in the folder where it gives it: all else stays,
whoever put it there. What the folders of CAs have is known to swarm_ca/store.py, for other programs
may be at work in these; of ``state.db.new`` a start makes use (rebuilding.py). It blocks.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress

_NEW = r"\.new"
_PLACES: Sequence[tuple[tuple[str, ...], str]] = (
    ((), r"(control-token|nat-secret|node\.(key|was)|blocklist\.(ranges|json))" + _NEW),
    (("torrents",), r"[0-9a-f]{40}\.(torrent|json)" + _NEW),
    (("damaged",), r"state-[0-9]{8}-[0-9]{6}(-[0-9]+)?\.txt" + _NEW),
    (("revocations",), r"([0-9a-f]{64}\.pem|told\.json|unneeded\.json)" + _NEW),
    (("tls", r"[0-9a-f]{40}"), r"(torrent\.json|([0-9a-f]{32}|private)\.key)" + _NEW),
    (("enrolled", r"[0-9a-f]{16}"), r"(about\.json|[0-9a-f]{1,40}\.key)" + _NEW),
    (("backups",), r"p2pd-[0-9]{8}-[0-9]{6}\.tar" + _NEW),
    (("backups",), r"(making|restoring)\.(keys|db(-wal|-shm|-journal)?)"),
)
"""Patterns of names: the folders on the way, and the files there."""


def remove_leftovers(state_folder: str) -> list[str]:
    """Remove them, and say where they were; before anything else writes there.

    What cannot be removed stays: it keeps nobody from anything.
    """
    removed = []
    for folders, pattern in _PLACES:
        for folder in _folders(state_folder, folders):
            removed += remove_files(folder, pattern)
    return removed


def remove_files(folder: str, pattern: str) -> list[str]:
    """Remove files (no links, nor anything else) whose names match; the paths of those that go."""
    removed = []
    for path in _entries(folder, pattern, lambda entry: entry.is_file(follow_symlinks=False)):
        with suppress(OSError):
            os.unlink(path)
            removed.append(path)
    return removed


def _folders(root: str, patterns: tuple[str, ...]) -> Iterator[str]:
    if not patterns:
        yield root
        return
    for path in _entries(root, patterns[0], lambda entry: entry.is_dir(follow_symlinks=False)):
        yield from _folders(path, patterns[1:])


def _entries(folder: str, pattern: str, wanted: Callable[[os.DirEntry[str]], bool]) -> list[str]:
    is_meant = re.compile(pattern).fullmatch
    try:
        with os.scandir(folder) as entries:
            return sorted(one.path for one in entries if is_meant(one.name) and wanted(one))
    except OSError:
        return []
