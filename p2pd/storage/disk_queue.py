"""Disk and hash work in worker threads, with results brought back in batches.

Waking a thread, and the reactor from a thread, costs system calls and changes of hands of the
interpreter lock, at the very moment when the reactor is busiest. So the pieces of one turn of the
reactor go to a thread together, and only what somebody waits for (a read) wakes the reactor. That
pieces are stored is looked for every few milliseconds while there are any on their way; when the
disk is slower than that, the thread wakes the reactor after all and nothing is looked for in vain.

There are three crews of threads, each started when it is first needed. Those that store pieces
hash, and so need cores more than the disk: there are no more of them than cores, each on a core of
its own, and they let the reactor's thread go first. Those that read and write otherwise mostly wait
for the disk, and may be many. Checks and moves have a thread of their own, so that a terabyte that
is checked or moved delays neither.
"""

from __future__ import annotations

import os
import threading
import time
from collections import deque
from contextlib import suppress
from queue import SimpleQueue
from typing import Any, Callable, NamedTuple, Protocol, Sequence, TypeVar

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IDelayedCall
from twisted.python.failure import Failure

from p2pd.base.measures import SECONDS, Histogram

T = TypeVar("T")

LOOK_SECONDS = 0.003
"""Between two looks for stored pieces: at 1 GB/s a dozen of 256 KiB come at once."""

STORED_TOGETHER = 4
"""Jobs of one turn that one thread does: more of them keep more threads busy."""

LONG = ("check", "move")
"""Work of steps without end, in a thread of its own."""

STORING_NICENESS = 10
"""Added to the niceness of the storing threads.

The reactor's thread has to run at once when bytes arrive, or the peer that sends them waits, too.
"""


class _Job(NamedTuple):
    result: Deferred[Any]
    work: Callable[..., Any]
    args: tuple[Any, ...]
    kind: str
    asked_at: float


_Done = tuple[Deferred[Any], Any, str, float]
"""Who waits, what came of it, what kind of job it was, and when it was asked for."""


_Jobs = SimpleQueue[tuple[Sequence[_Job], bool] | None]
"""Jobs for one thread, and whether somebody waits for them."""


def give_way() -> None:
    """This thread alone, on Linux, and those that it starts: run when nothing more urgent does.

    Where that is forbidden (a seccomp filter, as of containers and services) it does its work all
    the same.
    """
    with suppress(OSError):
        os.nice(STORING_NICENESS)


def _give_way_on(core: int) -> None:
    """The same, on one core.

    A kernel likes to wake a thread where it was woken from. That is where the reactor is at work,
    or the other thread that stores, while a core beside it stands idle: in a virtual machine,
    where an idle core is taken for one that the host has given to others, most of the time.
    """
    give_way()
    with suppress(OSError):  # forbidden, or the cores that may be used have just become fewer
        os.sched_setaffinity(0, {core})


class ThreadHost(Protocol):
    """The part of the reactor that is needed."""

    def callFromThread(self, callable: Callable[..., Any], *args: Any) -> None:  # noqa: N802
        """Run `callable` soon, in the reactor's thread."""

    def callLater(  # noqa: N802
        self, delay: float, callable: Callable[..., Any], *args: Any
    ) -> IDelayedCall:
        """Run `callable` in `delay` seconds."""


Latencies = dict[str, Histogram]
"""Seconds from asking for a job to having its result, by the kind of job."""


class DiskQueue:
    """Threads for blocking work. `run` is called in the reactor's thread only."""

    def __init__(
        self, reactor: ThreadHost, threads: int = 2, latencies: Latencies | None = None
    ) -> None:
        """`threads` wait for the disk at the same time; as many, or one a core, store pieces."""
        self.latencies: Latencies = {} if latencies is None else latencies
        self._reactor = reactor
        self._thread_count = threads
        cores = sorted(os.sched_getaffinity(0))
        first = os.getpid() % len(cores)  # not the same for every process
        self._storing_cores = (cores[first:] + cores[:first])[:threads]
        self._crews: dict[str, _Jobs] = {}
        self._to_store: list[_Job] = []
        self._threads: list[threading.Thread] = []
        self._finished: deque[_Done] = deque()
        self._lock = threading.Lock()
        self._waking = False
        self._looking: IDelayedCall | None = None
        self._stopped = False
        self.pending = 0

    def run(self, kind: str, job: Callable[..., T], *args: Any) -> Deferred[T]:
        """Run `job(*args)` in a thread; `kind` is "read", "write", "check", "move" or "store".

        "store" is for pieces: what is to be stored in one turn goes together, nobody waits for it.
        The Deferred fires in the reactor's thread, with the result or with what was raised.
        """
        result: Deferred[T] = Deferred()
        if self._stopped:
            result.errback(Failure(RuntimeError("the disk queue is stopped")))
            return result
        self.pending += 1
        work = _Job(result, job, args, kind, time.monotonic())
        if kind == "store":
            if not self._to_store:
                self._reactor.callLater(0, self._store)
            self._to_store.append(work)
        else:
            self._crew("check" if kind in LONG else "disk").put(((work,), True))
        return result

    def stop(self, patience: float = 2.0) -> None:
        """Finish what is queued, then end the threads.

        Blocks until they ended, or for `patience` seconds: a thread that hangs on a dead disk is
        left behind, and dies with the process.
        """
        self.finish()
        self.join(time.monotonic() + patience)

    def finish(self) -> None:
        """Take nothing more; the threads end when they have done what is queued."""
        self._stopped = True
        self._store()
        for crew, jobs in self._crews.items():
            for _ in self._cores(crew):
                jobs.put(None)

    def join(self, deadline: float) -> None:
        """Block until the threads have ended, or until then, in seconds of time.monotonic()."""
        for thread in self._threads:
            thread.join(max(0.0, deadline - time.monotonic()))
        self._threads.clear()
        if self._looking is not None:
            self._looking.cancel()
            self._wake_from_now_on()

    def _cores(self, crew: str) -> Sequence[int | None]:
        """The threads of a crew: for each the core that it has, if it has one."""
        if crew == "store":
            return self._storing_cores
        return [None] if crew == "check" else [None] * self._thread_count

    def _crew(self, crew: str) -> _Jobs:
        """Where the threads of one kind take their jobs; they start when there is the first."""
        jobs = self._crews.get(crew)
        if jobs is None:
            jobs = self._crews[crew] = SimpleQueue()
            for core in self._cores(crew):
                name = f"p2pd-{crew}-{len(self._threads)}"
                thread = threading.Thread(
                    target=self._work, args=(jobs, core), name=name, daemon=True
                )
                self._threads.append(thread)
                thread.start()
        return jobs

    def _store(self) -> None:
        jobs, self._to_store = self._to_store, []
        for first in range(0, len(jobs), STORED_TOGETHER):
            self._crew("store").put((jobs[first : first + STORED_TOGETHER], False))
        if jobs and self._looking is None:
            self._looking = self._reactor.callLater(LOOK_SECONDS, self._look)

    def _work(self, queue: _Jobs, core: int | None) -> None:
        if core is not None:
            _give_way_on(core)
        while (taken := queue.get()) is not None:
            jobs, urgent = taken
            done = []
            for result, work, args, kind, asked_at in jobs:
                try:
                    outcome: Any = work(*args)
                except BaseException:
                    outcome = Failure()
                done.append((result, outcome, kind, asked_at))
            del taken, jobs, work, args, outcome
            self._deliver(done, urgent)
            del done, result

    def _deliver(self, done: list[_Done], urgent: bool) -> None:
        with self._lock:
            self._finished.extend(done)
            wake = not self._waking and (urgent or self._looking is None)
            if wake:
                self._waking = True
        if wake:
            self._reactor.callFromThread(self._hand_over)

    def _look(self) -> None:
        """Take what is finished; look again soon if anything was, else be woken."""
        self._looking = None
        if self._finished:
            if self.pending > len(self._finished):
                self._looking = self._reactor.callLater(LOOK_SECONDS, self._look)
            self._hand_over()
        elif self.pending:
            self._wake_from_now_on()

    def _wake_from_now_on(self) -> None:
        """Nobody looks any more: what finished since the last look must not be left lying."""
        with self._lock:
            self._looking = None
            wake = bool(self._finished) and not self._waking
            if wake:
                self._waking = True
        if wake:
            self._reactor.callFromThread(self._hand_over)

    def _hand_over(self) -> None:
        with self._lock:
            finished, self._finished = self._finished, deque()
            self._waking = False
        self.pending -= len(finished)
        now = time.monotonic()
        for result, outcome, kind, asked_at in finished:
            self._count(kind, now - asked_at)
            result.callback(outcome)

    def _count(self, kind: str, seconds: float) -> None:
        seen = self.latencies.get(kind)
        if seen is None:
            seen = self.latencies[kind] = Histogram(SECONDS)
        seen.observe(seconds)
