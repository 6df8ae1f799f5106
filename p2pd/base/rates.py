"""A rolling rate that costs nothing between readings."""

from __future__ import annotations


class RollingRate:
    """Bytes per second over about the last `window` seconds, in one-second buckets.

    With `longest` it can be asked for that many seconds, too. `add` is called once per wake-up, not
    per block; nothing ticks in between.
    """

    __slots__ = ("total", "_window", "_longest", "_buckets", "_second", "_started")

    def __init__(self, window: int = 10, longest: int = 0) -> None:
        self.total = 0
        self._window = window
        self._longest = max(window, longest)
        self._buckets: list[int] = []
        self._second = -1
        self._started = -1

    def add(self, amount: int, now: float) -> None:
        """Count `amount` bytes at `now` seconds."""
        second = int(now)
        if second != self._second:
            self._advance(second)
        self._buckets[second % self._longest] += amount
        self.total += amount

    def per_second(self, now: float, over: int = 0) -> float:
        """Bytes per second at `now`, over `window` or another number of seconds.

        A young rate is divided by its age, at least one second.
        """
        if self._second < 0:
            return 0.0
        second = int(now)
        if second != self._second:
            self._advance(second)
        over = over or self._window
        age = min(over, second - self._started + 1)
        longest, buckets = self._longest, self._buckets
        if over == longest:
            amount = sum(buckets)
        else:
            amount = sum([buckets[at % longest] for at in range(second - over + 1, second + 1)])
        return amount / max(1.0, min(age, now - self._started))

    def _advance(self, second: int) -> None:
        if self._second < 0 or second - self._second >= self._longest:
            self._buckets = [0] * self._longest
            self._started = second
        else:
            for passed in range(self._second + 1, second + 1):
                self._buckets[passed % self._longest] = 0
        self._second = second
