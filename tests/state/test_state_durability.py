"""What is answered is on the disk itself; jobs that wait share a transaction and nothing else."""

from __future__ import annotations

import errno
import os
import sqlite3
import threading
from typing import Any

import pytest
from twisted.internet.defer import DeferredList

from p2pd.base.errors import StateError
from p2pd.state import database_file
from p2pd.state.database import TOGETHER
from p2pd.state.settings import SettingsStore
from tests.state.database_tests import DatabaseTestCase


def pragma(cursor: sqlite3.Cursor, name: str) -> Any:
    return cursor.execute(f"PRAGMA {name}").fetchone()[0]


class DurabilityTests(DatabaseTestCase):
    """With the database's own thread, which a job of ours holds up."""

    def hold(self) -> threading.Event:
        """Keep the thread busy, so that what is asked next waits together."""
        go_on, held = threading.Event(), threading.Event()

        def wait(cursor: sqlite3.Cursor) -> None:
            held.set()
            assert go_on.wait(10)

        self.database.run(wait)
        assert held.wait(10)
        return go_on

    async def test_every_commit_is_synced(self) -> None:
        assert await self.database.run(pragma, "synchronous") == 2  # FULL
        assert await self.database.run(pragma, "journal_mode") == "wal"

    async def test_the_journals_name_is_on_the_disk_before_a_commit(self) -> None:
        """SQLite syncs it, too, but takes a failure for no reason to worry."""
        refuse = pytest.MonkeyPatch()
        self.addCleanup(refuse.undo)

        def broken(path: str) -> None:
            assert os.path.exists(f"{self.database.path}-wal")
            raise OSError(errno.EIO, os.strerror(errno.EIO))

        refuse.setattr(database_file, "sync_folder", broken)
        with pytest.raises(StateError, match="cannot be used: Input/output error"):
            await SettingsStore(self.database).save("a", 1)
        refuse.undo()
        await SettingsStore(self.database).save("b", 2)
        assert await SettingsStore(self.database).load() == {"b": 2}

    async def test_what_is_answered_is_committed(self) -> None:
        await SettingsStore(self.database).save("a", 1)
        other = sqlite3.connect(f"file:{self.database.path}?mode=ro", uri=True)
        self.addCleanup(other.close)
        assert other.execute("SELECT name FROM settings").fetchall() == [("a",)]

    async def test_jobs_that_wait_share_a_transaction(self) -> None:
        begun: list[str] = []
        await self.database.run(
            lambda cursor: cursor.connection.set_trace_callback(
                lambda sql: begun.append(sql) if sql.startswith("BEGIN") else None
            )
        )
        go_on = self.hold()
        settings = SettingsStore(self.database)
        saved = [settings.save(str(number), number) for number in range(2 * TOGETHER)]
        go_on.set()
        await DeferredList(saved)
        assert len(begun) == 1 + 2
        assert len(await settings.load()) == 2 * TOGETHER

    async def test_one_that_fails_does_not_take_its_neighbours_along(self) -> None:
        def half(cursor: sqlite3.Cursor) -> None:
            cursor.execute("INSERT INTO settings VALUES ('half', '1')")
            raise ValueError("no further")

        def wrong(cursor: sqlite3.Cursor) -> None:
            cursor.execute("INSERT INTO nowhere VALUES (1)")

        go_on = self.hold()
        settings = SettingsStore(self.database)
        before, failed = settings.save("before", 1), self.database.run(half)
        refused, after = self.database.run(wrong), settings.save("after", 2)
        go_on.set()
        await before
        with pytest.raises(ValueError, match="no further"):
            await failed
        with pytest.raises(StateError, match="refused: no such table"):
            await refused
        await after
        assert await settings.load() == {"before": 1, "after": 2}
