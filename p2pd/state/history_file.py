"""The statistics history as a file: STATE_DIR/history.db, three tables of one shape.

Each table has rows of one length (10 seconds, 5 minutes, 6 hours); a sample is put into all three
when it is written, so nothing is ever computed again of older rows: they only go when they are too
old. A row is there only where something happened.

It is worth less than the state database and is no part of it: written without a sync for each
commit, and made anew when it is damaged. All of it blocks, in one thread at a time.
"""

from __future__ import annotations

import os
import sqlite3
from contextlib import suppress
from typing import Callable, Collection, NamedTuple, Sequence, TypeVar

from p2pd.base.errors import StateError
from p2pd.state.damage import DATABASE_ERRORS, is_damage_at_opening
from p2pd.state.files import sync_folder

T = TypeVar("T")

FILE_NAME = "history.db"
VERSION = 1
TRIES_AGAIN = 3
"""Before a file is held to be damaged; one that is says so each time."""

JOURNALS = ("-wal", "-shm", "-journal")

DAY = 86_400
KEPT: dict[int, int | None] = {10: DAY, 300: 31 * DAY, 21_600: None}
"""Seconds that a row is about, and how long it is kept; None: for ever."""

FINEST = min(KEPT)
GONE_SECONDS = 30 * DAY
"""How long rows of torrents that were removed are kept."""

SESSION = b""
"""What the session's own rows are under; torrents' are under their 20-byte id."""

MOST_STATE = 2**20
"""States and numbers of torrents are smaller."""

_SCHEMA = """
CREATE TABLE subjects (id INTEGER PRIMARY KEY, name BLOB NOT NULL UNIQUE, gone_at INTEGER);
""" + "".join(
    f"""
CREATE TABLE samples_{seconds} (
    subject INTEGER NOT NULL, at INTEGER NOT NULL,
    downloaded INTEGER NOT NULL, uploaded INTEGER NOT NULL,
    peak_down INTEGER NOT NULL, peak_up INTEGER NOT NULL,
    peers INTEGER NOT NULL, state INTEGER NOT NULL,
    PRIMARY KEY (subject, at)
) WITHOUT ROWID;
"""
    for seconds in KEPT
)


class Sample(NamedTuple):
    """What happened to a subject in the `FINEST` seconds from `at`, a multiple of them."""

    subject: bytes
    at: int
    downloaded: int
    """Bytes, as `uploaded`."""
    uploaded: int
    peers: int
    state: int
    """Of a torrent its status, of the session how many torrents run."""


class Span(NamedTuple):
    """A subject's rows of one step together; rates of the busiest `FINEST` seconds, bytes/s."""

    at: int
    downloaded: int
    uploaded: int
    peak_down: int
    peak_up: int
    peers: int
    state: int


class Question(NamedTuple):
    """What is to be read: rows of so many seconds, put together to steps from `since` on."""

    subjects: Sequence[bytes]
    since: int
    until: int
    resolution: int
    step: int


class HistoryFile:
    """The file; `tell` hears of what went wrong. Every method may raise StateError."""

    def __init__(self, state_dir: str, tell: Callable[[str], None]) -> None:
        self.path = os.path.join(state_dir, FILE_NAME)
        self._tell = tell
        self._connection: sqlite3.Connection | None = None

    def write(self, samples: Sequence[Sample]) -> int:
        """Put them into all tables; how many bytes the file then has in use."""
        return self._whole(lambda connection: _write(connection, samples))

    def read(self, question: Question) -> dict[bytes, list[Span]]:
        """The rows of each subject, the oldest first; where nothing happened is none."""
        return self._whole(lambda connection: _read(connection, question))

    def tidy(self, now: int, present: Collection[bytes], most_bytes: int) -> int:
        """Let go what is too old, or too much; `present` are the torrents there are.

        How many bytes the file then has in use.
        """
        return self._whole(lambda connection: _tidy(connection, now, present, most_bytes))

    def close(self) -> None:
        """Done with it."""
        if self._connection is not None:
            with suppress(sqlite3.Error):
                self._connection.close()
            self._connection = None

    def _whole(self, act: Callable[[sqlite3.Connection], T]) -> T:
        """Do it in a transaction; with new connections, and then a new file, where these speak of
        damage: when the disk fails SQLite may do so of a file that is whole.
        """
        try:
            for replace in (*[False] * TRIES_AGAIN, True):
                try:
                    return self._transaction(act)
                except DATABASE_ERRORS as problem:
                    self.close()
                    if not is_damage_at_opening(problem):
                        raise
                    if replace:
                        self._set_aside(problem)
            return self._transaction(act)
        except (OSError, *DATABASE_ERRORS) as problem:
            self.close()
            words = getattr(problem, "strerror", None) or str(problem)
            raise StateError(f"the statistics history {self.path} refused: {words}") from None

    def _transaction(self, act: Callable[[sqlite3.Connection], T]) -> T:
        connection = self._opened()
        connection.execute("BEGIN IMMEDIATE")
        try:
            found = act(connection)
            connection.execute("COMMIT")
        except BaseException:
            with suppress(sqlite3.Error):
                connection.execute("ROLLBACK")
            raise
        return found

    def _opened(self) -> sqlite3.Connection:
        if self._connection is not None and not os.path.lexists(self.path):
            self._tell(f"the statistics history {self.path} is gone: a new one is begun")
            self.close()
        if self._connection is None:
            self._connection = _connect(self.path)
        return self._connection

    def _set_aside(self, problem: Exception) -> None:
        for journal in JOURNALS:
            with suppress(FileNotFoundError):
                os.unlink(self.path + journal)
        with suppress(FileNotFoundError):
            os.replace(self.path, f"{self.path}.damaged")
        self._tell(
            f"the statistics history {self.path} is damaged ({problem}): it is now "
            f"{FILE_NAME}.damaged, and a new one is begun"
        )


def _connect(path: str) -> sqlite3.Connection:
    flags = os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC
    os.close(os.open(path, flags, 0o600))
    connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
    try:
        (version,) = connection.execute("PRAGMA user_version").fetchone()
        if version > VERSION:
            raise StateError(
                f"the statistics history {path} is of version {version}, written by a newer "
                f"p2pd; this one knows {VERSION}"
            )
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute("PRAGMA synchronous=NORMAL")
        # This makes the journal. Where a power cut took its name back, and the removal of the one
        # before, that one would be played over pages that are newer.
        connection.execute("SELECT 1 FROM sqlite_master")
        sync_folder(os.path.dirname(path))
        if not version:
            connection.executescript(f"BEGIN; {_SCHEMA} PRAGMA user_version={VERSION}; COMMIT;")
    except BaseException:
        connection.close()
        raise
    return connection


def _write(connection: sqlite3.Connection, samples: Sequence[Sample]) -> int:
    ids = {name: _subject(connection, name) for name in {sample.subject for sample in samples}}
    for seconds in KEPT:
        together: dict[tuple[int, int], Span] = {}
        for sample in samples:
            span = _span(sample, sample.at // seconds * seconds)
            key = ids[sample.subject], span.at
            together[key] = _sum(together[key], span) if key in together else span
        connection.executemany(
            f"""INSERT INTO samples_{seconds} VALUES (?, ?, ?, ?, ?, ?, ?, ?)
            ON CONFLICT (subject, at) DO UPDATE SET
                downloaded = downloaded + excluded.downloaded,
                uploaded = uploaded + excluded.uploaded,
                peak_down = max(peak_down, excluded.peak_down),
                peak_up = max(peak_up, excluded.peak_up),
                peers = max(peers, excluded.peers),
                state = excluded.state""",
            [(subject, *span) for (subject, _), span in together.items()],
        )
    return _used(connection)


def _subject(connection: sqlite3.Connection, name: bytes) -> int:
    connection.execute(
        "INSERT INTO subjects (name) VALUES (?) ON CONFLICT (name) DO UPDATE SET gone_at = NULL",
        (name,),
    )
    row = connection.execute("SELECT id FROM subjects WHERE name = ?", (name,)).fetchone()
    number: int = row[0]
    return number


def _span(sample: Sample, at: int) -> Span:
    down, up = sample.downloaded, sample.uploaded
    state = min(sample.state, MOST_STATE - 1)
    return Span(at, down, up, down // FINEST, up // FINEST, sample.peers, state)


def _sum(earlier: Span, later: Span) -> Span:
    return Span(
        earlier.at,
        earlier.downloaded + later.downloaded,
        earlier.uploaded + later.uploaded,
        max(earlier.peak_down, later.peak_down),
        max(earlier.peak_up, later.peak_up),
        max(earlier.peers, later.peers),
        later.state,
    )


def _read(connection: sqlite3.Connection, question: Question) -> dict[bytes, list[Span]]:
    statement = f"""
        SELECT at / :step * :step, sum(downloaded), sum(uploaded), max(peak_down), max(peak_up),
            max(peers), max(at * {MOST_STATE} + state) % {MOST_STATE}
        FROM samples_{question.resolution}
        WHERE subject = (SELECT id FROM subjects WHERE name = :name)
            AND at >= :since AND at < :until
        GROUP BY 1 ORDER BY 1"""
    times = {"step": question.step, "since": question.since, "until": question.until}
    return {
        name: [Span(*row) for row in connection.execute(statement, {"name": name, **times})]
        for name in question.subjects
    }


def _tidy(
    connection: sqlite3.Connection, now: int, present: Collection[bytes], most_bytes: int
) -> int:
    _forget_gone(connection, now, present)
    for seconds, kept in KEPT.items():
        if kept is not None:
            _prune(connection, seconds, now - kept, SESSION)
            _prune(connection, seconds, now - kept)
    for seconds in KEPT:
        oldest = connection.execute(f"SELECT min(at) FROM samples_{seconds}").fetchone()[0] or now
        kept = now - oldest
        while _used(connection) > most_bytes and kept > seconds:
            kept //= 2
            _prune(connection, seconds, now - kept)
    return _used(connection)


def _forget_gone(connection: sqlite3.Connection, now: int, present: Collection[bytes]) -> None:
    rows = connection.execute("SELECT id, name, gone_at FROM subjects").fetchall()
    for number, name, gone_at in rows:
        here = name == SESSION or name in present
        if here and gone_at is not None:
            connection.execute("UPDATE subjects SET gone_at = NULL WHERE id = ?", (number,))
        elif not here and gone_at is None:
            connection.execute("UPDATE subjects SET gone_at = ? WHERE id = ?", (now, number))
        elif not here and now - gone_at > GONE_SECONDS:
            for seconds in KEPT:
                connection.execute(f"DELETE FROM samples_{seconds} WHERE subject = ?", (number,))
            connection.execute("DELETE FROM subjects WHERE id = ?", (number,))


def _prune(
    connection: sqlite3.Connection, seconds: int, before: int, name: bytes | None = None
) -> None:
    """Let go rows from before then: of one subject, or of all torrents."""
    statement = "SELECT id FROM subjects WHERE name " + ("!= ?" if name is None else "= ?")
    numbers = connection.execute(statement, (SESSION if name is None else name,)).fetchall()
    connection.executemany(
        f"DELETE FROM samples_{seconds} WHERE subject = ? AND at < ?",
        [(number, before) for (number,) in numbers],
    )


def _used(connection: sqlite3.Connection) -> int:
    """Bytes of the pages that hold something."""
    pages, free, size = (
        connection.execute(f"PRAGMA {name}").fetchone()[0]
        for name in ("page_count", "freelist_count", "page_size")
    )
    used: int = (pages - free) * size
    return used
