"""Torrents that announce anew since we are reached in another way, spread over some minutes.

Trackers, the DHT and neighbours pace what each of them is asked; that nothing else is done for
thousands of torrents in one turn, and that a tracker that many nodes share hears of those behind
one router not all at once, is seen to here.
"""

from __future__ import annotations

import random
from collections import deque
from typing import Any, Iterable

from p2pd.base.clock import Clock, DelayedCall

STEP_SECONDS = 1.0
"""Between two steps, give or take a half of it."""
PER_STEP = 10
"""Torrents of each, or more of them so that all is over in time."""
LONGEST_SECONDS = 300.0
"""What it takes at most, about."""


class Reannouncing:
    """One for a session; `rng` draws the order and the steps."""

    def __init__(self, timers: Clock, rng: random.Random) -> None:
        self._timers = timers
        self._rng = rng
        self._waiting: deque[Any] = deque()
        self._per_step = PER_STEP
        self._call: DelayedCall | None = None

    def __len__(self) -> int:
        return len(self._waiting)

    def begin(self, torrents: Iterable[Any]) -> None:
        """Have these announce from now on, with those that wait, each once."""
        waiting = list(dict.fromkeys([*self._waiting, *torrents]))
        self._rng.shuffle(waiting)
        self._waiting = deque(waiting)
        steps = int(LONGEST_SECONDS / STEP_SECONDS)
        self._per_step = max(PER_STEP, -(-len(waiting) // steps))
        if self._call is None and waiting:
            self._wait()

    def close(self) -> None:
        """The session ends."""
        self._waiting.clear()
        if self._call is not None and self._call.active():
            self._call.cancel()
        self._call = None

    def _wait(self) -> None:
        seconds = STEP_SECONDS * self._rng.uniform(0.5, 1.5)
        self._call = self._timers.callLater(seconds, self._step)

    def _step(self) -> None:
        self._call = None
        for _ in range(min(self._per_step, len(self._waiting))):
            torrent = self._waiting.popleft()
            if torrent.running:  # who begins later tells how we are reached then
                torrent.trackers.reannounce()
        if self._waiting:
            self._wait()
