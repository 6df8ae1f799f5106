"""A database of every earlier version becomes one of this version, and loses nothing."""

from __future__ import annotations

import hashlib
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from twisted.internet import reactor

from p2pd.base.errors import StateError
from p2pd.state import bans, good_peers, moves, settings, statistics
from p2pd.state import records as rows
from p2pd.state.database import Database
from p2pd.state.upgrades import schema_scripts, upgrade

KNOWN = len(schema_scripts())
ROWS = 3
NODES = next(n for n, sql in enumerate(schema_scripts(), 1) if "node_bans" in sql)
"""The version that has nodes first."""

VALUES: dict[str, Any] = {
    "INTEGER": lambda row, column: row * 1000 + column,
    "REAL": lambda row, column: row + column / 8,
    "TEXT": lambda row, column: f"näme {row} {column}",
    "BLOB": lambda row, column: bytes([row, column]) * 10,
}
JSON_COLUMNS = {
    "trackers": '[["http://t.test/a"], ["udp://t.test:1"]]',
    "labels": '["x", "y"]',
    "file_names": '[["", "top"], ["3", "top", "x"]]',
    "renaming": '["a", "b"]',
    "limits_reached": '["ratio"]',
    "finding": '["/a", "in_place", ""]',
    "file_choices": '[["unwanted"], ["wanted", "3"]]',
    "web_seeds": '["http://w.test/a"]',
    "http_seeds": "[]",
    "share_limits": '{"seed_ratio_mode": 1}',
}
"""Of these the stores read more than the type."""


WHOLE_TORRENTS = (
    "SELECT torrents.*, metainfos.data AS torrent"
    " FROM torrents LEFT JOIN metainfos ON metainfos.torrent = torrents.id"
)
"""The metadata was among their columns once."""


def columns_of(connection: sqlite3.Connection) -> dict[str, list[tuple[str, str]]]:
    """Every table with the names and types of its columns."""
    tables = connection.execute(
        "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%'"
    ).fetchall()
    return {
        table: [(row[1], row[2]) for row in connection.execute(f"PRAGMA table_info({table})")]
        for (table,) in tables
    }


def schema_of(connection: sqlite3.Connection) -> list[tuple[str, ...]]:
    return sorted(connection.execute("SELECT type, name, tbl_name FROM sqlite_master").fetchall())


def value(table: str, row: int, number: int, column: str, kind: str) -> Any:
    if column.endswith("_sum"):
        return None
    if rows.TYPES.get(column) is bool:
        return row % 2
    if column in JSON_COLUMNS:
        return JSON_COLUMNS[column]
    if (table, column) == ("settings", "value"):
        return '{"a": 1}'
    return VALUES[kind](row, number)


def make(path: Path, version: int) -> dict[str, list[tuple[Any, ...]]]:
    """A database of this version with rows in every table; what was put in."""
    rows: dict[str, list[tuple[Any, ...]]] = {}
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute("PRAGMA synchronous=OFF")
        connection.executescript("BEGIN;" + "".join(schema_scripts()[:version]))
        connection.execute(f"PRAGMA user_version={version}")
        for table, columns in columns_of(connection).items():
            rows[table] = [
                tuple(value(table, row, i, *column) for i, column in enumerate(columns))
                for row in range(1, ROWS + 1)
            ]
            marks = ", ".join("?" * len(columns))
            connection.executemany(f"INSERT INTO {table} VALUES ({marks})", rows[table])
        connection.execute("COMMIT")
    return rows


@pytest.mark.parametrize("version", range(1, KNOWN))
def test_no_value_is_lost_on_the_way_from(version: int, tmp_path: Path) -> None:
    before = make(tmp_path / "state.db", version)
    make(tmp_path / "fresh.db", KNOWN)
    with closing(sqlite3.connect(tmp_path / "state.db")) as old:
        named = {table: [name for name, _ in cols] for table, cols in columns_of(old).items()}
    Database(reactor, str(tmp_path)).open()
    with closing(sqlite3.connect(tmp_path / "state.db")) as upgraded:
        assert upgraded.execute("PRAGMA user_version").fetchone() == (KNOWN,)
        assert upgraded.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        for table, rows in before.items():
            joined = f"({WHOLE_TORRENTS})" if "torrent" in named["torrents"] else "torrents"
            source = joined if table == "torrents" else table
            found = upgraded.execute(f"SELECT {', '.join(named[table])} FROM {source}").fetchall()
            if table == "kept_due":  # there is no copy of any of the torrents
                assert set(found) >= set(rows)
            else:
                assert sorted(found) == sorted(rows), table
        with closing(sqlite3.connect(tmp_path / "fresh.db")) as fresh:
            assert schema_of(upgraded) == schema_of(fresh)
            new, wanted = columns_of(upgraded), columns_of(fresh)
            assert {t: sorted(c) for t, c in new.items()} == {
                t: sorted(c) for t, c in wanted.items()
            }


@pytest.mark.parametrize("version", range(1, KNOWN + 1))
def test_what_a_store_reads_of_a_database_of(version: int, tmp_path: Path) -> None:
    before = make(tmp_path / "state.db", version)
    with closing(sqlite3.connect(tmp_path / "state.db")) as connection:
        names = [name for name, _ in columns_of(connection)["torrents"]]
    first = dict(zip(names, before["torrents"][0], strict=True))
    Database(reactor, str(tmp_path)).open()
    with closing(sqlite3.connect(tmp_path / "state.db")) as connection:
        cursor = connection.cursor()
        records = rows.load_all(cursor)
        assert [record.id for record in records] == [1000, 2000, 3000]
        for name in ("name", "download_dir", "uploaded", "pieces", "file_states"):
            assert getattr(records[0], name) == first[name]
        assert records[0].trackers == (("http://t.test/a",), ("udp://t.test:1",))
        if "torrent" in first:
            assert records[0].torrent == first["torrent"]
        assert len(settings._load(cursor)) == ROWS
        assert len(statistics._load(cursor)) == ROWS
        tables = (version >= 5) + (version >= NODES)
        assert len(bans._load(cursor)) == tables * ROWS
        assert len(good_peers._load(cursor, 1000)) == (1 if version >= 2 else 0)
        assert len(moves._load(cursor)) == (ROWS if version >= 10 else 0)


def test_an_upgrade_that_was_cut_off_goes_on(tmp_path: Path) -> None:
    rows = make(tmp_path / "state.db", 1)
    with closing(sqlite3.connect(tmp_path / "state.db", isolation_level=None)) as connection:
        connection.executescript(f"{schema_scripts()[1]} PRAGMA user_version=2;")
        upgrade(connection)
        upgrade(connection)
        assert connection.execute("SELECT count(*) FROM torrents").fetchone() == (ROWS,)
        assert connection.execute("SELECT * FROM settings").fetchall() == rows["settings"]


def test_a_new_file_waits_for_the_disk_once(tmp_path: Path) -> None:
    make(tmp_path / "grown.db", KNOWN)
    said: list[str] = []
    with (
        closing(sqlite3.connect(tmp_path / "state.db", isolation_level=None)) as new,
        closing(sqlite3.connect(tmp_path / "grown.db")) as grown,
    ):
        new.set_trace_callback(said.append)
        upgrade(new)
        upgrade(new)
        assert new.execute("PRAGMA user_version").fetchone() == (KNOWN,)
        assert schema_of(new) == schema_of(grown)
    assert sum("COMMIT" in each for each in said) == 1


@pytest.mark.parametrize("journal", ["wal", "delete"])
def test_a_newer_database_is_refused_and_left_as_it_is(tmp_path: Path, journal: str) -> None:
    make(tmp_path / "state.db", KNOWN)
    with closing(sqlite3.connect(tmp_path / "state.db")) as connection:
        connection.execute(f"PRAGMA journal_mode={journal}")
        connection.execute(f"PRAGMA user_version={KNOWN + 1}")
    before = hashlib.sha256((tmp_path / "state.db").read_bytes()).digest()
    for _ in range(2):
        with pytest.raises(StateError, match=f"version {KNOWN + 1}, written by a newer p2pd"):
            Database(reactor, str(tmp_path)).open()
    assert hashlib.sha256((tmp_path / "state.db").read_bytes()).digest() == before
