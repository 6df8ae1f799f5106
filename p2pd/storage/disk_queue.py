"""Disk and hash work in worker threads, with results brought back in batches.

Waking the reactor from a thread costs two system calls and a change of hands of the interpreter
lock, at the very moment when the reactor is busiest. So only what a peer waits for (a read) wakes
it. Results of writes are looked for every few milliseconds while there are any on their way; when
the disk is slower than that, the thread wakes the reactor after all and nothing is looked for in
vain. Checks have a thread of their own, so that a re-check of a terabyte delays neither reading
nor writing.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from queue import SimpleQueue
from typing import Any, Callable, NamedTuple, Protocol, TypeVar

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IDelayedCall
from twisted.python.failure import Failure

T = TypeVar("T")

LOOK_SECONDS = 0.003
"""Between two looks for finished writes: at 1 GB/s a dozen pieces of 256 KiB come at once."""


class _Job(NamedTuple):
    result: Deferred[Any]
    work: Callable[..., Any]
    args: tuple[Any, ...]
    urgent: bool


class ThreadHost(Protocol):
    """The part of the reactor that is needed."""

    def callFromThread(self, callable: Callable[..., Any], *args: Any) -> None:  # noqa: N802
        """Run `callable` soon, in the reactor's thread."""

    def callLater(  # noqa: N802
        self, delay: float, callable: Callable[..., Any], *args: Any
    ) -> IDelayedCall:
        """Run `callable` in `delay` seconds."""


class DiskQueue:
    """Threads for blocking work. `run` is called in the reactor's thread only."""

    def __init__(self, reactor: ThreadHost, threads: int = 2) -> None:
        self._reactor = reactor
        self._thread_count = threads
        self._jobs: SimpleQueue[_Job | None] = SimpleQueue()
        self._checks: SimpleQueue[_Job | None] = SimpleQueue()
        self._threads: list[threading.Thread] = []
        self._finished: deque[tuple[Deferred[Any], Any]] = deque()
        self._lock = threading.Lock()
        self._waking = False
        self._looking: IDelayedCall | None = None
        self._stopped = False
        self.pending = 0

    def run(self, kind: str, job: Callable[..., T], *args: Any) -> Deferred[T]:
        """Run `job(*args)` in a thread; `kind` is "read", "write" or "check".

        The Deferred fires in the reactor's thread, with the result or with what was raised.
        """
        result: Deferred[T] = Deferred()
        if self._stopped:
            result.errback(Failure(RuntimeError("the disk queue is stopped")))
            return result
        if not self._threads:
            self._start()
        self.pending += 1
        urgent = kind != "write"
        if not urgent and self._looking is None:
            self._looking = self._reactor.callLater(LOOK_SECONDS, self._look)
        queue = self._checks if kind == "check" else self._jobs
        queue.put(_Job(result, job, args, urgent))
        return result

    def stop(self, patience: float = 2.0) -> None:
        """Finish what is queued, then end the threads.

        Blocks until they ended, or for `patience` seconds: a thread that hangs on a dead disk is
        left behind, and dies with the process.
        """
        self._stopped = True
        deadline = time.monotonic() + patience
        for _ in range(self._thread_count):
            self._jobs.put(None)
        self._checks.put(None)
        for thread in self._threads:
            thread.join(max(0.0, deadline - time.monotonic()))
        self._threads.clear()
        if self._looking is not None:
            self._looking.cancel()
            self._wake_from_now_on()

    def _start(self) -> None:
        queues = [self._jobs] * self._thread_count + [self._checks]
        for number, queue in enumerate(queues):
            thread = threading.Thread(
                target=self._work, args=(queue,), name=f"p2pd-disk-{number}", daemon=True
            )
            self._threads.append(thread)
            thread.start()

    def _work(self, queue: SimpleQueue[_Job | None]) -> None:
        while (job := queue.get()) is not None:
            result, work, args, urgent = job
            try:
                outcome: Any = work(*args)
            except BaseException:
                outcome = Failure()
            del job, work, args
            self._deliver(result, outcome, urgent)

    def _deliver(self, result: Deferred[Any], outcome: Any, urgent: bool) -> None:
        with self._lock:
            self._finished.append((result, outcome))
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
        for result, outcome in finished:
            result.callback(outcome)
