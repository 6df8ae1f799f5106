"""The threads of each device: a disk that is slow, or does not answer at all, holds up no other.

A thread that waits for a dead disk cannot be called back, so every device has threads of its own.
So has each question about a folder (which device is it on, how much room is there): it may lie on
a disk that does not answer, and until it does nobody knows on which.
"""

from __future__ import annotations

import threading
import time
from typing import Any, Callable, Hashable, TypeVar

from twisted.internet.defer import Deferred
from twisted.python.failure import Failure

from p2pd.base.errors import StorageError
from p2pd.storage.disk_queue import DiskQueue, Latencies, ThreadHost

T = TypeVar("T")

DEVICES = 64
"""Queues there are at most: beyond that devices share them."""

QUESTIONS = 64
"""Questions that may be without an answer at a time, each with a thread."""


class Disks:
    """Queues by device, made as they are asked for. For the reactor's thread."""

    def __init__(self, reactor: ThreadHost, threads: int = 2) -> None:
        """`threads` of each device wait for it at the same time."""
        self._reactor = reactor
        self._threads = threads
        self._queues: dict[int, DiskQueue] = {}
        self._asked: dict[Hashable, list[Deferred[Any]]] = {}
        self.latencies: Latencies = {}
        self.aside = DiskQueue(reactor, threads, self.latencies)
        """For work that takes its time and needs no disk."""

    def on(self, device: int) -> DiskQueue:
        """The queue of a device (`st_dev`)."""
        key = device
        if key not in self._queues and len(self._queues) >= DEVICES:
            key = sorted(self._queues)[device % DEVICES]
        queue = self._queues.get(key)
        if queue is None:
            queue = DiskQueue(self._reactor, self._threads, self.latencies)
            self._queues[key] = queue
        return queue

    def ask(self, question: Hashable, look: Callable[[], T]) -> Deferred[T]:
        """What `look` finds in a thread of its own, or raises.

        Who asks the same `question` meanwhile gets the same answer, so a folder that does not
        answer costs one thread, however often it is asked about. StorageError when there are too
        many such.
        """
        result: Deferred[T] = Deferred()
        waiting = self._asked.get(question)
        if waiting is not None:
            waiting.append(result)
        elif len(self._asked) >= QUESTIONS:
            problem = StorageError(f"{len(self._asked)} folders on disks do not answer")
            result.errback(Failure(problem))
        else:
            self._asked[question] = [result]
            # A daemon: one that hangs on a dead disk dies with the process.
            threading.Thread(
                target=self._look, args=(question, look), name="p2pd-ask", daemon=True
            ).start()
        return result

    @property
    def unanswered(self) -> int:
        """Questions that are without an answer."""
        return len(self._asked)

    def stop(self, patience: float = 2.0) -> None:
        """Finish what is queued, then end the threads; blocks for `patience` seconds at most."""
        deadline = time.monotonic() + patience
        queues = [*self._queues.values(), self.aside]
        for queue in queues:
            queue.finish()
        for queue in queues:
            queue.join(deadline)

    def _look(self, question: Hashable, look: Callable[[], Any]) -> None:
        try:
            found: Any = look()
        except BaseException:
            found = Failure()
        self._reactor.callFromThread(self._answer, question, found)

    def _answer(self, question: Hashable, found: Any) -> None:
        for result in self._asked.pop(question):
            result.callback(found)
