"""How late the event loop is: a timer that notes by how much it was called too late."""

from __future__ import annotations

from p2pd.base.clock import Clock, DelayedCall
from p2pd.base.measures import SECONDS, Histogram

EVERY = 0.5
"""Seconds between two looks: often enough to see a loop that is always late, and no load."""


class LoopLag:
    """`seen` are seconds from the time that a call was due to the call."""

    def __init__(self, clock: Clock) -> None:
        self.seen = Histogram(SECONDS)
        self._clock = clock
        self._due = 0.0
        self._call: DelayedCall | None = None

    def start(self) -> None:
        """Look from now on."""
        self._due = self._clock.seconds() + EVERY
        self._call = self._clock.callLater(EVERY, self._look)

    def stop(self) -> None:
        """Look no more."""
        if self._call is not None and self._call.active():
            self._call.cancel()

    def _look(self) -> None:
        self.seen.observe(max(0.0, self._clock.seconds() - self._due))
        self.start()
