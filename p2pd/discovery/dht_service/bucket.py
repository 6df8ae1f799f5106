"""How many of something may be taken a second."""

from __future__ import annotations

from p2pd.base.clock import Clock


class Bucket:
    """`rate` a second, and a second's worth at once; 0 is no bound. It may be set at any time."""

    def __init__(self, clock: Clock, rate: float) -> None:
        self.rate = rate
        self._clock = clock
        self._saved = rate
        self._at = clock.seconds()

    def take(self, wanted: int) -> int:
        """So many of these may be taken now; they count as taken."""
        now = self._clock.seconds()
        self._saved, self._at = min(self._saved + (now - self._at) * self.rate, self.rate), now
        if not self.rate:
            return wanted
        taken = min(wanted, int(self._saved))
        self._saved -= taken
        return taken
