"""All limits of one direction, by name, and the turns of the peers that wait under them.

A name is whatever its owner says: the session, a label, a torrent. A limit that is not set has no
bucket, so it is in nobody's way; where no limit is set a peer has no meter at all.
"""

from __future__ import annotations

import math
from typing import Callable, Hashable, Iterable

from p2pd.swarm.bandwidth.token_bucket import TokenBucket

TURN_SECONDS = 0.025
"""Turns come no closer together than this, however high the rates."""

TURN_TAKES = 500
"""Peers resumed in one turn: with more, others wait too long for the reactor."""


class LimitTree:
    """`least_burst` in bytes: what one transfer takes that cannot be cut.

    `wake` is called with the time from which somebody can have a turn, when that is news.
    """

    def __init__(self, *, least_burst: float, wake: Callable[[float], None]) -> None:
        self._least_burst = least_burst
        self._wake = wake
        self._buckets: dict[Hashable, TokenBucket] = {}
        self._waited: dict[TokenBucket, None] = {}
        self._turn_at = -math.inf

    # -- limits --------------------------------------------------------------------------------

    def set_rate(self, name: Hashable, rate: float | None, now: float) -> None:
        """Limit what goes by this name to `rate` bytes per second; None: no longer.

        Meters that have the bucket of a limit that is gone must be given another chain.
        """
        bucket = self._buckets.get(name)
        if rate is None:
            self._buckets.pop(name, None)
        elif bucket is None:
            self._buckets[name] = self.bucket(rate, now)
        elif bucket.rate != rate:
            bucket.set_rate(rate, now)
            self._tell(bucket)

    def bucket(self, rate: float, now: float) -> TokenBucket:
        """A bucket of this direction that has no name: for one peer alone."""
        return TokenBucket(rate, now, least_burst=self._least_burst)

    def chain(self, names: Iterable[Hashable]) -> tuple[TokenBucket, ...]:
        """The buckets of those names that are limited."""
        buckets = self._buckets
        return tuple(buckets[name] for name in names if name in buckets)

    def rate(self, names: Iterable[Hashable]) -> float | None:
        """The lowest of their limits in bytes per second; None when there is none."""
        return min((bucket.rate for bucket in self.chain(names)), default=None)

    # -- turns ---------------------------------------------------------------------------------

    def has_waiter(self, bucket: TokenBucket) -> None:
        """Somebody waits at this bucket (meter.Turns)."""
        self._waited[bucket] = None
        self._tell(bucket)

    def next_turn(self, now: float) -> float | None:
        """When to call `run`, in seconds of the clock; None when nobody can be served ever."""
        due = math.inf
        for bucket in list(self._waited):
            bucket.refresh(now)
            wait = bucket.ready_in()
            if wait is None:
                del self._waited[bucket]
            else:
                due = min(due, now + wait)
        return None if due == math.inf else max(due, self._turn_at + TURN_SECONDS)

    def run(self, now: float) -> None:
        """Resume who can be served, the one that had least first, until there is no more."""
        self._turn_at = now
        left = TURN_TAKES
        progress = True
        while progress and left > 0:
            progress = False
            for bucket in list(self._waited):
                bucket.refresh(now)
                while left > 0 and bucket.ready_in() == 0.0:
                    first = bucket.first()
                    assert first is not None
                    left -= 1
                    progress = True
                    first[1].turn()

    def _tell(self, bucket: TokenBucket) -> None:
        wait = bucket.ready_in()
        if wait is not None and wait < math.inf:
            self._wake(max(bucket.at + wait, self._turn_at + TURN_SECONDS))
