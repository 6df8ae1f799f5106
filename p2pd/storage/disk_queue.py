"""Disk and hash work in worker threads, with results brought back in batches.

A result costs the reactor one wake-up per batch, not per job. Checks have a thread of their own,
so that a re-check of a terabyte delays neither reading nor writing.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from queue import SimpleQueue
from typing import Any, Callable, Protocol, TypeVar

from twisted.internet.defer import Deferred
from twisted.python.failure import Failure

T = TypeVar("T")

_Job = tuple[Deferred[Any], Callable[..., Any], tuple[Any, ...]]


class ThreadHost(Protocol):
    """The part of the reactor that threads may call."""

    def callFromThread(self, callable: Callable[..., Any], *args: Any) -> None:  # noqa: N802
        """Run `callable` soon, in the reactor's thread."""


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
        (self._checks if kind == "check" else self._jobs).put((result, job, args))
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

    def _start(self) -> None:
        queues = [self._jobs] * self._thread_count + [self._checks]
        for number, queue in enumerate(queues):
            thread = threading.Thread(
                target=self._work, args=(queue,), name=f"p2pd-disk-{number}", daemon=True
            )
            self._threads.append(thread)
            thread.start()

    def _work(self, queue: SimpleQueue[_Job | None]) -> None:
        while (taken := queue.get()) is not None:
            deferred, job, args = taken
            try:
                outcome: Any = job(*args)
            except BaseException:
                outcome = Failure()
            del job, args, taken
            self._deliver(deferred, outcome)

    def _deliver(self, deferred: Deferred[Any], outcome: Any) -> None:
        with self._lock:
            self._finished.append((deferred, outcome))
            wake, self._waking = not self._waking, True
        if wake:
            self._reactor.callFromThread(self._hand_over)

    def _hand_over(self) -> None:
        with self._lock:
            finished, self._finished = self._finished, deque()
            self._waking = False
        self.pending -= len(finished)
        for deferred, outcome in finished:
            deferred.callback(outcome)
