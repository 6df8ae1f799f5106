"""When to ask an engine how far it is, and what its answers make of a transfer.

Asking costs the engine time, and asking seldom costs precision at the end: so it is asked seldom
in the middle and often when it is nearly done.
"""

from __future__ import annotations

from dataclasses import dataclass

AT_FIRST, LATER = 0.01, 0.05
"""Seconds between questions while nothing moves."""

SELDOM, OFTEN = 0.2, 0.004
"""Seconds between questions in the middle of a transfer and at its end."""


def next_pause(since_begin: float, begun_at: float, progress: float) -> float:
    """Seconds to wait before the next question.

    `since_begin`: seconds since the first progress was seen; `begun_at`: what it was then.
    """
    if progress <= begun_at or since_begin <= 0:
        return patience(since_begin)
    remaining = since_begin * (1 - progress) / (progress - begun_at)
    return min(SELDOM, max(OFTEN, remaining / 3))


def patience(waited: float) -> float:
    """Seconds to wait before the next question after `waited` seconds without news."""
    return min(LATER, max(AT_FIRST, waited / 20))


@dataclass(slots=True)
class TransferClock:
    """From the first progress that is seen to the end. Times in seconds, progress 0 to 1.

    What came before the first answer with progress is left out of both bytes and time, and so are
    the delays of dialling and choking, which are no matter of throughput. `asked` is when it was
    asked for.
    """

    asked: float
    begun: float | None = None
    begun_at: float = 0.0
    ended: float = 0.0

    def saw(self, now: float, progress: float) -> float:
        """Note an answer; returns the pause before the next question."""
        self.ended = now
        if self.begun is None:
            if progress <= 0:
                return patience(now - self.asked)
            self.begun, self.begun_at = now, progress
        return next_pause(now - self.begun, self.begun_at, progress)

    def rate(self, size: int) -> float:
        """Bytes a second; from when it was asked for if all of it was there at the first answer."""
        if self.begun is None or self.begun_at >= 1 or self.ended <= self.begun:
            return size / max(self.ended - self.asked, 1e-9)
        return size * (1 - self.begun_at) / (self.ended - self.begun)
