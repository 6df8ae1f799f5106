"""A token bucket: what may move under one limit, and who waits for it, in order of fair shares.

Bytes are tokens. The bucket fills at its rate up to its burst, and may be overdrawn by what cannot
be cut or held back. Refuses to know what the limit is for; `now` is seconds of any clock.
"""

from __future__ import annotations

import heapq
import math
from typing import Any

BURST_SECONDS = 0.25
"""What an unused bucket saves up, besides what one transfer takes that cannot be cut: enough to
make up for a late turn of the reactor."""

QUANTUM_SECONDS = 0.025
"""What one peer gets in one turn: with less, more time goes into turns, writes and wake-ups than
into what is sent; with more, the others wait."""

LEAST_QUANTUM = 4096
MOST_QUANTUM = 256 * 1024

ROUNDING = 0.5
"""Bytes by which a level may fall short: a wait that was computed must end where it says."""

Waiter = Any
"""A meter that waits (meter.py)."""


class TokenBucket:
    """`rate` in bytes per second; 0 lets nothing through. `least_burst` in bytes.

    It starts empty, so that the first seconds are not faster than the others.

    Who waits is served in the order of start tags (start-time fair queueing): a waiter's tag is
    where its own finish tag left off, or where the bucket is, if that is later. So whoever takes
    more in one go waits longer for its next, and whoever was away has no claim to what it left.
    """

    __slots__ = ("_heap", "_least_burst", "_serial", "at", "burst", "level", "progress",
                 "quantum", "rate")  # fmt: skip

    def __init__(self, rate: float, now: float, *, least_burst: float = 0.0) -> None:
        self._least_burst = max(least_burst, LEAST_QUANTUM)
        self.at = now
        self._heap: list[tuple[float, int, Waiter]] = []
        self._serial = 0
        self.rate = 0.0
        self.level = 0.0
        self.progress = 0.0
        """The start tag of who was served last."""
        self.set_rate(rate, now)

    def set_rate(self, rate: float, now: float) -> None:
        """Another limit from now on; what was saved up beyond its burst is gone."""
        if rate < 0 or not math.isfinite(rate):
            raise ValueError(f"no rate: {rate}")
        self.refresh(now)
        self.rate = rate
        self.burst = self._least_burst + rate * BURST_SECONDS
        self.quantum = min(max(rate * QUANTUM_SECONDS, LEAST_QUANTUM), MOST_QUANTUM)
        """Bytes for one peer in one turn."""
        self.level = min(self.level, self.burst if rate else 0.0)
        # A debt is paid at the new rate: one that a faster limit left behind must not block it.
        self.level = max(self.level, -rate - self.burst)

    # -- tokens --------------------------------------------------------------------------------

    def refresh(self, now: float) -> float:
        """Bring the level up to date, and say it."""
        if now > self.at:
            self.level = min(self.burst, self.level + self.rate * (now - self.at))
            self.at = now
        return self.level

    def take(self, size: float) -> None:
        """`size` bytes move, whether there are as many or not."""
        self.level -= size

    def charge(self, size: float) -> None:
        """As `take`, for what nobody can hold back: the debt stays within a second's worth."""
        self.level = max(self.level - size, min(self.level, -max(self.rate, self.burst)))

    def give_back(self, size: float) -> None:
        """They did not move after all."""
        self.level = min(self.burst, self.level + size)

    def enough(self, least: float, want: float) -> float:
        """The level from which a turn is worth while for who wants so much."""
        return min(max(least, min(want, self.quantum)), self.burst)

    def seconds_until(self, level: float) -> float:
        """How long it takes from the last refresh until the level is reached."""
        missing = level - self.level
        if missing <= ROUNDING:
            return 0.0
        return missing / self.rate if self.rate else math.inf

    # -- who waits -----------------------------------------------------------------------------

    def join(self, tag: float, waiter: Waiter) -> int:
        """Wait here; the number says which entry it is, for `Waiter.entry`."""
        self._serial += 1
        heapq.heappush(self._heap, (tag, self._serial, waiter))
        return self._serial

    def first(self) -> tuple[float, Waiter] | None:
        """Who is next, with its tag; entries that were given up are dropped on the way."""
        heap = self._heap
        while heap:
            tag, serial, waiter = heap[0]
            if waiter.entry == (self, serial):
                return tag, waiter
            heapq.heappop(heap)
        return None

    def ready_in(self) -> float | None:
        """Seconds from the last refresh until the first has its turn; None when nobody waits."""
        first = self.first()
        if first is None:
            return None
        waiter = first[1]
        return self.seconds_until(self.enough(waiter.least, waiter.want))
