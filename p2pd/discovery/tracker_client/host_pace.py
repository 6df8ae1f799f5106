"""How many questions a second one tracker is asked, over all torrents of this daemon.

A daemon with thousands of torrents has reasons to ask about all of them at once: an address that
changed, a tracker that is back, a user who starts everything.
"""

from __future__ import annotations

from typing import Hashable

from twisted.internet.defer import Deferred

from p2pd.base.clock import Clock

PER_SECOND = 50.0
AT_ONCE = 50
"""Questions that go out without a wait, after a second without any."""

MOST_KEYS = 1000


class HostPace:
    """Has questions wait for their time, for each key by itself."""

    def __init__(
        self, clock: Clock, per_second: float = PER_SECOND, at_once: int = AT_ONCE
    ) -> None:
        self._clock = clock
        self._gap = 1.0 / per_second
        self._ahead = at_once / per_second
        self._due: dict[Hashable, float] = {}

    async def turn(self, key: Hashable) -> None:
        """Return when a question may go out. Cancelled, its time goes to nobody else."""
        now = self._clock.seconds()
        due = max(now, self._due.get(key, 0.0)) + self._gap
        self._due[key] = due
        if len(self._due) > MOST_KEYS:
            self._due = {each: at for each, at in self._due.items() if at > now}
        wait = due - now - self._ahead
        if wait > 0:
            passed: Deferred[None] = Deferred(lambda _: call.cancel())
            call = self._clock.callLater(wait, passed.callback, None)
            await passed
