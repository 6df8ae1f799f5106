"""A line of long calculations that others ask of us, made elsewhere and in a fair order.

They keep a core busy, and some of them hold the interpreter while they last, so they are made one
after the other. What is for peers that we dial goes first: they are as many as we choose. Strangers
have a share of a core, host after host, so that nobody waits long for one who asks for many. How
many of them may be in line is bounded: who comes then takes the place of one of a network that has
more (fair_places.py), or is to be refused, and costs nothing more. Who hangs up leaves the line.
"""

from __future__ import annotations

import time
from collections import OrderedDict, deque
from typing import Any, Callable, NamedTuple, Protocol, Sequence

from twisted.internet.defer import Deferred, fail
from twisted.python.failure import Failure

from p2pd.base.clock import Clock, DelayedCall
from p2pd.base.errors import P2pdError
from p2pd.transports.encryption.cpu_share import CpuShare
from p2pd.transports.encryption.fair_places import FairPlaces, Path, Whose, path_of

BATCH = 4
"""Calculations of one visit to the other thread: the way there and back takes as long as one."""


class DisplacedError(P2pdError):
    """The line is full, and somebody came from a network that has fewer places in it."""


class Elsewhere(Protocol):
    """Runs a function in another thread."""

    def __call__(self, work: Callable[..., Any], *args: Any) -> Deferred[Any]:
        """Its result, in the reactor's thread."""


class _Job:
    """One calculation, and who waits for it."""

    __slots__ = ("done", "path", "work")

    def __init__(
        self, work: Callable[[], Any], leave: Callable[[_Job], None], path: Path | None = None
    ) -> None:
        self.work = work
        self.path = path
        """Whose it is; None: ours."""
        self.done: Deferred[Any] = Deferred(lambda _: leave(self))


class _Outcome(NamedTuple):
    """What became of it, and the CPU seconds that it took."""

    result: Any
    spent: float


class FairLine:
    """Has work done. `refused` counts those for whom there was no place in the line any more."""

    def __init__(
        self,
        elsewhere: Elsewhere,
        clock: Clock,
        *,
        limit: int,
        share: CpuShare,
        timer: Callable[[], float] = time.thread_time,
    ) -> None:
        """`limit` strangers have this share of a core.

        `timer` tells the CPU seconds of the thread that asks.
        """
        self.share = share
        self.limit = limit
        self.refused = 0
        self.strangers = 0
        """For whom something is calculated, or who wait for that."""
        self._elsewhere = elsewhere
        self._clock = clock
        self._timer = timer
        self._ours: deque[_Job] = deque()
        self._lines: OrderedDict[Whose, deque[_Job]] = OrderedDict()
        """Of strangers, by user; whose turn is next comes first."""
        self._places = FairPlaces()
        """Of the same."""
        self._at_work: list[_Job] = []
        self._is_beginning = False
        self._again: DelayedCall | None = None

    @property
    def in_line(self) -> int:
        """Calculations under way, or waiting."""
        return len(self._at_work) + len(self._ours) + sum(map(len, self._lines.values()))

    def has_room_for(self, host: str) -> bool:
        """Whether one more stranger may ask, who came from there."""
        return self.strangers < self.limit or self._places.displaced_by(path_of(host)) is not None

    def for_us(self, work: Callable[[], Any]) -> Deferred[Any]:
        """Its result, for somebody that we dialled."""

        def leave(job: _Job) -> None:
            if job in self._ours:
                self._ours.remove(job)

        job = _Job(work, leave)
        self._ours.append(job)
        self._go_on()
        return job.done

    def for_stranger(self, work: Callable[[], Any], host: str) -> Deferred[Any]:
        """The same for who came from there; to be asked for first only while there is room for him.

        Fails with DisplacedError when somebody else is given his place.
        """
        path = path_of(host)
        user = path[-1]
        displaced = None
        if self.strangers >= self.limit and (who := self._places.displaced_by(path)) is not None:
            displaced = self._lines[who][-1]
            self._leave(displaced)

        job = _Job(work, self._leave, path)
        self._lines.setdefault(user, deque()).append(job)
        self._places.take(path)
        self.strangers += 1
        if displaced is not None:
            self.refused += 1
            displaced.done.errback(DisplacedError("others are given its place in the line"))
        self._go_on()
        return job.done

    def _leave(self, job: _Job) -> None:
        """A stranger's is not wanted any more; if it is in line still."""
        assert job.path is not None
        user = job.path[-1]
        line = self._lines.get(user)
        if line is not None and job in line:
            line.remove(job)
            self._places.leave(job.path)
            self.strangers -= 1
            if not line:
                del self._lines[user]

    # -- one batch after the other ---------------------------------------------------------------

    def _go_on(self) -> None:
        """Begin what can be begun. What is made, or fails, in the same turn comes back to here:
        that is a loop, since the line may be longer than Python lets calls call each other.
        """
        if self._is_beginning:
            return
        self._is_beginning = True
        try:
            while not self._at_work and self._begin():
                pass
        finally:
            self._is_beginning = False

    def _begin(self) -> bool:
        """Have the next ones made; whether there were any."""
        ours = [self._ours.popleft() for _ in range(min(BATCH, len(self._ours)))]
        strangers = self._next_strangers(max(1, BATCH - len(ours)))
        if not ours and not strangers:
            return False
        self._at_work = [*ours, *strangers]
        try:
            made = self._elsewhere(self._calculate, [job.work for job in self._at_work])
        except Exception:
            made = fail(Failure())
        made.addErrback(self._not_made).addCallback(self._made, len(strangers))
        return True

    def _next_strangers(self, most: int) -> list[_Job]:
        if not self._lines:
            return []
        wait = self.share.wait()
        if wait:
            if self._again is None:
                self._again = self._clock.callLater(wait, self._share_is_back)
            return []
        found: list[_Job] = []
        while self._lines and len(found) < most:
            user, line = self._lines.popitem(last=False)
            job = line.popleft()
            assert job.path is not None
            self._places.leave(job.path)
            found.append(job)
            if line:
                self._lines[user] = line  # behind the others
        return found

    def _share_is_back(self) -> None:
        self._again = None
        self._go_on()

    def _calculate(self, works: Sequence[Callable[[], Any]]) -> list[_Outcome]:
        """In the other thread."""
        outcomes = []
        for work in works:
            began = self._timer()
            try:
                result = work()
            except Exception:
                result = Failure()
            outcomes.append(_Outcome(result, self._timer() - began))
        return outcomes

    def _made(self, outcomes: Sequence[_Outcome], strangers: int) -> None:
        self.strangers -= strangers
        self.share.spent(sum(outcome.spent for outcome in outcomes[len(outcomes) - strangers :]))
        jobs, self._at_work = self._at_work, []
        self._go_on()  # what others are told now need not keep the thread waiting
        for job, outcome in zip(jobs, outcomes, strict=True):
            if not job.done.called:
                job.done.callback(outcome.result)

    def _not_made(self, failure: Failure) -> list[_Outcome]:
        """There is no thread any more."""
        return [_Outcome(failure, 0.0)] * len(self._at_work)
