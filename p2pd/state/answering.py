"""Calls of the control API are answered when the database has on the disk what they changed.

Whatever is done for a call, also what nobody waits for, hands its jobs to the database in the
call's context (contextvars), where they are noted. The answer waits for the last of them, and so
for all that was handed in before; of a call without any, for what was handed in until then, which
may be another caller's change to the same thing. Jobs that wait share a transaction: who waits for
his own job already waits no longer.
"""

from __future__ import annotations

import contextvars
from collections.abc import Awaitable, Callable
from typing import Generic, Protocol, TypeVar

from twisted.internet.defer import Deferred
from twisted.logger import Logger
from twisted.python.failure import Failure

from p2pd.base.clock import Clock, DelayedCall
from p2pd.base.errors import P2pdError, StateError

T = TypeVar("T")

LOOK_SECONDS = 15.0
"""Between two looks at a database that a call waits for: one that got nothing done does not answer.
"""

NO_ANSWER = "the state database does not answer, so it is not known whether this is kept"


class CallWrites:
    """The jobs of one call until it is answered; those that come later are not noted."""

    __slots__ = ("is_over", "last", "problem")

    def __init__(self) -> None:
        self.last = 0
        """The number of the last one; 0: there is none."""
        self.problem = ""
        """Why the database refused one, in words."""
        self.is_over = False

    def refused(self, failure: Failure) -> None:
        """A job came to nothing."""
        if failure.check(StateError) and not self.problem:
            self.problem = failure.getErrorMessage()


_current: contextvars.ContextVar[CallWrites | None] = contextvars.ContextVar("writes", default=None)


def noted(number: int) -> CallWrites | None:
    """Note the job of this number for the call that it is handed in for; None: it is for none."""
    writes = _current.get()
    if writes is None or writes.is_over:
        return None
    writes.last = number
    return writes


class Jobs(Protocol):
    """The database (database.py): its jobs have numbers, in the order in which they are done."""

    @property
    def handed_in(self) -> int:
        """How many there were until now."""

    @property
    def through(self) -> int:
        """How many are done, or refused."""

    def until_through(self, number: int) -> Deferred[None]:
        """Fires when so many are."""


class Answering:
    """Answers calls."""

    def __init__(self, jobs: Jobs, clock: Clock) -> None:
        self._jobs = jobs
        self._clock = clock

    async def answer(self, work: Callable[[], Awaitable[T]]) -> T:
        """What a call answers. Raises what it raises, and StateError: it is not, or not yet, kept.

        When the database does not answer, the call goes on all the same, and nobody hears of it.
        """
        return await _Answer(self._jobs, self._clock, work).done


class _Answer(Generic[T]):
    """That of one call. `done` fires with it."""

    log = Logger()

    def __init__(self, jobs: Jobs, clock: Clock, work: Callable[[], Awaitable[T]]) -> None:
        self._jobs = jobs
        self._clock = clock
        self._writes = CallWrites()
        self._waits_for = 0
        """The number of a job that the call waited for when it was looked at last."""
        self._through = jobs.through
        self.done: Deferred[T] = Deferred()
        self._timer: DelayedCall = clock.callLater(LOOK_SECONDS, self._look)
        context = contextvars.copy_context()
        context.run(_current.set, self._writes)
        context.run(Deferred.fromCoroutine, self._do(work)).addBoth(self._finished)

    async def _do(self, work: Callable[[], Awaitable[T]]) -> T:
        answer = await work()
        self._writes.last = self._writes.last or self._jobs.handed_in
        await self._jobs.until_through(self._writes.last)
        if self._writes.problem:
            raise StateError(f"it is done, but not kept: {self._writes.problem}")
        return answer

    def _finished(self, result: T | Failure) -> None:
        self._writes.is_over = True
        if self._timer.active():
            self._timer.cancel()
            self.done.callback(result)
        elif isinstance(result, Failure) and not result.check(P2pdError):
            self.log.failure("a call that was given up: internal error", result)

    def _look(self) -> None:
        """Whether the database got on while the call waited for it."""
        waited, through = self._waits_for > self._through, self._jobs.through
        if waited and through == self._through:
            self.done.errback(StateError(NO_ANSWER))
            return
        self._waits_for, self._through = self._writes.last, through
        self._timer = self._clock.callLater(LOOK_SECONDS, self._look)
