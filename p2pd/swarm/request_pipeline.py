"""How many requests to keep waiting at one peer, and how long to wait for an answer (BEP 3).

The window follows what the peer delivers: rate times the time a request takes. At first it grows
by one with each block, doubling each round trip, until the rate no longer grows. Counted once per
wake-up, not per block. Refuses to know of pieces and sockets; `now` is seconds of any clock.
"""

from __future__ import annotations

from p2pd.base.requests import BLOCK_SIZE

MIN_TARGET = 4
MAX_TARGET = 2000
UNTOLD_LIMIT = 250
"""Requests that a peer is trusted to keep when it did not say how many (BEP 10, `reqq`)."""

QUEUE_SECONDS = 1.5
MAX_QUEUE_SECONDS = 6.0
"""Seconds of data to have on order: enough that the peer is never without a request."""

LIMITED_SECONDS = 3.0
"""Seconds of data to have on order at most where we limit the rate ourselves."""

SHORTEST_TIMEOUT = 5.0
LONGEST_TIMEOUT = 60.0
FIRST_TIMEOUT = 30.0

_ROUND = 1.0
_STILL_GROWING = 1.1


class RequestWindow:
    """The request window of one peer.

    `snubbed`: a request timed out and nothing has come since. `response_time`: smoothed seconds
    from a request to its block, waiting in the peer's queue included; None before the first.
    """

    __slots__ = (
        "_deviation", "_first_timeout", "_idle_since", "_in_slow_start", "_limit", "_quickest",
        "_rate", "_rate_limit", "_round_bytes", "_round_started", "_sent", "_timeouts", "_told",
        "_waiting", "_window", "response_time", "snubbed",
    )  # fmt: skip

    def __init__(
        self, *, initial_timeout: float = FIRST_TIMEOUT, limit: int = UNTOLD_LIMIT
    ) -> None:
        """`initial_timeout` in seconds holds until a response was measured."""
        self._first_timeout = initial_timeout
        self._told = limit
        self._rate_limit = MAX_TARGET
        self._limit = limit
        self._window = 2 * MIN_TARGET
        self._in_slow_start = True
        self._rate = 0.0
        self._idle_since = 0.0
        self._round_started: float | None = None
        self._round_bytes = 0
        self._sent: list[list[float]] = []
        self._waiting = 0
        self._quickest = float("inf")
        self._deviation = 0.0
        self._timeouts = 0
        self.response_time: float | None = None
        self.snubbed = False

    def set_limit(self, requests: int) -> None:
        """The peer says how many requests it keeps (BEP 10, `reqq`); others it would drop."""
        self._told = max(1, requests)
        self._limit = min(self._told, self._rate_limit)

    def set_rate_limit(self, rate: float | None) -> None:
        """We take no more than `rate` bytes per second of it: what is asked is to match that.

        At a rate of 0 nothing is asked at all; None: no limit.
        """
        if rate is None:
            self._rate_limit = MAX_TARGET
        else:
            self._rate_limit = int(rate * LIMITED_SECONDS / BLOCK_SIZE) + 2 if rate else 0
        self._limit = min(self._told, self._rate_limit)

    @property
    def most(self) -> int:
        """Requests that are never exceeded."""
        return self._limit

    # -- what happens -------------------------------------------------------------------------

    def on_request_sent(self, count: int, now: float) -> None:
        """`count` requests were sent in one go."""
        if self._round_started is None:
            self._round_started = now
        elif not self._waiting:  # time in which nothing was asked for says nothing of the peer
            self._round_started = min(now, self._round_started + now - self._idle_since)
        self._sent.append([now, count])
        self._waiting += count

    def on_blocks(self, count: int, size: int, now: float) -> None:
        """`count` blocks of together `size` bytes came in one go."""
        if count <= 0:
            return
        self._timeouts = 0
        if self.snubbed:
            self.snubbed, self._in_slow_start = False, True
            self._window = MIN_TARGET
        if self._waiting:
            self._measure_response(now - self._sent[0][0])
            self._forget_oldest(count)
            self._idle_since = now
        self._measure_rate(size, now)
        if self._in_slow_start:
            self._window = min(self._window + count, MAX_TARGET)

    def timed_out(self, waiting_since: float, now: float) -> bool:
        """Whether a peer of which nothing came since `waiting_since` took too long.

        When it did, the peer is snubbed from now on, and the next wait may take twice as long.
        """
        if now - waiting_since < self.timeout:
            return False
        self._timeouts += 1
        self.snubbed = True
        self._in_slow_start = False
        self._rate = 0.0
        self._forget_oldest(self._waiting)
        self._idle_since = now
        return True

    # -- what follows -------------------------------------------------------------------------

    def target(self) -> int:
        """Requests to keep waiting at the peer."""
        if self.snubbed:
            return min(1, self._limit)  # one is enough to see whether it wakes up
        if self._in_slow_start:
            wanted = self._window
        else:
            wanted = int(self._rate * self._queue_seconds / BLOCK_SIZE) + 1
        return min(max(wanted, MIN_TARGET), self._limit, MAX_TARGET)

    def refill(self, outstanding: int) -> int:
        """How many to ask for now: none until an eighth of the window is free."""
        self._forget_oldest(self._waiting - outstanding)  # withdrawn, rejected or lost in a choke
        target = self.target()
        room = target - outstanding
        return room if room > 0 and room >= target // 8 else 0

    def answer_takes(self, ahead: int, now: float) -> float:
        """Seconds to the answer of a request behind so many others; infinite: nobody knows.

        A peer that has been silent for longer than a block should take is taken to need as long
        again.
        """
        if self.snubbed or self.response_time is None:
            return float("inf")
        each = self._block_seconds(self.response_time)
        return max(each, self._silence(now)) + ahead * each

    def answers_within(self, seconds: float, now: float) -> int:
        """How many of the requests that wait should be answered within so many seconds."""
        silence = self._silence(now)
        if self.snubbed or silence > seconds:
            return 0
        if self.response_time is None:
            return self._waiting  # there was no time to answer yet
        each = self._block_seconds(self.response_time)
        left = seconds - max(each, silence)
        if left < 0:
            return 0
        return self._waiting if each * self._waiting <= left else 1 + int(left / each)

    def _block_seconds(self, response_time: float) -> float:
        """What each block of many takes; at first as long as it takes to come."""
        return BLOCK_SIZE / self._rate if self._rate else response_time

    def _silence(self, now: float) -> float:
        """For how long it has not sent what it was asked for."""
        return now - max(self._idle_since, self._sent[0][0]) if self._sent else 0.0

    @property
    def timeout(self) -> float:
        """Seconds to wait for an answer."""
        if self.response_time is None:
            base = self._first_timeout
        else:
            base = max(SHORTEST_TIMEOUT, self.response_time + 4 * self._deviation)
        return min(base * (1 << min(self._timeouts, 6)), max(LONGEST_TIMEOUT, self._first_timeout))

    @property
    def rate(self) -> float:
        """Smoothed bytes per second while something was asked for."""
        return self._rate

    @property
    def score(self) -> float:
        """Who is asked first: the greater, the more and the sooner a request brings."""
        if self.snubbed:
            return -1.0
        return self._rate / (1.0 + (self.response_time or 0.0))

    # -- measuring ----------------------------------------------------------------------------

    @property
    def _queue_seconds(self) -> float:
        if self._quickest == float("inf"):
            return QUEUE_SECONDS
        return min(max(QUEUE_SECONDS, 1.0 + 2 * self._quickest), MAX_QUEUE_SECONDS)

    def _measure_response(self, seconds: float) -> None:
        seconds = max(0.0, seconds)
        self._quickest = min(self._quickest, seconds)
        if self.response_time is None:
            self.response_time, self._deviation = seconds, seconds / 2
            return
        error = seconds - self.response_time
        self.response_time += error / 8
        self._deviation += (abs(error) - self._deviation) / 4

    def _measure_rate(self, size: int, now: float) -> None:
        if self._round_started is None:
            self._round_started = now
        self._round_bytes += size
        elapsed = now - self._round_started
        if elapsed >= _ROUND:
            latest = self._round_bytes / elapsed
            if latest < self._rate * _STILL_GROWING:
                self._in_slow_start = False
            self._rate = max(latest, 0.7 * self._rate + 0.3 * latest)
            self._round_started = now
            self._round_bytes = 0

    def _forget_oldest(self, count: int) -> None:
        """The oldest requests wait no longer: requests are answered in order, on the whole."""
        sent = self._sent
        answered = 0
        for batch in sent:
            gone = min(count, int(batch[1]))
            batch[1] -= gone
            self._waiting -= gone
            count -= gone
            if batch[1]:
                break
            answered += 1
        del sent[:answered]
