"""A damaged database is set aside and made anew of what is left, and nothing is forgotten."""

from __future__ import annotations

import errno
import os
import sqlite3
import stat
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from p2pd.base.errors import StateError
from p2pd.state import database as database_module
from p2pd.state import database_file, rebuilding
from p2pd.state.bans import BanStore
from p2pd.state.damage import DamagedError
from p2pd.state.database import Database
from p2pd.state.good_peers import GoodPeerStore
from p2pd.state.records import name_of
from p2pd.state.resume import TorrentStore
from p2pd.state.settings import SettingsStore
from p2pd.state.statistics import StatisticsStore
from tests.state.damaged import (
    FOLDER,
    chosen,
    filled,
    magnet_record,
    opened,
    reloaded,
    result,
    torrent_record,
)

Records = list[Any]


@pytest.fixture
def records(tmp_path: Path) -> Records:
    """Torrents that are in the state folder."""
    made = [torrent_record(1), torrent_record(2, paused=True), magnet_record(3)]
    made += [torrent_record(number, priorities=bytes(5000)) for number in range(4, 12)]
    filled(tmp_path, made)
    return made


def no_database(path: Path) -> None:
    path.write_bytes(b"this is not a database, it is a sentence" * 100)


def empty(path: Path) -> None:
    path.write_bytes(b"")


def zeros(path: Path) -> None:
    path.write_bytes(bytes(path.stat().st_size))


def cut_short(path: Path) -> None:
    os.truncate(path, 50)


def cut_in_half(path: Path) -> None:
    os.truncate(path, path.stat().st_size // 2)


def no_header(path: Path) -> None:
    with path.open("r+b") as file:
        file.write(b"\xff" * 100)


def no_tables(path: Path) -> None:
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute("DROP TABLE torrents")


def schema_upset(path: Path) -> None:
    data = path.read_bytes()
    assert b"CREATE TABLE torrents" in data
    path.write_bytes(data.replace(b"CREATE TABLE torrents", b"CREATE TABLE torrentz"))


@pytest.mark.parametrize(
    "harm", [no_database, zeros, cut_short, cut_in_half, no_header, no_tables, schema_upset]
)
def test_every_torrent_comes_back_to_its_folder(
    tmp_path: Path, records: Records, harm: Callable[[Path], None]
) -> None:
    harm(tmp_path / "state.db")
    harmed = (tmp_path / "state.db").read_bytes()
    found, notice = reloaded(tmp_path)
    assert [chosen(record) for record in found] == [chosen(record) for record in records]
    assert all(record.pieces is None and not record.clean for record in found)
    aside = tmp_path / "damaged" / "state-20231114-221320.db"
    if harm is not no_tables:  # that one is a database, with a journal that is still to be written
        assert aside.read_bytes() == harmed
    assert str(aside) in notice
    assert "11 torrents came back" in notice
    again, same = reloaded(tmp_path)
    assert ([chosen(r) for r in again], same) == ([chosen(r) for r in records], notice)


@pytest.mark.parametrize("harm", [empty, os.unlink])
def test_a_database_that_is_gone_is_made_of_the_copies(
    tmp_path: Path, records: Records, harm: Callable[[Path], None]
) -> None:
    harm(tmp_path / "state.db")
    found, _ = reloaded(tmp_path)
    assert [chosen(record) for record in found] == [chosen(record) for record in records]


def break_leaf(path: Path) -> None:
    """Spoil a page with rows of the torrents, which nothing but reading these meets."""
    with closing(sqlite3.connect(path)) as connection:
        (size,) = connection.execute("PRAGMA page_size").fetchone()
    data = bytearray(path.read_bytes())
    found = [at for at in range(0, len(data), size) if b"/data/7" in data[at : at + size]]
    assert found
    for at in found:
        data[at : at + size] = b"\xee" * size
    path.write_bytes(data)


def test_a_schema_that_sqlite_can_only_quote_in_bytes_is_damage(
    tmp_path: Path, records: Records
) -> None:
    path = tmp_path / "state.db"
    data = path.read_bytes()
    path.write_bytes(data.replace(b"CREATE TABLE stat", b"CREATE \xe6ABLE stat"))
    found, notice = reloaded(tmp_path)
    assert [chosen(record) for record in found] == [chosen(record) for record in records]
    assert "is set aside" in notice


def test_a_page_that_is_damaged_is_found_when_it_is_read(tmp_path: Path, records: Records) -> None:
    break_leaf(tmp_path / "state.db")
    found, notice = reloaded(tmp_path)
    assert [chosen(record) for record in found] == [chosen(record) for record in records]
    assert "is set aside" in notice


def test_after_a_crash_it_is_looked_for_when_it_is_opened(tmp_path: Path, records: Records) -> None:
    break_leaf(tmp_path / "state.db")
    with closing(sqlite3.connect(tmp_path / "state.db")) as connection:
        connection.execute("INSERT INTO settings VALUES ('x', '1')")
        connection.commit()
        wal = (tmp_path / "state.db-wal").read_bytes()
    (tmp_path / "state.db-wal").write_bytes(wal)
    database = opened(tmp_path)
    assert "is set aside" in database.notice
    database.close()


def test_damage_while_it_runs_costs_no_job(tmp_path: Path, records: Records) -> None:
    database = opened(tmp_path)
    store = TorrentStore(database)
    assert len(result(store.load_all())) == len(records)
    (tmp_path / "state.db").write_bytes(b"\xdd" * 100_000)
    database._disconnect()
    changed = records[4]
    changed.labels, changed.pieces = ("new",), b"\xc0"
    result(store.save(changed))
    added = torrent_record(20)
    result(store.add(added))
    assert added.id > max(record.id for record in records)
    found = {record.id: record for record in result(store.load_all())}
    assert len(found) == len(records) + 1
    assert (found[changed.id].labels, found[changed.id].pieces) == (("new",), b"\xc0")
    assert "is set aside" in database.notice
    database.close()


def malformed() -> sqlite3.DatabaseError:
    problem = sqlite3.DatabaseError("database disk image is malformed")
    problem.sqlite_errorcode = sqlite3.SQLITE_CORRUPT
    return problem


def test_damage_that_one_connection_alone_speaks_of_is_none(
    tmp_path: Path, records: Records
) -> None:
    """SQLite does after it met errors of the disk, though all is well there."""
    database = opened(tmp_path)
    result(TorrentStore(database).load_all())
    first = database._connection

    def job(cursor: sqlite3.Cursor) -> int:
        if cursor.connection is first:
            raise malformed()
        return len(cursor.execute("SELECT id FROM torrents").fetchall())

    assert result(database.run(job)) == len(records)
    assert not (tmp_path / "damaged").exists()
    database.close()


def test_nor_is_damage_that_the_copying_meets_only_once(
    tmp_path: Path, records: Records, monkeypatch: pytest.MonkeyPatch
) -> None:
    database = opened(tmp_path)
    problems, plain = [malformed()], database_module.catch_up

    def catch_up(*args: Any) -> bool:
        if problems:
            raise problems.pop()
        return plain(*args)

    monkeypatch.setattr(database_module, "catch_up", catch_up)
    records[0].labels = ("new",)
    result(TorrentStore(database).save(records[0]))
    assert database.kept.choices(name_of(records[0].hash_v1, None)).labels == ("new",)
    assert not (tmp_path / "damaged").exists()
    database.close()


def test_an_opening_that_fails_once_sets_nothing_aside(
    tmp_path: Path, records: Records, monkeypatch: pytest.MonkeyPatch
) -> None:
    problems, plain = [malformed()], database_file.check_version

    def check_version(connection: sqlite3.Connection) -> int:
        if problems:
            raise problems.pop()
        return plain(connection)

    monkeypatch.setattr(database_file, "check_version", check_version)
    found, notice = reloaded(tmp_path)
    assert (len(found), notice) == (len(records), "")


def test_a_transaction_that_cannot_be_taken_back_ends_with_its_connection(
    tmp_path: Path, records: Records
) -> None:
    database = opened(tmp_path)

    class Stubborn(sqlite3.Connection):
        def execute(self, sql: str, *args: Any) -> sqlite3.Cursor:
            if sql == "ROLLBACK":
                raise sqlite3.OperationalError("disk I/O error")
            return super().execute(sql, *args)

    database._connection = sqlite3.connect(
        tmp_path / "state.db", isolation_level=None, factory=Stubborn
    )

    def refused(cursor: sqlite3.Cursor) -> None:
        raise sqlite3.OperationalError("disk I/O error")

    with pytest.raises(StateError, match="refused: disk I/O error"):
        result(database.run(refused))
    assert len(result(TorrentStore(database).load_all())) == len(records)
    database.close()


def test_a_change_that_its_copy_did_not_follow_yet_is_taken_from_the_row(
    tmp_path: Path, records: Records, monkeypatch: pytest.MonkeyPatch
) -> None:
    database = opened(tmp_path)
    with monkeypatch.context() as patch:
        patch.setattr(type(database), "_keep", lambda self: None)
        records[0].labels, records[1].download_dir = ("new",), "/moved"
        for record in records[:2]:
            result(TorrentStore(database).save(record))
        database.close()
    path = tmp_path / "state.db"
    path.write_bytes(path.read_bytes().replace(b"/data/7", b"/data/8"))
    found, _ = reloaded(tmp_path)
    assert [chosen(record) for record in found] == [chosen(record) for record in records]
    again, _ = reloaded(tmp_path)
    assert [chosen(record) for record in again] == [chosen(record) for record in records]


def test_what_no_copy_has_yet_is_taken_from_the_connection_that_met_the_damage(
    tmp_path: Path, records: Records, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its pages are in memory, when those on the disk have nothing that makes sense any more."""
    database = opened(tmp_path)
    with monkeypatch.context() as patch:
        patch.setattr(Database, "_keep", lambda self: None)  # its disk is slow
        store = TorrentStore(database)
        (first, *_) = result(store.load_all())
        first.labels = ("answered",)
        result(store.save(first))
    path = tmp_path / "state.db"
    with path.open("r+b") as file:
        file.seek(100)
        file.write(os.urandom(path.stat().st_size - 100))
    (tmp_path / "state.db-wal").write_bytes(b"")

    def damaged(cursor: sqlite3.Cursor) -> int:
        if not database.notice:
            raise DamagedError("a page makes no sense")
        return 1

    assert result(database.run(damaged)) == 1
    assert result(TorrentStore(database).load_all())[0].labels == ("answered",)
    database.close()


def test_damage_that_the_copying_meets_is_damage_too(tmp_path: Path, records: Records) -> None:
    database = opened(tmp_path)
    result(TorrentStore(database).load_all())
    connection = database._connection
    assert connection is not None
    connection.execute("DELETE FROM kept_due")
    connection.execute("INSERT INTO kept_due VALUES ('00', 7, 0)")
    connection.execute("UPDATE torrents SET download_dir = '/data/8' WHERE id = 7")
    result(SettingsStore(database).save("a", 1))
    assert "is not as it was written" in database.notice
    found = result(TorrentStore(database).load_all())
    assert [chosen(record) for record in found] == [chosen(record) for record in records]
    database.close()


def test_a_letter_that_changed_in_a_record_is_noticed(tmp_path: Path, records: Records) -> None:
    path = tmp_path / "state.db"
    data = path.read_bytes()
    assert data.count(b"/data/7") == 1
    path.write_bytes(data.replace(b"/data/7", b"/data/8"))
    found, notice = reloaded(tmp_path)
    assert [chosen(record) for record in found] == [chosen(record) for record in records]
    assert "is not as it was written" in notice


def test_what_else_can_be_read_is_taken_over(tmp_path: Path, records: Records) -> None:
    path = tmp_path / "state.db"
    path.write_bytes(path.read_bytes().replace(b"/data/7", b"/data/8"))
    database = opened(tmp_path)
    found = {record.id: record for record in result(TorrentStore(database).load_all())}
    assert found[1].uploaded == 1001
    assert result(SettingsStore(database).load()) == {"upload_slots": 7}
    assert result(StatisticsStore(database).load()) == {"uploaded": 12345}
    assert [ban.host for ban in result(BanStore(database).load())] == ["192.0.2.1"]
    assert [peer.received for peer in result(GoodPeerStore(database).load(1))] == [7]
    database.close()


def test_rows_without_a_copy_come_back_but_wait_for_their_user(
    tmp_path: Path, records: Records, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(database_module, "rescue", lambda connection, kept: None)
    for file in (tmp_path / "torrents").iterdir():
        file.unlink()
    path = tmp_path / "state.db"
    path.write_bytes(path.read_bytes().replace(b"/data/7", b"/data/8"))
    found, notice = reloaded(tmp_path)
    assert [record.id for record in found] == [r.id for r in records if r.id != 7]
    assert all(record.paused for record in found)
    assert "10 of them wait to be started" in notice


def test_a_torrent_file_alone_goes_to_the_default_folder_and_waits(
    tmp_path: Path, records: Records
) -> None:
    for file in (tmp_path / "torrents").glob("*.json"):
        file.unlink()
    no_database(tmp_path / "state.db")
    found, _ = reloaded(tmp_path)
    assert {record.hash_v1 for record in found} == {r.hash_v1 for r in records if r.torrent}
    assert {record.download_dir for record in found} == {FOLDER}
    assert all(record.paused for record in found)


def test_choices_alone_are_a_magnet_link(tmp_path: Path, records: Records) -> None:
    for file in (tmp_path / "torrents").glob("*.torrent"):
        file.unlink()
    no_database(tmp_path / "state.db")
    found, _ = reloaded(tmp_path)
    assert [r.id for r in found] == [r.id for r in records]
    assert [r.download_dir for r in found] == [r.download_dir for r in records]
    assert all(record.magnet and record.torrent is None for record in found)


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b"{}", b"\xff", b'{"id": "x"}', b"d4:info"])
def test_copies_that_make_no_sense_are_passed_over(
    tmp_path: Path, records: Records, content: bytes
) -> None:
    for file in list((tmp_path / "torrents").iterdir())[:4]:
        file.write_bytes(content)
    no_database(tmp_path / "state.db")
    found, _ = reloaded(tmp_path)
    assert {r.hash_v1 for r in found} <= {r.hash_v1 for r in records}
    assert len(found) >= len(records) - 4


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (errno.ENOSPC, "cannot be set aside and made anew: No space left"),
        # Then what the disk gave before may be no damage either.
        (errno.EIO, "state.db cannot be read or written: Input/output error"),
    ],
)
def test_a_disk_that_refuses_is_one_sentence_and_leaves_all_as_it_was(
    tmp_path: Path, records: Records, monkeypatch: pytest.MonkeyPatch, error: int, words: str
) -> None:
    no_database(tmp_path / "state.db")

    def refuse(*_: object) -> None:
        raise OSError(error, os.strerror(error))

    with monkeypatch.context() as patch:
        patch.setattr(rebuilding, "sync_file", refuse)
        with pytest.raises(StateError, match=words):
            opened(tmp_path)
    assert (tmp_path / "state.db").read_bytes().startswith(b"this is not a database")
    assert not (tmp_path / "state.db.building").exists()
    found, _ = reloaded(tmp_path)
    assert len(found) == len(records)


def test_no_more_than_ten_are_set_aside(tmp_path: Path, records: Records) -> None:
    for _ in range(rebuilding.MOST_ASIDE):
        no_database(tmp_path / "state.db")
        reloaded(tmp_path)
    no_database(tmp_path / "state.db")
    with pytest.raises(StateError, match=r"like 10 before it in .*: look at the disk"):
        opened(tmp_path)
    aside = sorted((tmp_path / "damaged").glob("*.db"))
    assert len(aside) == rebuilding.MOST_ASIDE
    aside[0].unlink()
    assert len(reloaded(tmp_path)[0]) == len(records)


@pytest.mark.parametrize("step", ["link", "replace", "unlink", "fsync"])
def test_a_replacement_that_is_cut_off_is_begun_again_or_finished(
    tmp_path: Path, records: Records, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    class CutError(BaseException):
        pass

    real = getattr(os, step)
    for cut_at in range(40):
        no_database(tmp_path / "state.db")
        (tmp_path / "state.db-wal").write_bytes(b"an old journal")
        calls: list[object] = []

        def counting(*args: Any, at: int = cut_at, made: list[object] = calls, **more: Any) -> Any:
            made.append(args)
            if len(made) > at:
                raise CutError
            return real(*args, **more)

        cut = False
        with monkeypatch.context() as patch:
            patch.setattr(os, step, counting)
            try:
                opened(tmp_path, wall=cut_at * 100.0).close()
            except CutError:
                cut = True
        found, _ = reloaded(tmp_path)
        assert [chosen(record) for record in found] == [chosen(record) for record in records]
        assert not list(tmp_path.glob("*.new")) + list(tmp_path.glob("*.building"))
        for file in (tmp_path / "damaged").iterdir():
            file.unlink()
        if not cut:
            return
    pytest.fail("it never came to its end")


def test_everything_is_for_its_owner_alone(tmp_path: Path, records: Records) -> None:
    no_database(tmp_path / "state.db")
    reloaded(tmp_path)
    for file in tmp_path.rglob("*"):
        assert stat.S_IMODE(file.stat().st_mode) == (0o700 if file.is_dir() else 0o600), file
