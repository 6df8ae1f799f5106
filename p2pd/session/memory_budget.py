"""One bound on the bytes of pieces in flight, over all torrents of a session.

When it is spent the node stops *requesting*; it never queues without end behind a slow disk.
"""

from __future__ import annotations

from typing import Callable


class MemoryBudget:
    """Counts the bytes of piece buffers. `limit` is in bytes."""

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self.used = 0
        self._waiting: dict[Callable[[], None], None] = {}

    def room_for(self, size: int) -> int:
        """How many buffers of `size` bytes may be opened now.

        One is always allowed while nothing is in flight: a piece larger than the whole budget
        would otherwise never be asked for.
        """
        if not self.used:
            return max(1, self.limit // size)
        return max(0, (self.limit - self.used) // size)

    def take(self, size: int) -> None:
        """Count `size` bytes as in flight."""
        self.used += size

    def give(self, size: int) -> None:
        """Bytes came free: whoever waits for room is called, once, in the order they came."""
        self.used -= size
        if self._waiting and self.used < self.limit:
            waiting, self._waiting = self._waiting, {}
            for wake in waiting:
                wake()

    def call_when_free(self, wake: Callable[[], None]) -> None:
        """Call `wake` when bytes come free; asking twice is calling once."""
        self._waiting[wake] = None

    def stop_waiting(self, wake: Callable[[], None]) -> None:
        """Do not call `wake` after all."""
        self._waiting.pop(wake, None)
