"""What callers of the control API may cost, and what became of their calls.

Requests under way, bytes of bodies that came, and bytes of answers that nobody has read yet are
bounded over all connections. What is beyond is refused in words before anything is done for it.
"""

from __future__ import annotations

from collections import Counter
from typing import Sequence

from p2pd.base.measures import (
    SECONDS,
    Histogram,
    Labels,
    Measure,
    bounded,
    counter,
    counters,
    histograms,
)

REQUESTS = 64
"""Under way at one time."""

BODIES = 64 * 1024 * 1024
"""Bytes of request bodies in memory; what is made of one takes several times as many."""

ANSWERS = 64 * 1024 * 1024
"""Bytes of answers that wait for their readers; then no more calls are taken."""

UNKNOWN = "unknown"
"""The method of a call that named none there is."""


class RpcLoad:
    """The numbers of one site."""

    def __init__(
        self, *, requests: int = REQUESTS, bodies: int = BODIES, answers: int = ANSWERS
    ) -> None:
        self.requests_limit = requests
        self.bodies_limit = bodies
        self.answers_limit = answers
        self.requests = 0
        self.bodies = 0
        self.claimed = 0
        """Of these, bytes of those who only say who they are."""
        self.answers = 0
        self.readers_cut = 0
        self.refused: Counter[str] = Counter(requests=0, bodies=0, answers=0)
        self._calls: Counter[Labels] = Counter()
        self._seconds: dict[Labels, Histogram] = {}

    def refusal(self) -> str:
        """Why no more requests are taken now, in words; empty when they are."""
        if self.requests >= self.requests_limit:
            self.refused["requests"] += 1
            return f"{self.requests} requests are under way: try again in a moment"
        if self.answers > self.answers_limit:
            self.refused["answers"] += 1
            return f"{self.answers} bytes of answers wait to be read: read them first"
        return ""

    def takes_body(self, size: int, *, claimed: bool = False) -> bool:
        """Whether so many bytes of a body are kept; if so, `body_gone` is to be called.

        `claimed`: of somebody whose password was not looked at yet. Those have half of the room, so
        that they cannot take it from the others.
        """
        full = self.bodies and self.bodies + size > self.bodies_limit
        if full or (claimed and self.claimed and self.claimed + size > self.bodies_limit // 2):
            self.refused["bodies"] += 1
            return False
        self.bodies += size
        self.claimed += size if claimed else 0
        return True

    def body_gone(self, size: int, *, claimed: bool = False) -> None:
        """They are kept no more."""
        self.bodies -= size
        self.claimed -= size if claimed else 0

    def performed(self, method: str, result: str, seconds: float) -> None:
        """A call is through."""
        self._calls[method, result] += 1
        seen = self._seconds.get((method,))
        if seen is None:
            seen = self._seconds[method,] = Histogram(SECONDS)
        seen.observe(seconds)

    def measures(self) -> Sequence[Measure]:
        """All of it."""
        return [
            counters(
                "rpc_calls_total",
                "Calls of the control API by method, and by ok or the error's name.",
                ("method", "result"),
                self._calls,
            ),
            histograms(
                "rpc_call_seconds",
                "From the begin of a call to its result, before it is encoded and sent.",
                ("method",),
                self._seconds,
            ),
            *bounded(
                "rpc_requests",
                "Requests to the control API under way.",
                self.requests,
                self.requests_limit,
            ),
            *bounded(
                "rpc_bodies_bytes",
                "Bytes of request bodies in memory.",
                self.bodies,
                self.bodies_limit,
            ),
            *bounded(
                "rpc_answers_bytes",
                "Bytes of answers that wait for slow readers.",
                self.answers,
                self.answers_limit,
            ),
            counters(
                "rpc_refused_total",
                "Requests that were refused, by the bound that was reached.",
                ("bound",),
                {(bound,): count for bound, count in self.refused.items()},
            ),
            counter(
                "rpc_readers_cut_total",
                "Connections that were cut since they did not read their answers.",
                self.readers_cut,
            ),
        ]
