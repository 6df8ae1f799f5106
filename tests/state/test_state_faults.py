"""A database that refuses, at the start or while it runs, and a stop with work in the queue."""

from __future__ import annotations

import os
import shutil
import sqlite3
import stat
import threading
from contextlib import closing
from importlib import resources
from pathlib import Path

import pytest
from twisted.internet import reactor

from p2pd.base.errors import StateError
from p2pd.state import database as database_module
from p2pd.state.database import Database
from p2pd.state.resume import TorrentRecord, TorrentStore
from p2pd.state.settings import SettingsStore
from p2pd.state.upgrades import upgrade
from tests.state.damaged import filled, reloaded, torrent_record
from tests.state.database_tests import DatabaseTestCase


class RunningTests(DatabaseTestCase):
    async def test_a_refusal_is_told_in_words_and_the_next_job_is_done(self) -> None:
        settings = SettingsStore(self.database)
        await settings.save("a", 1)

        def filled(cursor: sqlite3.Cursor) -> None:
            (pages,) = cursor.execute("PRAGMA page_count").fetchone()
            cursor.execute(f"PRAGMA max_page_count={pages}")

        await self.database.run(filled)
        record = TorrentRecord(
            hash_v1=b"1" * 20, hash_v2=None, name="x", download_dir="/d", torrent=bytes(2**20)
        )
        with pytest.raises(StateError, match=r"state\.db refused: database or disk is full"):
            await TorrentStore(self.database).add(record)
        assert await settings.load() == {"a": 1}
        assert await TorrentStore(self.database).load_all() == []

    async def test_closing_finishes_what_is_queued(self) -> None:
        queued = threading.Event()

        def insert(cursor: sqlite3.Cursor, name: str) -> None:
            queued.wait()
            cursor.execute("INSERT INTO settings VALUES (?, '1')", [name])

        for number in range(30):
            self.database.run(insert, str(number)).addErrback(lambda failure: None)
        queued.set()
        assert len(await SettingsStore(self.reopened()).load()) == 30

    async def test_the_journal_is_written_ahead_and_private(self) -> None:
        await SettingsStore(self.database).save("a", 1)
        for ending in ("", "-wal", "-shm"):
            assert stat.S_IMODE(os.stat(self.database.path + ending).st_mode) == 0o600


def test_an_open_database_is_made_private(tmp_path: Path) -> None:
    (tmp_path / "state.db").touch(0o644)
    Database(reactor, str(tmp_path)).open()
    assert stat.S_IMODE((tmp_path / "state.db").stat().st_mode) == 0o600


def test_a_new_folder_is_the_owners_alone(tmp_path: Path) -> None:
    Database(reactor, str(tmp_path / "state")).open()
    assert stat.S_IMODE((tmp_path / "state").stat().st_mode) == 0o700


def test_an_upgrade_that_fails_changes_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "0001_a.sql").write_text("CREATE TABLE a (x);")
    monkeypatch.setattr(resources, "files", lambda _: tmp_path)
    path = tmp_path / "x.db"
    connection = sqlite3.connect(path, isolation_level=None)
    upgrade(connection)
    (tmp_path / "0002_b.sql").write_text("CREATE TABLE b (x); CREATE TABLE a (x);")
    with pytest.raises(sqlite3.OperationalError, match="already exists"):
        upgrade(connection)
    connection.close()
    connection = sqlite3.connect(path)
    assert connection.execute("SELECT name FROM sqlite_master").fetchall() == [("a",)]
    assert connection.execute("PRAGMA user_version").fetchone() == (1,)
    (tmp_path / "0002_b.sql").write_text("CREATE TABLE b (x);")
    upgrade(connection)
    assert connection.execute("PRAGMA user_version").fetchone() == (2,)
    connection.close()


def test_schemas_are_numbered_without_a_gap() -> None:
    names = sorted(
        entry.name
        for entry in resources.files(f"{database_module.__package__}.schemas").iterdir()
        if entry.name.endswith(".sql")
    )
    assert [int(name[:4]) for name in names] == list(range(1, len(names) + 1))


def test_a_transaction_that_was_cut_off_before_there_was_a_wal_is_rolled_back(
    tmp_path: Path,
) -> None:
    """As after a kill while the database is made anew: nothing may be read before that."""
    before, after = tmp_path / "before", tmp_path / "after"
    filled(before, [torrent_record(1)])
    after.mkdir()
    with closing(sqlite3.connect(before / "state.db", isolation_level=None)) as connection:
        connection.execute("PRAGMA journal_mode=DELETE")
        connection.execute("PRAGMA cache_size=1")
        connection.execute("BEGIN IMMEDIATE")
        connection.execute("UPDATE torrents SET name = 'half'")
        connection.executemany(
            "INSERT INTO settings VALUES (?, ?)", [(f"s{n}", "x" * 4000) for n in range(50)]
        )
        for name in ("state.db", "state.db-journal"):
            shutil.copy(before / name, after / name)
        connection.execute("ROLLBACK")
    with (
        closing(sqlite3.connect(f"file:{after}/state.db?mode=ro", uri=True)) as connection,
        pytest.raises(sqlite3.OperationalError, match="readonly"),
    ):
        connection.execute("SELECT 1 FROM torrents")
    records, notice = reloaded(after)
    assert ([record.name for record in records], notice) == (["torrent 1"], "")
