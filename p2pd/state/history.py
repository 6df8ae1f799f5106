"""The statistics history on a thread of its own, which there is once something is to be done."""

from __future__ import annotations

from typing import Any, Callable, Collection, Sequence, TypeVar

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorFromThreads
from twisted.internet.threads import deferToThreadPool
from twisted.logger import Logger
from twisted.python.threadpool import ThreadPool

from p2pd.state.history_file import HistoryFile, Question, Sample, Span

T = TypeVar("T")


class HistoryStore:
    """What state.history_file can do, in order; every Deferred may fail with StateError."""

    log = Logger()

    def __init__(self, reactor: IReactorFromThreads, state_dir: str) -> None:
        self._reactor = reactor
        self._file = HistoryFile(state_dir, self._tell)
        self._thread: ThreadPool | None = None

    def write(self, samples: Sequence[Sample]) -> Deferred[int]:
        """Keep these; how many bytes are in use then."""
        return self._run(self._file.write, samples)

    def read(self, question: Question) -> Deferred[dict[bytes, list[Span]]]:
        """The rows of each subject."""
        return self._run(self._file.read, question)

    def tidy(self, now: int, present: Collection[bytes], most_bytes: int) -> Deferred[int]:
        """Let go what is too old, or too much; how many bytes are in use then."""
        return self._run(self._file.tidy, now, present, most_bytes)

    def close(self) -> None:
        """Finish what is queued and close. Blocks."""
        if self._thread is not None:
            self._thread.stop()
            self._thread = None
        self._file.close()

    def _run(self, work: Callable[..., T], *args: Any) -> Deferred[T]:
        if self._thread is None:
            self._thread = ThreadPool(1, 1, name="history")
            self._thread.start()
        return deferToThreadPool(self._reactor, self._thread, work, *args)

    def _tell(self, sentence: str) -> None:
        self._reactor.callFromThread(self.log.warn, "{sentence}", sentence=sentence)
