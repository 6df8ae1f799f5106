"""A rolling rate that costs nothing between readings."""

from __future__ import annotations


class RollingRate:
    """Bytes per second over about the last `window` seconds, in `window` one-second buckets.

    `add` is called once per wake-up, not per block; nothing ticks in between.
    """

    __slots__ = ("total", "_window", "_buckets", "_second", "_started")

    def __init__(self, window: int = 10) -> None:
        self.total = 0
        self._window = window
        self._buckets = [0] * window
        self._second = -1
        self._started = -1

    def add(self, amount: int, now: float) -> None:
        """Count `amount` bytes at `now` seconds."""
        second = int(now)
        if second != self._second:
            self._advance(second)
        self._buckets[second % self._window] += amount
        self.total += amount

    def per_second(self, now: float) -> float:
        """Bytes per second at `now`; a young rate is divided by its age, at least one second."""
        if self._second < 0:
            return 0.0
        second = int(now)
        if second != self._second:
            self._advance(second)
        age = min(self._window, second - self._started + 1)
        return sum(self._buckets) / max(1.0, min(age, now - self._started))

    def _advance(self, second: int) -> None:
        if self._second < 0:
            self._started = second
        elif second - self._second >= self._window:
            self._buckets = [0] * self._window
            self._started = second
        else:
            for passed in range(self._second + 1, second + 1):
                self._buckets[passed % self._window] = 0
        self._second = second
