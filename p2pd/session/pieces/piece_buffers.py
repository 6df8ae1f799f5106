"""Buffers of finished pieces, kept for the next: fresh memory costs page faults, used has had them.

The one used last is given first, so that a download which the disk keeps up with stays within the
processor's cache, whatever the size of the torrent.
"""

from __future__ import annotations

SPARE_BYTES = 16 * 1024 * 1024


class PieceBuffers:
    """At most `limit` bytes of buffers that nobody uses, over all torrents of a session."""

    def __init__(self, limit: int = SPARE_BYTES) -> None:
        self.limit = limit
        self.spare_bytes = 0
        self._spare: dict[int, list[bytearray]] = {}

    def take(self, size: int) -> bytearray:
        """A buffer of `size` bytes; what is in it is not defined."""
        spare = self._spare.get(size)
        if not spare:
            return bytearray(size)
        self.spare_bytes -= size
        return spare.pop()

    def give(self, buffer: bytearray) -> None:
        """Nobody uses it any more. It must not have been resized."""
        size = len(buffer)
        if size > self.limit:
            return
        if self.spare_bytes + size > self.limit:
            self._make_room(size)
        self._spare.setdefault(size, []).append(buffer)
        self.spare_bytes += size

    def clear(self) -> None:
        """Give the memory back to the system."""
        self._spare.clear()
        self.spare_bytes = 0

    def _make_room(self, size: int) -> None:
        """Other sizes go first: they belong to torrents that may be finished."""
        for other in [other for other in self._spare if other != size]:
            self.spare_bytes -= other * len(self._spare.pop(other))
            if self.spare_bytes + size <= self.limit:
                return
        same = self._spare.get(size, [])
        while same and self.spare_bytes + size > self.limit:
            same.pop(0)
            self.spare_bytes -= size
