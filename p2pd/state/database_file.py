"""The database as a file: made, opened, upgraded, looked at for damage, and replaced if it has any.

Everything here blocks.
"""

from __future__ import annotations

import os
import sqlite3
import threading
import time
from contextlib import closing
from typing import Callable
from urllib.parse import quote

from p2pd.base.errors import StateError
from p2pd.state.damage import DATABASE_ERRORS, DamagedError, is_damage_at_opening
from p2pd.state.files import sync_folder
from p2pd.state.kept_due import all_due, take_changed
from p2pd.state.kept_torrents import KeptTorrents
from p2pd.state.rebuilding import JOURNALS, adopt_kept, finish_replacing, notices, rebuild
from p2pd.state.records import ids_by_name
from p2pd.state.upgrades import check_version, upgrade

FILE_NAME = "state.db"

LOOK_SECONDS = 2.0
"""How long a start after a crash looks for damage; later jobs find the rest as they meet it."""


class DatabaseFile:
    """The file at STATE_DIR/state.db, and the copies beside it. `tell` hears of what went wrong."""

    def __init__(
        self,
        state_dir: str,
        default_folder: str,
        wall: Callable[[], float],
        tell: Callable[[str], None],
    ) -> None:
        self.path = os.path.join(state_dir, FILE_NAME)
        self.kept = KeptTorrents(state_dir)
        self.notice = ""
        self._state_dir = state_dir
        self._default_folder = default_folder
        self._wall = wall
        self._tell = tell

    def open(self) -> None:
        """Make it or bring it up to date. Raises StateError with a sentence."""
        self._make()
        # An attempt that fails takes the journal away that tells of a crash.
        crashed = self._crashed()
        try:
            for replace in (False, True):
                try:
                    self._prepare(crashed)
                    break
                except (*DATABASE_ERRORS, DamagedError) as problem:
                    if not is_damage_at_opening(problem):
                        raise
                    # What a disk refuses once it may give the next time.
                    if replace:
                        self.replace(problem)
            else:
                self._prepare(self._crashed())
        except DATABASE_ERRORS as problem:
            raise self._refusal(problem) from None
        self.notice = notices(self._state_dir)

    def connected(self) -> sqlite3.Connection:
        """A connection of which every commit is synced. Raises sqlite3.Error, StateError."""
        connection = sqlite3.connect(self.path, isolation_level=None, check_same_thread=False)
        try:
            connection.execute("PRAGMA synchronous=FULL")
            # This makes the journal, and a commit is lost with its name. SQLite brings that to
            # the disk, too, but does not mind when it fails.
            connection.execute("SELECT 1 FROM sqlite_master")
            sync_folder(self._state_dir)
        except BaseException as problem:
            connection.close()
            if isinstance(problem, OSError):
                raise self._unusable(problem) from None
            raise
        return connection

    def replace(self, problem: Exception) -> None:
        """Set it aside and make it anew of what is left. Raises StateError."""
        date = time.strftime("%Y%m%d-%H%M%S", time.gmtime(self._wall()))
        self._tell(rebuild(self.path, self.kept, self._default_folder, str(problem), date))
        with closing(self.connected()) as connection:
            connection.execute("PRAGMA journal_mode=WAL")
        self.notice = notices(self._state_dir)

    def _make(self) -> None:
        try:
            os.makedirs(self._state_dir, mode=0o700, exist_ok=True)
            self.kept.make()
            finish_replacing(self.path)
            file = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
            try:
                # One that was copied back from elsewhere may be open to all.
                os.fchmod(file, 0o600)
            finally:
                os.close(file)
            sync_folder(self._state_dir)
        except OSError as problem:
            raise self._unusable(problem) from None

    def _prepare(self, crashed: bool) -> None:
        self._check_version()
        with closing(self.connected()) as connection:
            if connection.execute("PRAGMA journal_mode=WAL").fetchone() != ("wal",):
                raise StateError(f"{self.path}: the disk does not take SQLite's WAL")
            upgrade(connection)
            _check_tables(connection)
            if crashed:
                _look_for_damage(connection)
            self._compare_with_kept(connection, crashed)

    def _check_version(self) -> None:
        """Whether we know it. Raises StateError; one of a newer version is not written to."""
        try:
            uri = f"file:{quote(self.path)}?mode=ro"
            with closing(sqlite3.connect(uri, uri=True)) as connection:
                check_version(connection)
        except sqlite3.OperationalError as problem:
            if problem.sqlite_errorcode & 0xFF != sqlite3.SQLITE_READONLY:
                raise
            # A transaction that was cut off has to be rolled back first, which is writing.
            with closing(sqlite3.connect(self.path)) as connection:
                check_version(connection)

    def _crashed(self) -> bool:
        """Whether it was not closed; then its journal is there, or was lost with what was in it."""
        if any(os.path.lexists(self.path + journal) for journal in JOURNALS):
            return True
        try:
            return self.kept.newest() > os.stat(self.path).st_mtime
        except OSError:
            return True

    def _compare_with_kept(self, connection: sqlite3.Connection, crashed: bool) -> None:
        """A copy of a torrent that the database never heard of: it lost it, whatever it was.

        After a crash what is in the copies is compared, too: a journal that is damaged ends where
        the damage is, and SQLite takes what is before that for all there was.
        """
        names = self.kept.names()
        cursor = connection.cursor()
        here = ids_by_name(cursor).keys() - {""}
        cursor.execute("SELECT name FROM kept_due")
        due = {row[0] for row in cursor.fetchall()}
        lost = names - here - due
        if not lost and not crashed and here <= names | due:
            return
        cursor.execute("BEGIN IMMEDIATE")
        changed = take_changed(cursor, self.kept, due) if crashed else 0
        taken = adopt_kept(cursor, self.kept, lost, self._default_folder)
        all_due(cursor, names | due)
        cursor.execute("COMMIT")
        if taken:
            self._tell(
                f"the state database lacked {taken} of the torrents that are kept beside it: "
                "they are back, and checked again"
            )
        if changed:
            self._tell(
                f"the state database was older than the copies of {changed} torrents beside it: "
                "they are as in the copies, and checked again"
            )

    def _unusable(self, problem: OSError) -> StateError:
        return StateError(f"the state folder {self._state_dir} cannot be used: {problem.strerror}")

    def _refusal(self, problem: Exception) -> StateError:
        return StateError(f"the state database {self.path} cannot be read: {problem}")


def _check_tables(connection: sqlite3.Connection) -> None:
    """Whether all tables are there with all their columns. Raises DamagedError."""
    with closing(sqlite3.connect(":memory:", isolation_level=None)) as fresh:
        upgrade(fresh)
        if _shape(fresh) != _shape(connection):
            raise DamagedError("its tables are not those of its version")


def _shape(connection: sqlite3.Connection) -> dict[str, set[str]]:
    names = connection.execute("SELECT name FROM sqlite_master").fetchall()
    return {
        name: {row[1] for row in connection.execute(f'PRAGMA table_info("{name}")')}
        for (name,) in names
        if name.isidentifier()
    }


def _look_for_damage(connection: sqlite3.Connection) -> None:
    """SQLite's own check, as far as it comes in time. Raises DamagedError, sqlite3.Error."""
    timer = threading.Timer(LOOK_SECONDS, connection.interrupt)
    timer.start()
    try:
        (found,) = connection.execute("PRAGMA quick_check(1)").fetchone()
    except sqlite3.OperationalError as problem:
        if getattr(problem, "sqlite_errorcode", 0) != sqlite3.SQLITE_INTERRUPT:
            raise
        return
    finally:
        timer.cancel()
        timer.join()
    if found != "ok":
        raise DamagedError(" ".join(str(found).split()))
