"""The one SQLite file, on a thread of its own.

WAL with synchronous=FULL: what a job's Deferred answered is on the disk itself, and survives the
end of the process as well as a power cut. What a commit says of data on disk was true before it was
written: callers sync the data first (see docs/architecture.rst).

A file that is damaged is set aside and made anew of what is left, when it is opened or at the job
that meets the damage; that job is done with the new one.
"""

from __future__ import annotations

import sqlite3
import time
from collections import deque
from contextlib import closing, suppress
from typing import Any, Callable, NamedTuple, TypeVar

from twisted.internet.defer import Deferred, succeed
from twisted.internet.interfaces import IReactorFromThreads
from twisted.logger import Logger
from twisted.python.failure import Failure
from twisted.python.threadpool import ThreadPool

from p2pd.base.errors import StateError
from p2pd.base.measures import SECONDS, Histogram
from p2pd.state.answering import CallWrites, noted
from p2pd.state.damage import DATABASE_ERRORS, is_damage
from p2pd.state.database_file import DatabaseFile
from p2pd.state.kept_due import catch_up, rescue

T = TypeVar("T")

TOGETHER = 100
"""Jobs that share a transaction when so many wait: a sync costs more than they do."""

Work = Callable[[sqlite3.Cursor], Any]


class Job(NamedTuple):
    """What waits to be done, who waits for it, and the call that it is for."""

    work: Work
    done: Deferred[Any]
    writes: CallWrites | None


class Database:
    """Runs functions of a cursor in order, each in a transaction, several in one if many wait."""

    log = Logger()

    def __init__(
        self,
        reactor: IReactorFromThreads,
        state_dir: str,
        *,
        default_folder: str = "/",
        wall: Callable[[], float] = time.time,
    ) -> None:
        """`default_folder` is where a torrent belongs of which nothing but its metadata is left."""
        self._file = DatabaseFile(state_dir, default_folder, wall, self._tell)
        self.path = self._file.path
        self.kept = self._file.kept
        self._reactor = reactor
        self.seconds = Histogram(SECONDS)
        """What transactions took, with their syncs."""
        self.handed_in = self.through = 0
        """Jobs since the start: those that came, and those that are done or refused."""
        self._waiting: deque[Job] = deque()
        self._until: list[tuple[int, Deferred[None]]] = []
        """Who waits for so many jobs to be through."""
        self._thread: ThreadPool | None = None
        self._connection: sqlite3.Connection | None = None
        self._kept_at = -1
        self._keeping_failed = False
        self._copies_wait = False

    @property
    def notice(self) -> str:
        """What happened to databases that lie set aside; empty when nothing did."""
        return self._file.notice

    @property
    def waiting(self) -> int:
        """Jobs that have not begun."""
        return len(self._waiting)

    def open(self) -> None:
        """Make the folder, open the file and bring its schema up to date.

        Blocks; for use before the reactor runs. Raises StateError with a sentence.
        """
        self._file.open()

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
        self.handed_in += 1
        writes = noted(self.handed_in)
        self._waiting.append(Job(lambda cursor: job(cursor, *args), done, writes))
        self._thread.callInThread(self._work)
        return done

    def until_through(self, number: int) -> Deferred[None]:
        """Fires when the first so many jobs are done or refused; for those of a call."""
        if number <= self.through:
            return succeed(None)
        done: Deferred[None] = Deferred()
        self._until.append((number, done))
        return done

    def leave_copies(self) -> None:
        """The daemon is about to end: copies that are due are written after the next start."""
        self._copies_wait = True

    def close(self) -> None:
        """Finish what is queued and close. Blocks."""
        if self._thread is not None:
            self._thread.stop()
            self._thread = None
        self._disconnect()

    # -- in the thread -------------------------------------------------------------------------

    def _work(self) -> None:
        """Called once for each job; those that were done together leave nothing to later calls."""
        jobs = [self._waiting.popleft() for _ in range(min(len(self._waiting), TOGETHER))]
        if jobs:
            try:
                results: list[Any] = self._transaction([job.work for job in jobs])
            except Exception:
                # Each alone then: the others are not to blame.
                results = [self._alone(job) for job in jobs]
            self._reactor.callFromThread(self._answer, jobs, results)
        self._keep()

    def _alone(self, job: Job) -> Any:
        try:
            return self._until_whole(lambda: self._transaction([job.work])[0])
        except DATABASE_ERRORS as problem:
            return Failure(StateError(f"the state database {self.path} refused: {problem}"))
        except Exception:
            return Failure()

    def _until_whole(self, act: Callable[[], T]) -> T:
        """Do it; with a new connection, and then a new database, where that speaks of damage.

        After an error of the disk SQLite may speak of damage where there is none, as long as the
        connection lives.
        """
        for replace in (False, True):
            try:
                return act()
            except (*DATABASE_ERRORS, StateError) as problem:
                if not is_damage(problem):
                    raise
                self._rescue()
                self._disconnect()
                if replace:
                    self._file.replace(problem)
        return act()

    def _rescue(self) -> None:
        self._roll_back()
        if self._connection is not None:
            rescue(self._connection, self.kept)

    def _connected(self) -> sqlite3.Connection:
        if self._connection is None:
            self._connection = self._file.connected()
        return self._connection

    def _transaction(self, works: list[Work]) -> list[Any]:
        connection, began = self._connected(), time.monotonic()
        connection.execute("BEGIN IMMEDIATE")
        try:
            with closing(connection.cursor()) as cursor:
                results = [work(cursor) for work in works]
            connection.execute("COMMIT")
        except BaseException:
            self._roll_back()
            raise
        finally:
            self.seconds.observe(time.monotonic() - began)
        return results

    def _roll_back(self) -> None:
        # SQLite has ended it already when the disk is full.
        if self._connection is not None and self._connection.in_transaction:
            try:
                self._connection.execute("ROLLBACK")
            except sqlite3.Error:
                self._disconnect()

    def _keep(self) -> None:
        """Have the copies beside the database follow it."""
        connection = self._connection
        if connection is None or self._copies_wait or connection.total_changes == self._kept_at:
            return
        try:
            more = self._until_whole(lambda: catch_up(self._connected(), self.kept))
            self._keeping_failed = False
        except (OSError, *DATABASE_ERRORS, StateError) as problem:
            # They stay due, and are tried again at the next change.
            more = False
            self._roll_back()
            self._cannot_keep(problem)
        if self._connection is None:
            return
        self._kept_at = -1 if more else self._connection.total_changes
        if more and self._thread is not None:
            self._thread.callInThread(self._work)

    def _cannot_keep(self, problem: Exception) -> None:
        if not self._keeping_failed:
            words = getattr(problem, "strerror", None) or str(problem)
            self._tell(f"{self.kept.folder}: torrents cannot be copied there: {words}")
        self._keeping_failed = True

    def _disconnect(self) -> None:
        if self._connection is not None:
            with suppress(sqlite3.Error):
                self._connection.close()
            self._connection = None
        self._kept_at = -1

    def _tell(self, sentence: str) -> None:
        if self._thread is None:
            self.log.error("{sentence}", sentence=sentence)
        else:
            self._reactor.callFromThread(self.log.error, "{sentence}", sentence=sentence)

    # -- in the reactor's thread ---------------------------------------------------------------

    def _answer(self, jobs: list[Job], results: list[Any]) -> None:
        for job, result in zip(jobs, results, strict=True):
            if job.writes is not None and isinstance(result, Failure):
                job.writes.refused(result)
            self.through += 1
            job.done.callback(result)
        if self._until:
            waiting, self._until = self._until, []
            for number, done in waiting:
                if number <= self.through:
                    done.callback(None)
                else:
                    self._until.append((number, done))
