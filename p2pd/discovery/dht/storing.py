"""Storing something at nodes that a lookup found: one question to each, with the token it gave."""

from __future__ import annotations

from typing import Any, Callable

from p2pd.discovery.dht.lookup import AskingNode, Candidate
from p2pd.discovery.dht.transactions import Asked
from p2pd.protocols.krpc.messages import KrpcError, Response

MOST_REFUSALS = 8


class Storing:
    """Asks all `candidates` at once; `finished` hears of it when each answered or is lost."""

    def __init__(self, method: bytes, args_for: Callable[[Candidate], dict[bytes, Any]]) -> None:
        self._method = method
        self._args_for = args_for
        self._node: AskingNode | None = None
        self._waiting = 0
        self._finished: Callable[[Storing, float], None] | None = None
        self.accepted = 0
        self.refusals: list[tuple[int, str]] = []

    def start(
        self,
        node: AskingNode,
        candidates: list[Candidate],
        finished: Callable[[Storing, float], None],
        now: float,
    ) -> None:
        """Send the questions; there are few, so the bound on those under way is not asked."""
        self._node, self._finished = node, finished
        for candidate in candidates:
            self._ask(candidate, now)
        self._look_whether_over(now)

    def cancel(self) -> None:
        """Tell nobody; what was sent is sent."""
        self._finished = None

    def answered(self, asked: Asked, response: Response, now: float) -> None:
        """A node stored it."""
        self.accepted += 1
        self._one_less(now)

    def refused(self, asked: Asked, error: KrpcError, now: float) -> None:
        """A node did not, and says why."""
        if len(self.refusals) < MOST_REFUSALS:
            self.refusals.append((error.code, error.text))
        self._one_less(now)

    def slow(self, asked: Asked, now: float) -> None:
        """Nothing waits for one node alone."""

    def lost(self, asked: Asked, now: float) -> None:
        """A node does not say whether it did; a datagram may have been lost, once."""
        candidate: Candidate | None = asked.context
        if candidate is not None and self._finished is not None:
            self._ask(candidate, now, again=True)
        self._one_less(now)

    def resume(self, now: float) -> None:
        """All were asked at once."""

    def _ask(self, candidate: Candidate, now: float, *, again: bool = False) -> None:
        if self._node is None:
            return
        args = self._args_for(candidate)
        asked = self._node.ask(candidate.address, self._method, args, self, now, urgent=True)
        if asked is not None:
            asked.context = None if again else candidate
            self._waiting += 1

    def _one_less(self, now: float) -> None:
        self._waiting -= 1
        self._look_whether_over(now)

    def _look_whether_over(self, now: float) -> None:
        if not self._waiting and self._finished is not None:
            finished, self._finished = self._finished, None
            finished(self, now)
