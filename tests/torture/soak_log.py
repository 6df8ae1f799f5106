"""Which lines of a daemon's log a user can act on: all warnings and errors have to be such."""

from __future__ import annotations

import re
from collections.abc import Iterator

_LOUD = re.compile(r"^\S+ \S+ (?:warn|error|critical)\b")
_QUIET = re.compile(r"^\S+ \S+ (?:debug|info)\b")

_REASONS = "|".join(
    (
        "Input/output error",
        "No space left on device",
        "Permission denied",
        "No such file or directory",
        "disk I/O error",
        "the disk takes no more bytes",
        "the file is shorter than it should be",
        "the file was removed while it was in use; verify the torrent",
        "the file became shorter while it was in use; verify the torrent",
        "the disk does not answer",
        "data is not there",
    )
)
FOR_USERS = tuple(
    re.compile(pattern)
    for pattern in (
        # A path, and the system's reason: that disk is to be looked at.
        rf"/\S.*: (?:{_REASONS})",
        r"the disk of /.* (?:is full; |does not answer; |is well again)",
        r"moving to /.* waits: ",
        r"the download folder cannot be written: /",
        r"/\S.*: data is not there, and .* until it is back",
        r"what was copied to /.* is still there: ",
        r"configuration refused, nothing changed: ",
    )
)


def not_for_users(text: str) -> Iterator[str]:
    """The loud lines of a log that tell of nothing to be done, and those of no known form."""
    for line in text.splitlines():
        loud = _LOUD.match(line)
        if not line.strip() or _QUIET.match(line):
            continue
        if not loud or not any(pattern.search(line) for pattern in FOR_USERS):
            yield line
