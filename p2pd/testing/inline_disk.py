"""Disk jobs without threads, on a virtual clock."""

from __future__ import annotations

from typing import Any, Callable, Hashable, Protocol, TypeVar

from twisted.internet.defer import Deferred, execute

from p2pd.base.clock import Clock
from p2pd.storage.disk_queue import Latencies

T = TypeVar("T")


class InlineDisk:
    """A disk queue without threads: every job takes `seconds`, of the clock's time."""

    def __init__(self, clock: Clock, seconds: float = 0.0) -> None:
        self._clock = clock
        self._seconds = seconds

    def run(self, kind: str, job: Callable[..., T], *args: Any) -> Deferred[T]:
        """Run `job(*args)`; see storage.disk_queue.DiskQueue."""
        result: Deferred[T] = Deferred()
        self._clock.callLater(self._seconds, lambda: execute(job, *args).chainDeferred(result))
        return result


class Queue(Protocol):
    """What takes disk jobs."""

    def run(self, kind: str, job: Callable[..., T], *args: Any) -> Deferred[T]:
        """See storage.disk_queue.DiskQueue."""


class OneDisk:
    """Disks of which there is but one, and that one answers; see storage.disks.Disks."""

    def __init__(self, queue: Queue) -> None:
        self.aside = queue
        self.latencies: Latencies = {}
        self.unanswered = 0

    def on(self, device: int) -> Queue:
        """The same for every device."""
        return self.aside

    def ask(self, question: Hashable, look: Callable[[], T]) -> Deferred[T]:
        """What `look` finds."""
        return self.aside.run("read", look)
