"""Bytes of whole pieces that wait to be hashed and written, over all torrents of a session.

Requests that are on their way cannot be taken back, so a disk slower than the network is made up
for at the sockets: who brings data while the backlog is long is not read from until it is short
again, and TCP slows the sender down.
"""

from __future__ import annotations

from typing import Callable


class WriteBacklog:
    """`limit` is in bytes; it is short again when it has fallen to half of that."""

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self.size = 0
        self._waiting: dict[Callable[[], None], None] = {}

    @property
    def is_long(self) -> bool:
        """Whether nothing more should be read from peers now."""
        return self.size > self.limit

    def add(self, size: int) -> None:
        """A whole piece waits for the disk."""
        self.size += size

    def remove(self, size: int) -> None:
        """It is done with, one way or the other."""
        self.size -= size
        if self._waiting and self.size <= self.limit // 2:
            waiting, self._waiting = self._waiting, {}
            for resume in waiting:
                resume()

    def call_when_short(self, resume: Callable[[], None]) -> None:
        """Call `resume` once when enough is written; asking twice is calling once."""
        self._waiting[resume] = None

    def forget(self, resume: Callable[[], None]) -> None:
        """Nobody is there to be resumed any more."""
        self._waiting.pop(resume, None)
