"""When certificates of ours begin to be valid, and end: those that show them see it then.

The wall clock may be set, forwards or back: it is looked at every minute, and what is passed anew,
or not any more, is seen as well. That costs nothing but the look.
"""

from __future__ import annotations

from bisect import bisect_right
from typing import Callable, Iterable

from p2pd.base.clock import Clock, DelayedCall

LOOK_SECONDS = 60.0
"""Between two looks at the wall clock."""


class Validity:
    """Calls `passed` when one of the `moments` (Unix seconds) is over, as `wall` tells the time."""

    def __init__(
        self,
        timers: Clock,
        wall: Callable[[], float],
        moments: Callable[[], Iterable[float]],
        passed: Callable[[], None],
    ) -> None:
        self._timers = timers
        self._wall = wall
        self._find = moments
        self._passed = passed
        self._moments: list[float] = []
        self._over = 0
        """How many of them were, when they were looked at last."""
        self._is_other = False
        self._alarm: DelayedCall | None = None

    def changed(self) -> None:
        """There are other moments than before; they are looked at in a turn of their own."""
        if not self._is_other:
            self._is_other = True
            self._wake(0.0)

    def close(self) -> None:
        """Call no more."""
        if self._alarm is not None and self._alarm.active():
            self._alarm.cancel()
        self._alarm = None

    def _wake(self, seconds: float) -> None:
        self.close()
        self._alarm = self._timers.callLater(seconds, self._look)

    def _look(self) -> None:
        self._alarm = None
        wall = self._wall()
        is_over = bisect_right(self._moments, wall) != self._over
        if self._is_other:
            self._is_other = False
            self._moments = sorted(set(self._find()))
        self._over = bisect_right(self._moments, wall)
        if self._moments:
            later = self._moments[self._over :][:1]
            # A moment late, so that what was to come has come.
            self._wake(min([LOOK_SECONDS, *(moment - wall + 1.0 for moment in later)]))
        if is_over:
            self._passed()
