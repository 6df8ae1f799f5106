"""How many questions may be under way to one tracker, over all torrents of this daemon.

Thousands of torrents that start together neither flood a tracker nor use up all sockets, and
those that wait for a dead tracker wait for that one alone.
"""

from __future__ import annotations

from typing import Awaitable, Callable, Hashable, TypeVar

from twisted.internet.defer import DeferredSemaphore

T = TypeVar("T")


class HostGate:
    """Lets `limit` pieces of work pass at a time for each key."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._gates: dict[Hashable, DeferredSemaphore] = {}
        self._inside: dict[Hashable, int] = {}
        self.under_way = 0

    @property
    def waiting(self) -> int:
        """Pieces of work whose turn has not come."""
        return sum(self._inside.values()) - self.under_way

    async def run(self, key: Hashable, work: Callable[[], Awaitable[T]]) -> T:
        """Do the work when it is its turn. Cancelled while it waits, it never begins."""
        gate = self._gates.setdefault(key, DeferredSemaphore(self._limit))
        self._inside[key] = self._inside.get(key, 0) + 1
        try:
            await gate.acquire()
            self.under_way += 1
            try:
                return await work()
            finally:
                self.under_way -= 1
                gate.release()
        finally:
            self._inside[key] -= 1
            if not self._inside[key]:
                del self._inside[key], self._gates[key]
