"""Things of the DHT that are seen to now and then: each when it is due, a few at a time."""

from __future__ import annotations

from typing import Any, Callable, Coroutine, Generic, Iterable, Protocol, TypeVar

from twisted.internet.defer import CancelledError, Deferred

from p2pd.base.clock import Clock, DelayedCall

LOOK_SECONDS = 20.0
AT_ONCE = 4


class Due(Protocol):
    """One of them. Whoever sees to it has it `busy` meanwhile."""

    busy: bool

    def next_at(self) -> float:
        """When it is due, in Unix seconds."""


T = TypeVar("T", bound=Due)


class DueRounds(Generic[T]):
    """Sees to them by `work`, which raises nothing but CancelledError, while the DHT is `on`."""

    def __init__(
        self,
        known: Callable[[], Iterable[T]],
        work: Callable[[T], Coroutine[Any, Any, None]],
        *,
        on: Callable[[], bool],
        clock: Clock,
        wall: Callable[[], float],
    ) -> None:
        self._known = known
        self._work = work
        self._on = on
        self._clock = clock
        self._wall = wall
        self._call: DelayedCall | None = None
        self._running: set[Deferred[None]] = set()

    def start(self) -> None:
        """See to those that are due, from now on."""
        self._call = self._clock.callLater(LOOK_SECONDS, self.start)
        if not self._on():
            return
        now = self._wall()
        known = list(self._known())
        room = max(0, AT_ONCE - sum(each.busy for each in known))
        due = [each for each in known if not each.busy and each.next_at() <= now]
        for each in sorted(due, key=lambda one: one.next_at())[:room]:
            self._begin(each)

    def stop(self) -> None:
        """No more; what is under way is given up."""
        if self._call is not None and self._call.active():
            self._call.cancel()
        for running in list(self._running):
            running.cancel()

    def _begin(self, one: T) -> None:
        running = Deferred.fromCoroutine(self._work(one))
        if not running.called:
            self._running.add(running)
        running.addErrback(lambda failure: failure.trap(CancelledError))
        running.addBoth(lambda _: self._running.discard(running))
