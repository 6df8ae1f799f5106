"""Many timers behind one delayed call of the clock: what idle torrents wait with.

It is a Clock itself, so whoever is handed one need not know. Refuses to know what is waited for.
"""

from __future__ import annotations

import heapq
from functools import partial
from typing import Any, Callable

from p2pd.base.clock import Clock, DelayedCall

AT_ONCE = 50
"""Calls made in one turn: when thousands fall due together, others get their turns in between."""

FEW_DEAD = 64


class ScheduledCall:
    """A call that waits in a Schedule (a clock.DelayedCall)."""

    __slots__ = ("_schedule", "job")

    def __init__(self, schedule: Schedule, job: Callable[[], object]) -> None:
        self._schedule = schedule
        self.job: Callable[[], object] | None = job

    def cancel(self) -> None:
        """Do not make the call; nothing happens if it was made or cancelled before."""
        if self.job is not None:
            self.job = None
            self._schedule.cancelled()

    def active(self) -> int:
        """Whether the call is still to come."""
        return self.job is not None


class Schedule:
    """Calls in the order of their times, with one delayed call of `clock` for the earliest.

    A cancelled call stays in the heap until its time, or until half of the heap is dead.

    Why not a delayed call of the reactor for each: 10,000 that wait cost no time either way (1 us a
    turn of the reactor), but 393 bytes each there and 184 here, moving one takes 5.3 us there and
    3.3 here, and the reactor makes all that are due in one go, however many there are.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._heap: list[tuple[float, int, ScheduledCall]] = []
        self._serial = 0
        self._dead = 0
        self._running = False
        self._wake: DelayedCall | None = None
        self._wake_at = 0.0

    def __len__(self) -> int:
        """How many calls are to come."""
        return len(self._heap) - self._dead

    def seconds(self) -> float:
        """The clock's."""
        return self._clock.seconds()

    def callLater(  # noqa: N802 - Twisted's name
        self, delay: float, callable: Callable[..., object], *args: Any, **kwargs: Any
    ) -> ScheduledCall:
        """Call it in `delay` seconds."""
        job = partial(callable, *args, **kwargs) if args or kwargs else callable
        call = ScheduledCall(self, job)
        self._serial += 1
        heapq.heappush(self._heap, (self._clock.seconds() + delay, self._serial, call))
        self._arm()
        return call

    def cancelled(self) -> None:
        """One of the calls was cancelled."""
        self._dead += 1
        if self._dead > FEW_DEAD and self._dead * 2 > len(self._heap):
            self._heap = [entry for entry in self._heap if entry[2].job is not None]
            heapq.heapify(self._heap)
            self._dead = 0
        if len(self._heap) == self._dead:
            self._arm()

    def _arm(self) -> None:
        """See to it that we wake in time; an early wake-up does no harm, so it is left alone."""
        if self._running:
            return
        while self._heap and self._heap[0][2].job is None:
            heapq.heappop(self._heap)
            self._dead -= 1
        if self._wake is not None and self._heap and self._wake_at <= self._heap[0][0]:
            return
        if self._wake is not None:
            self._wake.cancel()
            self._wake = None
        if self._heap:
            self._wake_at = self._heap[0][0]
            wait = max(0.0, self._wake_at - self._clock.seconds())
            self._wake = self._clock.callLater(wait, self._run)

    def _run(self) -> None:
        self._wake = None
        self._running = True
        try:
            self._call_due(self._clock.seconds(), self._serial)
        finally:
            # If a call raised, the clock's owner reports it, and the others are made next turn.
            self._running = False
            self._arm()

    def _call_due(self, now: float, newest: int) -> None:
        """Make the calls that are due; not those that are scheduled meanwhile."""
        made = 0
        while self._heap and made < AT_ONCE:
            at, serial, call = self._heap[0]
            if at > now or serial > newest:
                return
            heapq.heappop(self._heap)
            job, call.job = call.job, None
            if job is None:
                self._dead -= 1
            else:
                made += 1
                job()
