"""Keeps Python's search for garbage from holding the reactor up.

A full search goes through every object there is: with ten thousand torrents for a fifth of a second
and more, in which nobody is answered. What lives long is therefore set apart ("frozen"): after the
start all there is, and later whatever survived a search that took too long, if that was for its
number: a search that had much to free, or a machine with other work, is slow with few of them, and
to set those apart that happen to be at work spares nothing.

Garbage in cycles among what is frozen is not found any more, which is what a removed torrent is, or
a peer that has left. So after many removals, and when much was set apart, everything is searched
once again.
"""

from __future__ import annotations

import gc
import time
from typing import Any, Callable

from p2pd.base.clock import Clock, DelayedCall

TOO_LONG = 0.02
"""Seconds that a search may take before what survives it is set apart."""

MANY_LEFT = 20_000
"""Objects; with fewer it was not to go through them that took so long."""

LOOK_SECONDS = 3600.0

MANY_REMOVED = 1000
"""Torrents; some kilobytes each are worth a search through everything."""

MANY_APART = 100_000
"""Objects that were set apart since then; so are they: some 10 MiB, if all are garbage by now."""


class Garbage:
    """Freezes and searches. `removed_since` counts the torrents removed since a Unix time."""

    def __init__(
        self,
        clock: Clock,
        removed_since: Callable[[float], int],
        *,
        collector: Any = gc,
        now: Callable[[], float] = time.perf_counter,
        wall: Callable[[], float] = time.time,
    ) -> None:
        self._clock = clock
        self._removed_since = removed_since
        self._collector = collector
        self._now = now
        self._wall = wall
        self._searched_at = 0.0
        self._apart = 0
        self._began = 0.0
        self._call: DelayedCall | None = None

    def hold(self) -> None:
        """The start makes many objects and no garbage: search for none."""
        self._collector.disable()

    def start(self) -> None:
        """The start is over: set apart what is there."""
        self._search()
        self._collector.enable()
        self._collector.callbacks.append(self._noticed)
        self._call = self._clock.callLater(LOOK_SECONDS, self._look)

    def stop(self) -> None:
        """Leave everything to Python again."""
        self._collector.enable()
        if self._call is not None:
            self._call.cancel()
            self._call = None
            self._collector.callbacks.remove(self._noticed)

    def _search(self) -> None:
        self._searched_at = self._wall()
        self._collector.unfreeze()
        self._collector.collect()
        self._collector.freeze()
        self._apart = self._collector.get_freeze_count()

    def _look(self) -> None:
        self._call = self._clock.callLater(LOOK_SECONDS, self._look)
        apart = self._collector.get_freeze_count() - self._apart
        if apart >= MANY_APART or self._removed_since(self._searched_at) >= MANY_REMOVED:
            self._search()

    def _noticed(self, phase: str, info: dict[str, int]) -> None:
        """Python searches, or has searched, one of its generations."""
        if phase == "start":
            self._began = self._now()
        elif info["generation"] == 2 and self._now() - self._began > TOO_LONG:
            self._set_apart()

    def _set_apart(self) -> None:
        if len(self._collector.get_objects(generation=2)) >= MANY_LEFT:
            self._collector.freeze()
