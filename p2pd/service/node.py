"""The daemon as one Twisted service: parts that prepare, start in order, and stop again.

Knows the order and the time that is allowed, not what any part does.
"""

from __future__ import annotations

from typing import Callable, Collection, Mapping, Protocol, Sequence

from twisted.application.service import MultiService
from twisted.internet.defer import CancelledError, Deferred
from twisted.logger import ILogObserver, Logger
from twisted.python.components import Componentized
from twisted.python.failure import Failure

from p2pd.base.clock import Clock
from p2pd.base.errors import P2pdError
from p2pd.service.config import Config
from p2pd.service.reloading import Key

STOP_SECONDS = 9.0
"""For all parts together: the daemon has promised to be gone within ten seconds of a SIGTERM."""

LAST_SECONDS = 0.5
"""Of that, what a part that hangs has to leave to each one that stops after it."""


class NodePart(Protocol):
    """Something the daemon is made of."""

    @property
    def name(self) -> str:
        """For people."""

    def prepare(self) -> None:
        """Take what may not be had, ports above all; starts nothing. Raises P2pdError."""

    def describe(self) -> str:
        """One line for people who watch it start; empty for none. Asked when all parts run."""

    async def start(self) -> None:
        """Begin; the parts before this one have started. Raises P2pdError."""

    def reconfigure(self, config: Config, changed: Collection[Key]) -> Mapping[Key, str]:
        """Take over changed keys; see :class:`p2pd.service.reloading.Reconfigured`."""

    async def stop(self) -> None:
        """End, also when it never started; parts after this one have stopped."""


class Node(MultiService):
    """All parts, in the order in which they start.

    `starting` is called with the name of each part, `ready` once, when everything runs, with what
    the parts say of themselves, `failed` with a sentence when a part cannot start.
    """

    log = Logger()

    def __init__(
        self,
        parts: Sequence[NodePart],
        clock: Clock,
        *,
        starting: Callable[[str], object] = lambda name: None,
        ready: Callable[[str], object] = lambda lines: None,
        failed: Callable[[str], object] = lambda sentence: None,
        stopping: Callable[[], object] = lambda: None,
        stopped: Callable[[], object] = lambda: None,
        reload: Callable[[], object] = lambda: None,
        observer: ILogObserver | None = None,
    ) -> None:
        super().__init__()
        self.setName("p2pd")
        self._parts = tuple(parts)
        self._clock = clock
        self.reload = reload
        """Read the configuration again."""
        self._say_starting = starting
        self._ready = ready
        self._failed = failed
        self._stopping = stopping
        self._stopped = stopped
        self._observer = observer
        self._starting: Deferred[None] | None = None

    def setServiceParent(self, parent: Componentized) -> None:  # noqa: N802 - Twisted's name
        """Join the application, and give it our way of writing the log."""
        if self._observer is not None and isinstance(parent, Componentized):
            parent.setComponent(ILogObserver, self._observer)
        super().setServiceParent(parent)

    def prepare(self) -> None:
        """Prepare every part; if one cannot be, let go of all. Raises P2pdError."""
        try:
            for part in self._parts:
                part.prepare()
        except P2pdError:
            for part in reversed(self._parts):
                Deferred.fromCoroutine(part.stop()).addErrback(self._log_failure, part)
            raise

    def startService(self) -> None:  # noqa: N802 - Twisted's name
        """Start the parts, one after the other."""
        super().startService()
        self._starting = Deferred.fromCoroutine(self._start())
        self._starting.addErrback(self._start_failed)

    async def _start(self) -> None:
        for part in self._parts:
            self._say_starting(part.name)
            await part.start()
        lines = [line for line in (part.describe() for part in self._parts) if line]
        for line in lines:
            self.log.info("{line}", line=line)
        self._ready("; ".join(lines))

    def _start_failed(self, failure: Failure) -> None:
        if failure.check(CancelledError):
            return
        if not failure.check(P2pdError):
            self.log.failure("internal error while starting", failure)
        self._failed(failure.getErrorMessage())

    def stopService(self) -> Deferred[None]:  # noqa: N802 - Twisted's name
        """Stop the parts, the last one first; done within STOP_SECONDS whatever they do."""
        self._stopping()
        self.log.info("stopping")
        if self._starting is not None:
            self._starting.cancel()
        return Deferred.fromCoroutine(self._stop())

    async def _stop(self) -> None:
        deadline = self._clock.seconds() + STOP_SECONDS
        for left, part in reversed(list(enumerate(self._parts))):
            time_left = deadline - left * LAST_SECONDS - self._clock.seconds()
            running = Deferred.fromCoroutine(part.stop())
            running.addTimeout(max(time_left, LAST_SECONDS), self._clock)  # type: ignore[arg-type]
            try:
                await running
            except Exception:
                self._log_failure(Failure(), part)
        await super().stopService()
        self.log.info("stopped")
        self._stopped()

    def _log_failure(self, failure: Failure, part: NodePart) -> None:
        if failure.check(P2pdError):
            sentence = failure.getErrorMessage()
            self.log.error("{name} did not stop cleanly: {why}", name=part.name, why=sentence)
        else:
            self.log.failure("{name} did not stop cleanly", failure, name=part.name)
