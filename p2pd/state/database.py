"""The one SQLite file, on a thread of its own.

WAL with synchronous=FULL: what a job's Deferred answered is on the disk itself, and survives the
end of the process as well as a power cut. What a commit says of data on disk was true before it was
written: callers sync the data first (see docs/architecture.rst).
"""

from __future__ import annotations

import os
import sqlite3
from collections import deque
from contextlib import closing
from typing import Any, Callable, NamedTuple, TypeVar
from urllib.parse import quote

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorFromThreads
from twisted.python.failure import Failure
from twisted.python.threadpool import ThreadPool

from p2pd.base.errors import StateError
from p2pd.state.upgrades import check_version, upgrade

T = TypeVar("T")

FILE_NAME = "state.db"

TOGETHER = 100
"""Jobs that share a transaction when so many wait: a sync costs more than they do."""

Work = Callable[[sqlite3.Cursor], Any]


class Job(NamedTuple):
    """What waits to be done, and who waits for it."""

    work: Work
    done: Deferred[Any]


class Database:
    """Runs functions of a cursor in order, each in a transaction, several in one if many wait."""

    def __init__(self, reactor: IReactorFromThreads, state_dir: str) -> None:
        self.path = os.path.join(state_dir, FILE_NAME)
        self._reactor = reactor
        self._state_dir = state_dir
        self._waiting: deque[Job] = deque()
        self._thread: ThreadPool | None = None
        self._connection: sqlite3.Connection | None = None

    def open(self) -> None:
        """Make the folder, open the file and bring its schema up to date.

        Blocks; for use before the reactor runs. Raises StateError with a sentence.
        """
        self._make_files()
        try:
            with closing(sqlite3.connect(self._uri("ro"), uri=True)) as connection:
                check_version(connection)
            with closing(self._connected()) as connection:
                connection.execute("PRAGMA journal_mode=WAL")
                upgrade(connection)
        except sqlite3.DatabaseError as problem:
            raise StateError(f"the state database {self.path} cannot be read: {problem}") from None

    def run(self, job: Callable[..., T], *args: Any) -> Deferred[T]:
        """Run `job(cursor, *args)` in a transaction, on the database's thread.

        Fails with StateError when the database refuses, and with whatever `job` raises. A job may
        be run again when another one that shared its transaction failed.
        """
        # The thread starts at the first job: `open` may run before the process forks.
        if self._thread is None:
            self._thread = ThreadPool(1, 1, name="state")
            self._thread.start()
        done: Deferred[T] = Deferred()
        self._waiting.append(Job(lambda cursor: job(cursor, *args), done))
        self._thread.callInThread(self._work)
        return done

    def close(self) -> None:
        """Finish what is queued and close. Blocks."""
        if self._thread is not None:
            self._thread.stop()
            self._thread = None
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    # -- in the thread -------------------------------------------------------------------------

    def _work(self) -> None:
        """Called once for each job; those that were done together leave nothing to later calls."""
        jobs = [self._waiting.popleft() for _ in range(min(len(self._waiting), TOGETHER))]
        if not jobs:
            return
        try:
            results: list[Any] = self._transaction([job.work for job in jobs])
        except Exception:
            # Each alone then: the others are not to blame.
            results = [self._alone(job) for job in jobs]
        self._reactor.callFromThread(_answer, jobs, results)

    def _alone(self, job: Job) -> Any:
        try:
            return self._transaction([job.work])[0]
        except sqlite3.Error as problem:
            return Failure(StateError(f"the state database {self.path} refused: {problem}"))
        except Exception:
            return Failure()

    def _transaction(self, works: list[Work]) -> list[Any]:
        if self._connection is None:
            self._connection = self._connected()
        connection = self._connection
        connection.execute("BEGIN IMMEDIATE")
        try:
            with closing(connection.cursor()) as cursor:
                results = [work(cursor) for work in works]
            connection.execute("COMMIT")
        except BaseException:
            # SQLite has ended it already when the disk is full.
            if connection.in_transaction:
                connection.execute("ROLLBACK")
            raise
        return results

    # -- the file ------------------------------------------------------------------------------

    def _make_files(self) -> None:
        try:
            os.makedirs(self._state_dir, mode=0o700, exist_ok=True)
            file = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
            try:
                # One that was copied back from elsewhere may be open to all.
                os.fchmod(file, 0o600)
            finally:
                os.close(file)
            sync_folder(self._state_dir)
        except OSError as problem:
            raise StateError(
                f"the state folder {self._state_dir} cannot be used: {problem.strerror}"
            ) from None

    def _connected(self) -> sqlite3.Connection:
        connection = sqlite3.connect(self.path, isolation_level=None, check_same_thread=False)
        connection.execute("PRAGMA synchronous=FULL")
        return connection

    def _uri(self, mode: str) -> str:
        return f"file:{quote(self.path)}?mode={mode}"


def sync_folder(path: str) -> None:
    """Bring the names of a folder to the disk itself: a new file is lost without its name."""
    folder = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def _answer(jobs: list[Job], results: list[Any]) -> None:
    for job, result in zip(jobs, results, strict=True):
        job.done.callback(result)
