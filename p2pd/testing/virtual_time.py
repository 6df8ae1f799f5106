"""What every simulated network does with time: it passes when it is told to."""

from __future__ import annotations

from typing import Any, Callable, Coroutine, TypeVar, cast

from twisted.internet.defer import Deferred
from twisted.python.failure import Failure

from p2pd.base.clock import Clock
from p2pd.transports.interfaces import StreamTransport

T = TypeVar("T")


class VirtualNetwork:
    """A network on a virtual clock; how nodes reach each other is for those derived from it.

    `latency` is what a message takes from one node to another, in seconds, at the least.
    """

    clock: Clock
    latency: float

    def transport(self, host: str) -> StreamTransport:
        """A transport for the node at this IP address."""
        raise NotImplementedError

    def next_due(self) -> float | None:
        """When the next thing happens; None when nothing will."""
        raise NotImplementedError

    def advance_to(self, moment: float) -> None:
        """Let time pass; what is due on the way happens."""
        raise NotImplementedError

    def run(self, seconds: float) -> None:
        """Let so much time pass; everything happens at its own moment, in order."""
        end = self.clock.seconds() + seconds
        while (due := self.next_due()) is not None and due <= end:
            self.advance_to(due)
        self.advance_to(end)

    def run_until(self, condition: Callable[[], Any], limit: float = 60.0) -> None:
        """Let time pass until the condition holds. Raises AssertionError after `limit` seconds."""
        end = self.clock.seconds() + limit
        while not condition():
            due = self.next_due()
            if due is None or due > end:
                raise AssertionError(f"not within {limit} seconds")
            self.advance_to(due)

    def result(self, work: Coroutine[Any, Any, T] | Deferred[T], limit: float = 60.0) -> T:
        """Let time pass until the work is done; its result, or what it raised."""
        ended: list[Any] = []
        started = work if isinstance(work, Deferred) else Deferred.fromCoroutine(work)
        started.addBoth(ended.append)
        self.run_until(lambda: ended, limit)
        if isinstance(ended[0], Failure):
            ended[0].raiseException()
        return cast(T, ended[0])
