"""How much of one core something may take in the long run, that others ask of us."""

from __future__ import annotations

from typing import Callable

from p2pd.base.clock import Clock
from p2pd.transports.spare_cpu import all_of_it


class CpuShare:
    """`share` (0 to 1) of a core, and `saved` seconds of it at once after a rest.

    Of what is `spare` (0 to 1), if not everything is.
    """

    def __init__(
        self, clock: Clock, share: float, saved: float, spare: Callable[[], float] = all_of_it
    ) -> None:
        self._clock = clock
        self._share = share
        self._spare = spare
        self._most = self._saved = saved
        self._at = clock.seconds()
        self.total = 0.0
        """CPU seconds that were spent."""

    def wait(self) -> float:
        """In how many seconds there is something left to spend; 0: there is."""
        now, share = self._clock.seconds(), self._share * self._spare()
        self._saved = min(self._saved + (now - self._at) * share, self._most)
        self._at = now
        return 0.0 if self._saved > 0 else -self._saved / share

    def spent(self, seconds: float) -> None:
        """So much of a core, even if that was more than there was: then the rest waits longer."""
        self._saved -= seconds
        self.total += seconds
