"""The state database: what is saved comes back, and what cannot be used is refused in words."""

from __future__ import annotations

import os
import sqlite3
import stat
from importlib import resources
from pathlib import Path
from typing import Any

import pytest
from twisted.internet import reactor

from p2pd.base.errors import StateError
from p2pd.state.database import Database
from p2pd.state.records import load_all
from p2pd.state.resume import TorrentRecord, TorrentStore
from p2pd.state.settings import SettingsStore
from p2pd.state.statistics import StatisticsStore
from p2pd.state.upgrades import upgrade
from tests.state.database_tests import DatabaseTestCase


def record(**changes: Any) -> TorrentRecord:
    made = TorrentRecord(hash_v1=b"1" * 20, hash_v2=None, name="näme", download_dir="/d")
    for name, value in changes.items():
        setattr(made, name, value)
    return made


class StateTests(DatabaseTestCase):
    async def test_a_record_comes_back_as_it_was(self) -> None:
        saved = record(
            hash_v2=b"2" * 32,
            torrent=b"d4:infode",
            magnet="magnet:?",
            paused=True,
            added_at=1.5,
            pieces=b"\xf0",
            priorities=b"\x01\x05",
            trackers=(("http://a", "http://b"), ("udp://c",)),
            labels=("x", "y"),
            sequential=True,
            sequential_from=7,
            super_seeding="off",
            seed_choking="anti_leech",
            peer_limit=7,
            download_limit=0,
            download_limited=True,
            upload_limit=55,
            upload_limited=True,
            honors_session_limits=False,
            file_states="[]",
            clean=True,
            uploaded=2**50,
        )
        await TorrentStore(self.database).add(saved)
        assert await TorrentStore(self.reopened()).load_all() == [saved]

    async def test_ids_are_never_used_again(self) -> None:
        store = TorrentStore(self.database)
        first, second, third = record(), record(), record()
        await store.add(first)
        await store.add(second)
        await store.remove(second.id)
        store = TorrentStore(self.reopened())
        await store.add(third)
        assert third.id > second.id > first.id
        assert [r.id for r in await store.load_all()] == [first.id, third.id]

    async def test_progress_leaves_the_rest_of_the_row(self) -> None:
        store = TorrentStore(self.database)
        saved = record()
        await store.add(saved)
        saved.pieces, saved.uploaded, saved.name = b"\xff", 9, "not saved by this"
        await store.save_progress(saved)
        (back,) = await store.load_all()
        assert (back.pieces, back.uploaded, back.name) == (b"\xff", 9, "näme")

    async def test_values_are_those_of_the_call_not_of_later(self) -> None:
        store = TorrentStore(self.database)
        saved = record()
        await store.add(saved)
        saved.uploaded = 1
        saving = store.save_progress(saved)
        saved.uploaded = 2
        await saving
        assert (await store.load_all())[0].uploaded == 1

    async def test_nothing_is_clean_while_it_runs(self) -> None:
        store = TorrentStore(self.database)
        saved = record(clean=True)
        await store.add(saved)
        await store.mark_running([saved.id])
        assert not (await store.load_all())[0].clean

    async def test_settings_and_totals_come_back(self) -> None:
        await SettingsStore(self.database).save("download_dir", "/x")
        await SettingsStore(self.database).save("download_dir", "/y")
        await StatisticsStore(self.database).save({"uploaded": 5, "downloaded": 6})
        database = self.reopened()
        assert await SettingsStore(database).load() == {"download_dir": "/y"}
        assert await StatisticsStore(database).load() == {"uploaded": 5, "downloaded": 6}

    async def test_a_failed_job_leaves_no_trace(self) -> None:
        store = TorrentStore(self.database)

        def half(cursor: sqlite3.Cursor) -> None:
            cursor.execute("INSERT INTO settings VALUES ('a', '1')")
            raise ValueError("no further")

        with pytest.raises(ValueError, match="no further"):
            await self.database.run(half)
        assert await SettingsStore(self.database).load() == {}
        assert await store.load_all() == []

    def test_only_the_owner_can_read_it(self) -> None:
        mode = stat.S_IMODE(os.stat(os.path.join(self.folder, "state.db")).st_mode)
        assert mode == 0o600


def test_a_newer_database_is_refused(tmp_path: Path) -> None:
    with sqlite3.connect(tmp_path / "state.db") as connection:
        connection.execute("PRAGMA user_version=999")
    with pytest.raises(StateError, match="written by a newer p2pd"):
        Database(reactor, str(tmp_path)).open()


def test_a_folder_that_cannot_be_made_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(StateError, match="cannot be used: Not a directory"):
        Database(reactor, str(tmp_path / "file" / "state")).open()


def test_an_upgrade_is_done_once(tmp_path: Path) -> None:
    with sqlite3.connect(tmp_path / "x.db") as connection:
        upgrade(connection)
        (version,) = connection.execute("PRAGMA user_version").fetchone()
        connection.execute("INSERT INTO settings VALUES ('a', '1')")
        upgrade(connection)
        assert version >= 1
        assert connection.execute("SELECT name FROM settings").fetchall() == [("a",)]


def test_torrents_of_the_first_schema_have_no_limits(tmp_path: Path) -> None:
    schemas = resources.files("p2pd.state.schemas")
    with sqlite3.connect(tmp_path / "state.db") as connection:
        connection.executescript(schemas.joinpath("0001_initial.sql").read_text("utf-8"))
        connection.execute(
            "INSERT INTO torrents (name, download_dir, paused, added_at, completed_at, trackers, "
            "labels, sequential, clean, uploaded, downloaded, corrupt, seconds_downloading, "
            "seconds_seeding) VALUES ('a', '/d', 0, 0, 0, '[]', '[]', 0, 0, 0, 0, 0, 0, 0)"
        )
        connection.execute("PRAGMA user_version=1")
        upgrade(connection)
        (found,) = load_all(connection.cursor())
    assert found == TorrentRecord(hash_v1=None, hash_v2=None, name="a", download_dir="/d", id=1)


def test_torrents_of_schema_5_seed_as_the_session_does_and_begin_at_the_first_piece(
    tmp_path: Path,
) -> None:
    schemas = resources.files("p2pd.state.schemas")
    with sqlite3.connect(tmp_path / "state.db") as connection:
        for entry in sorted(schemas.iterdir(), key=lambda entry: entry.name):
            if entry.name[:4].isdigit() and entry.name < "0006":
                connection.executescript(entry.read_text("utf-8"))
        connection.execute(
            "INSERT INTO torrents (name, download_dir, paused, added_at, completed_at, trackers, "
            "labels, sequential, clean, uploaded, downloaded, corrupt, seconds_downloading, "
            "seconds_seeding, super_seeding, upload_limited) "
            "VALUES ('a', '/d', 0, 0, 0, '[]', '[]', 0, 0, 0, 0, 0, 0, 0, 'on', 1)"
        )
        connection.execute("PRAGMA user_version=5")
        upgrade(connection)
        (found,) = load_all(connection.cursor())
    assert (found.seed_choking, found.sequential_from) == ("session", 0)
    assert (found.super_seeding, found.upload_limited) == ("on", True)
