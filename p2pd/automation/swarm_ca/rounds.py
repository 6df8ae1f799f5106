"""A look at all authorities that are here, now and every so often while the daemon runs."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.task import LoopingCall
from twisted.logger import Logger


class Rounds:
    """One that comes to nothing is told of in the log; the next comes all the same."""

    log = Logger()

    def __init__(
        self, look: Callable[[], Coroutine[Any, Any, None]], seconds: float, what: str, clock: Any
    ) -> None:
        """`what` is looked at, in words for the log."""
        self._look = look
        self._seconds = seconds
        self._what = what
        self._looking = LoopingCall(self._round)
        self._looking.clock = clock

    def start(self) -> None:
        """Look now, and from now on."""
        self._looking.start(self._seconds)

    def stop(self) -> None:
        """Look no more."""
        if self._looking.running:
            self._looking.stop()

    def _round(self) -> Deferred[None]:
        looking = Deferred.fromCoroutine(self._look())
        # What fails here would end all that come after it.
        return looking.addErrback(
            lambda failure: self.log.failure("{what}: internal error", failure, what=self._what)
        )
