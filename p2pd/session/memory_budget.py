"""One bound on the bytes of pieces in flight, over all torrents of a session.

When it is spent the node stops *requesting*; it never queues without end behind a slow disk.
"""

from __future__ import annotations

from typing import Callable

from p2pd.session.piece_buffers import PieceBuffers
from p2pd.session.write_backlog import WriteBacklog

WAKE_SHARE = 16
"""Who waits for room is called when this part of the budget is free."""

BACKLOG_SHARE = 4
"""Peers are read from as long as no more than this part of the budget waits for the disk."""


class MemoryBudget:
    """Counts the bytes of piece buffers. `limit` is in bytes."""

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self.used = 0
        self.buffers = PieceBuffers()
        self.backlog = WriteBacklog(limit // BACKLOG_SHARE)
        self._waiting: dict[Callable[[], None], None] = {}
        self._reserved = 0

    def room_for(self, size: int) -> int:
        """How many buffers of `size` bytes may be opened now.

        One is always allowed while nothing is in flight: a piece larger than the whole budget
        would otherwise never be asked for. What a large piece was refused is kept back from
        smaller ones, which would else take every byte as it comes free, until it has its room.
        """
        if not self.used:
            return max(1, self.limit // size)
        free = self.limit - self.used
        if size < self._reserved:
            return max(0, (free - self._reserved) // size)
        room = max(0, free // size)
        self._reserved = 0 if room else min(size, self.limit)
        return room

    def take(self, size: int) -> None:
        """Count `size` bytes as in flight."""
        self.used += size

    def give(self, size: int) -> None:
        """Bytes came free: whoever waits for room is called, once, in the order they came.

        Not for every piece, but when a share of the budget is free: each of a dozen fast peers
        would otherwise be asked for a few blocks at a time, at the price of looking at them all.
        """
        self.used -= size
        if not self.used:
            self.buffers.clear()
        if self.limit - self.used >= self.limit // WAKE_SHARE or not self.used:
            waiting, self._waiting = self._waiting, {}
            for wake in waiting:
                wake()
            if self.limit - self.used >= self._reserved:
                # Whoever it was kept for had its chance just now and did not want it any more.
                self._reserved = 0

    def call_when_free(self, wake: Callable[[], None]) -> None:
        """Call `wake` when bytes come free; asking twice is calling once."""
        self._waiting[wake] = None
