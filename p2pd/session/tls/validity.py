"""When certificates of ours begin to be valid, and end: those that show them see it then.

The wall clock may be set, forwards or back: it is looked at every minute, and what is passed anew,
or not any more, is seen as well. That costs nothing but the look.
"""

from __future__ import annotations

from bisect import bisect_left
from typing import Callable, Collection, Iterable

from p2pd.base.clock import Clock, DelayedCall

LOOK_SECONDS = 60.0
"""Between two looks at the wall clock."""


class Validity:
    """Calls `passed` when `moments` (Unix seconds) are over, as `wall` tells the time.

    Each comes with whose it is, and `passed` is told of whom they were.
    """

    def __init__(
        self,
        timers: Clock,
        wall: Callable[[], float],
        moments: Callable[[], Iterable[tuple[float, str]]],
        passed: Callable[[Collection[str]], None],
    ) -> None:
        self._timers = timers
        self._wall = wall
        self._find = moments
        self._passed = passed
        self._moments: list[float] = []
        self._whose: dict[float, list[str]] = {}
        self._over = 0
        """How many of them were, when they were looked at last."""
        self._is_other = False
        self._alarm: DelayedCall | None = None
        self._is_closed = False

    def changed(self) -> None:
        """There are other moments than before; they are looked at in a turn of their own."""
        if not (self._is_other or self._is_closed):
            self._is_other = True
            self._wake(0.0)

    def close(self) -> None:
        """Call no more."""
        self._is_closed = True
        self._rest()

    def _rest(self) -> None:
        if self._alarm is not None and self._alarm.active():
            self._alarm.cancel()
        self._alarm = None

    def _wake(self, seconds: float) -> None:
        self._rest()
        self._alarm = self._timers.callLater(seconds, self._look)

    def _look(self) -> None:
        self._alarm = None
        wall = self._wall()
        passed = self._passed_since(wall)
        if self._is_other:
            self._is_other = False
            self._whose = {}
            for moment, whose in self._find():
                self._whose.setdefault(moment, []).append(whose)
            self._moments = sorted(self._whose)
        # At that moment itself a certificate that ends is good still.
        self._over = bisect_left(self._moments, wall)
        if self._moments:
            later = self._moments[self._over :][:1]
            # A moment late, so that what was to come has come.
            self._wake(min([LOOK_SECONDS, *(moment - wall + 1.0 for moment in later)]))
        if passed:
            self._passed(passed)

    def _passed_since(self, wall: float) -> Collection[str]:
        """Of whom moments are over that were not, or the other way round."""
        now = bisect_left(self._moments, wall)
        moments = self._moments[min(now, self._over) : max(now, self._over)]
        return dict.fromkeys(whose for moment in moments for whose in self._whose[moment]).keys()
