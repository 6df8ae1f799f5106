"""A stand-in for the reactor, for threads that hand back results."""

from __future__ import annotations

from queue import Queue
from typing import Any, Callable

from twisted.internet.task import Clock


class FakeReactor(Clock):
    """Collects what threads want to run, as the reactor's own queue does."""

    def __init__(self) -> None:
        super().__init__()
        self.from_threads: Queue[Callable[[], object]] = Queue()

    def callFromThread(self, callable: Callable[..., object], *args: Any) -> None:
        self.from_threads.put(lambda: callable(*args))

    def turn(self) -> None:
        self.from_threads.get(timeout=5)()
