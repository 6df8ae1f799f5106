"""What a session does that nobody waits for: kept until it is over, and told of when it fails."""

from __future__ import annotations

from typing import Any, Callable, Coroutine, cast

from twisted.internet.defer import CancelledError, Deferred, DeferredList
from twisted.logger import Logger
from twisted.python.failure import Failure

from p2pd.base.errors import P2pdError

Work = Coroutine[Any, Any, Any] | Deferred[Any]


class BackgroundWork:
    """All of it. `log` is the session's own, which is whose work it is."""

    def __init__(self, log: Logger, closing: Callable[[], bool]) -> None:
        """`closing`: whether the session ends, when work may be given up without a word."""
        self._log = log
        self._closing = closing
        self._kept: set[Deferred[Any]] = set()

    def keep(self, work: Work, what: str) -> None:
        """Run it, and have the end of the session wait for it; `what` is whom it is for."""
        running = self.run(work, what)
        if not running.called:
            self._kept.add(running)
            running.addBoth(lambda _: self._kept.discard(running))

    def run(self, work: Work, what: str) -> Deferred[Any]:
        """Run it; what is answered fires when it is over, well or not."""

        def failed(failure: Failure) -> None:
            if self._closing() and failure.check(CancelledError):
                return
            if failure.check(P2pdError):
                self._log.error("{what}: {sentence}", what=what, sentence=str(failure.value))
                return
            self._log.failure("{what}: internal error", failure, what=what)

        started = work if isinstance(work, Deferred) else Deferred.fromCoroutine(work)
        return started.addErrback(failed)

    def rest(self) -> Deferred[Any]:
        """Fires when all is over that is kept now."""
        return cast(Deferred[Any], DeferredList(list(self._kept)))
