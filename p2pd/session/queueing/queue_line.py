"""Who may run now, of those that download or of those that seed. Pure: a policy, and no clock.

    waits its turn -> runs -> is stalled -> runs ...

So many run as the line has places. One that is stalled has no place, and goes on running: the next
one has it. Whoever runs is never stopped to make room for another one, for that would take turns
without end: when a stalled one moves again the line is over its size until somebody leaves. Only
when its size is lowered do the last ones have to wait again, and never one that was started in
spite of the queue.
"""

from __future__ import annotations

import heapq
from typing import Callable, Generic, TypeVar

T = TypeVar("T")


class QueueLine(Generic[T]):
    """`size`: how many may run at once, None: as many as want to, and then nobody is noted here.

    `position` says who comes first: the lower one.
    """

    def __init__(self, size: int | None, position: Callable[[T], int]) -> None:
        self._size = size
        self._position = position
        self._counted: dict[T, None] = {}
        self._stalled: dict[T, None] = {}
        self._waiting: dict[T, None] = {}
        self._forced: set[T] = set()

    def __contains__(self, one: T) -> bool:
        return one in self._counted or one in self._stalled or one in self._waiting

    @property
    def size(self) -> int | None:
        """How many may run at once."""
        return self._size

    @property
    def is_on(self) -> bool:
        """Whether it has a size."""
        return self._size is not None

    @property
    def counted(self) -> list[T]:
        """Those that have a place."""
        return list(self._counted)

    @property
    def stalled(self) -> list[T]:
        """Those that run without one."""
        return list(self._stalled)

    @property
    def waiting(self) -> list[T]:
        """Those that wait, in no order."""
        return list(self._waiting)

    def waits(self, one: T) -> bool:
        """Whether it is not its turn."""
        return one in self._waiting

    def counts(self, one: T) -> bool:
        """Whether it has a place."""
        return one in self._counted

    # -- coming and going ----------------------------------------------------------------------

    def wait(self, one: T) -> None:
        """It wants to run, when it is its turn."""
        if self.is_on and one not in self:
            self._waiting[one] = None

    def runs(self, one: T) -> None:
        """It runs already, or has to: it is counted, whatever the size."""
        if self.is_on:
            self._waiting.pop(one, None)
            if one not in self._stalled:
                self._counted[one] = None

    def force(self, one: T) -> None:
        """The same, and it has to wait for nobody from now on."""
        if self.is_on:
            self.runs(one)
            self._forced.add(one)

    def leave(self, one: T) -> None:
        """It does not want to run, or cannot; nothing if it is not here."""
        for group in (self._counted, self._stalled, self._waiting):
            group.pop(one, None)
        self._forced.discard(one)

    def stall(self, one: T) -> None:
        """Nothing moves any more: another one has its place."""
        if one in self._counted:
            del self._counted[one]
            self._stalled[one] = None

    def move(self, one: T) -> None:
        """Something moves again: it counts again."""
        if one in self._stalled:
            del self._stalled[one]
            self._counted[one] = None

    # -- turns ---------------------------------------------------------------------------------

    def admit(self) -> list[T]:
        """Give free places to those that wait, the first one first: who runs from now on."""
        if self._size is None or not self._waiting:
            return []
        free = self._size - len(self._counted)
        if free <= 0:
            return []
        chosen = heapq.nsmallest(free, self._waiting, key=self._position)
        for one in chosen:
            self.runs(one)
        return chosen

    def resize(self, size: int | None) -> tuple[list[T], list[T]]:
        """Another size from now on: who runs then that waited, and who waits that ran.

        When it becomes None all may run, and are forgotten.
        """
        self._size = size
        if size is None:
            freed = self.waiting
            for group in (self._counted, self._stalled, self._waiting):
                group.clear()
            self._forced.clear()
            return freed, []
        return self.admit(), self._surplus(size)

    def _surplus(self, size: int) -> list[T]:
        over = len(self._counted) - size
        may_wait = [one for one in self._counted if one not in self._forced]
        last = heapq.nlargest(over, may_wait, key=self._position) if over > 0 else []
        for one in last:
            del self._counted[one]
            self._waiting[one] = None
        return last
