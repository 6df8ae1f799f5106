"""How many peers to serve at one time where nobody said: as many as the upload rate carries.

The peers we serve are gone through, the fastest first, and each has to take more than the one
before: 1 KiB/s, 3, 5 and so on. So the slots grow with the square root of the rate, and none is so
slow that its peer had better be served by another. Where a limit is in force and not used up, there
is a slot more each round, for then it is the peers that are slow.
"""

from __future__ import annotations

from typing import Iterable

FIRST_RATE = 1024.0
RATE_STEP = 2048.0
LEAST_SLOTS = 5
MOST_SPARE = 50

GROWTH = 4
"""When all slots are worth it, there are this part more of them at the next round."""

UNUSED = 0.8
USED = 0.95
"""Of the limit: below the one there is room for another slot, above the other for one less."""


def slots_carried(rates: Iterable[float]) -> int:
    """For these rates to the peers that are served, in bytes per second, and one to try."""
    threshold, count = FIRST_RATE, 1
    for rate in sorted(rates, reverse=True):
        if rate < threshold:
            break
        threshold += RATE_STEP
        count += 1
    return count


class SlotCount:
    """The number that follows; `review` is called every ten seconds."""

    __slots__ = ("_spare", "count")

    def __init__(self) -> None:
        self.count = LEAST_SLOTS
        self._spare = 0

    def review(self, rates: Iterable[float], limit: float | None) -> int:
        """How many slots now; `limit` is that of all uploads, in bytes per second, if any."""
        rates = list(rates)
        used = sum(rates)
        if limit is None or used > USED * limit:
            self._spare = max(0, self._spare - 1)
        elif used < UNUSED * limit and len(rates) >= self.count:
            self._spare = min(MOST_SPARE, self._spare + 1)
        carried = slots_carried(rates)
        if carried > len(rates):
            carried += len(rates) // GROWTH
        self.count = max(LEAST_SLOTS, carried) + self._spare
        return self.count
