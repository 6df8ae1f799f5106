"""The one SQLite file, on a thread of its own.

WAL with synchronous=NORMAL: a commit survives the end of the process at once, and a power cut
loses at most the newest commits, never the file. What a commit says of data on disk was true
before it was written: callers sync the data first (see docs/architecture.rst).
"""

from __future__ import annotations

import os
import sqlite3
from contextlib import closing
from typing import Any, Callable, NoReturn, TypeVar
from urllib.parse import quote

from twisted.enterprise import adbapi
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorCore
from twisted.python.failure import Failure

from p2pd.base.errors import StateError
from p2pd.state.upgrades import check_version, upgrade

T = TypeVar("T")

FILE_NAME = "state.db"


class Database:
    """Runs functions of a cursor, one at a time, each in a transaction of its own."""

    def __init__(self, reactor: IReactorCore, state_dir: str) -> None:
        self.path = os.path.join(state_dir, FILE_NAME)
        self._reactor = reactor
        self._state_dir = state_dir
        self._pool: adbapi.ConnectionPool | None = None

    def open(self) -> None:
        """Make the folder, open the file and bring its schema up to date.

        Blocks; for use before the reactor runs. Raises StateError with a sentence.
        """
        try:
            os.makedirs(self._state_dir, mode=0o700, exist_ok=True)
            file = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
            try:
                # One that was copied back from elsewhere may be open to all.
                os.fchmod(file, 0o600)
            finally:
                os.close(file)
        except OSError as problem:
            raise StateError(
                f"the state folder {self._state_dir} cannot be used: {problem.strerror}"
            ) from None
        try:
            with closing(sqlite3.connect(self._uri("ro"), uri=True)) as connection:
                check_version(connection)
            with closing(sqlite3.connect(self.path, isolation_level=None)) as connection:
                connection.execute("PRAGMA journal_mode=WAL")
                upgrade(connection)
        except sqlite3.DatabaseError as problem:
            raise StateError(f"the state database {self.path} cannot be read: {problem}") from None

    def _uri(self, mode: str) -> str:
        return f"file:{quote(self.path)}?mode={mode}"

    def run(self, job: Callable[..., T], *args: Any) -> Deferred[T]:
        """Run `job(cursor, *args)` in a transaction, on the database's thread.

        Fails with StateError when the database refuses, and with whatever `job` raises.
        """
        # The thread starts at the first job: `open` may run before the process forks.
        if self._pool is None:
            self._pool = self._new_pool()
        result: Deferred[T] = self._pool.runInteraction(job, *args)
        return result.addErrback(self._in_words)

    def _in_words(self, failure: Failure) -> NoReturn:
        if isinstance(failure.value, sqlite3.Error):
            raise StateError(
                f"the state database {self.path} refused: {failure.value}"
            ) from failure.value
        failure.raiseException()

    def _new_pool(self) -> adbapi.ConnectionPool:
        pool = adbapi.ConnectionPool(
            "sqlite3",
            self.path,
            check_same_thread=False,
            cp_min=1,
            cp_max=1,
            cp_openfun=lambda made: made.execute("PRAGMA synchronous=NORMAL"),
            cp_reactor=self._reactor,
        )
        pool.start()
        return pool

    def close(self) -> None:
        """Finish what is queued and close. Blocks."""
        if self._pool is not None:
            self._pool.close()
            self._pool = None
