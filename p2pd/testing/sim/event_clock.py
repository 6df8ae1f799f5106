"""A virtual clock for very many events: a heap, and nothing else on the way to a call.

Twisted's ``task.Clock`` sorts its calls at each new one, which a swarm of sessions would wait for.
"""

from __future__ import annotations

import heapq
from typing import Any, Callable


class EventCall:
    """A call to be made, which can be cancelled until then (base.clock.DelayedCall)."""

    __slots__ = ("_args", "_call", "_kwargs")

    def __init__(
        self, call: Callable[..., object], args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> None:
        self._call: Callable[..., object] | None = call
        self._args = args
        self._kwargs = kwargs

    def cancel(self) -> None:
        """Do not make it."""
        self._call = None

    def active(self) -> int:
        """Whether it is still to be made."""
        return self._call is not None

    def make(self) -> None:
        """Now."""
        call, self._call = self._call, None
        if call is not None:
            call(*self._args, **self._kwargs)


class EventClock:
    """Seconds since the start of the simulation (base.clock.Clock).

    Calls that are due at one moment are made in the order in which they were asked for.
    """

    def __init__(self) -> None:
        self.now = 0.0
        self.events = 0
        self._heap: list[tuple[float, int, Callable[..., object], tuple[Any, ...]]] = []
        self._serial = 0

    def seconds(self) -> float:
        """The moment it is."""
        return self.now

    def callLater(  # noqa: N802 - Twisted's name
        self, delay: float, callable: Callable[..., object], *args: Any, **kwargs: Any
    ) -> EventCall:
        """Make a call in `delay` seconds."""
        call = EventCall(callable, args, kwargs)
        self.at(self.now + delay, call.make)
        return call

    def at(self, moment: float, call: Callable[..., object], *args: Any) -> None:
        """Make a call at a moment, for good: what cannot be cancelled costs less."""
        self._serial += 1
        heapq.heappush(self._heap, (moment, self._serial, call, args))

    def next_due(self) -> float | None:
        """When the next call is due, or was before it was cancelled."""
        return self._heap[0][0] if self._heap else None

    def run_to(self, moment: float) -> None:
        """Make every call that is due until then."""
        heap, pop = self._heap, heapq.heappop
        made = 0
        while heap and heap[0][0] <= moment:
            due, _, call, args = pop(heap)
            if due > self.now:
                self.now = due
            call(*args)
            made += 1
        self.events += made
        if moment > self.now:
            self.now = moment
