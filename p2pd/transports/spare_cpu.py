"""How much of its time a thread leaves unused.

What strangers ask of us before they are anybody's peers is made of that: a node with little to do
lets everybody in at once, and one that serves its peers with all it has keeps most of it for them.
"""

from __future__ import annotations

import time
from typing import Callable

from p2pd.base.clock import Clock

WINDOW = 0.25
"""Seconds over which it is looked at."""

LEAST = 0.25
"""Strangers are not kept out however much there is to do."""


class SpareCpu:
    """Of the thread that asks, which has to be the same one each time."""

    def __init__(self, clock: Clock, timer: Callable[[], float] = time.thread_time) -> None:
        """`timer` tells the CPU seconds of the thread that asks."""
        self._clock = clock
        self._timer = timer
        self._at = clock.seconds()
        self._used = timer()
        self._share = 1.0

    def share(self) -> float:
        """1: it had nothing to do lately; LEAST: it was at work all the time, or nearly."""
        now = self._clock.seconds()
        if now - self._at >= WINDOW:
            used = self._timer()
            busy = (used - self._used) / (now - self._at)
            self._at, self._used = now, used
            self._share = min(max(LEAST, 1 - busy), 1.0)
        return self._share


def all_of_it() -> float:
    """For those who have nobody else to think of."""
    return 1.0
