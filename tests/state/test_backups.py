"""Backups: whole, private, made while the database is in use; whatever else comes is refused."""

from __future__ import annotations

import io
import os
import sqlite3
import stat
import tarfile
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from p2pd.base.errors import StateError
from p2pd.state.backups import MOST_KEPT, PART, BackupFolder
from p2pd.state.resume import TorrentStore
from tests.state.damaged import chosen, filled, magnet_record, opened, result, torrent_record


def made(folder: Path) -> tuple[BackupFolder, bytes, list[Any]]:
    """A folder with a state in it, a backup of it, and its torrents."""
    records = [torrent_record(1), torrent_record(2, paused=True), magnet_record(3)]
    filled(folder, records)
    backups = BackupFolder(str(folder))
    backup = backups.make(1_700_000_000.0)
    data = (folder / "backups" / backup.name).read_bytes()
    assert (backup.size, backup.torrents) == (len(data), len(records))
    return backups, data, records


def put(backups: BackupFolder, data: bytes, name: str = "given.tar") -> None:
    for offset in range(0, max(len(data), 1), PART):
        backups.write(name, offset, data[offset : offset + PART])


def torrents_in(backups: BackupFolder, name: str = "given.tar") -> list[Any]:
    state = backups.open(name)
    try:
        return list(state.torrents())
    finally:
        backups.close_restored(state)


def test_what_is_in_a_backup_is_what_was_in_the_database(tmp_path: Path) -> None:
    backups, data, records = made(tmp_path)
    put(backups, data)
    assert [chosen(one) for one in torrents_in(backups)] == [chosen(one) for one in records]
    state = backups.open("given.tar")
    assert list(state.rows("settings")) == [("upload_slots", "7")]
    assert list(state.rows("statistics")) == [("uploaded", 12345)]
    assert [row[0] for row in state.rows("bans")] == ["192.0.2.1"]
    backups.close_restored(state)
    assert sorted(os.listdir(tmp_path / "backups")) == ["given.tar", "p2pd-20231114-221320.tar"]


def test_it_is_made_while_the_database_is_in_use(tmp_path: Path) -> None:
    made(tmp_path)
    database = opened(tmp_path)
    result(TorrentStore(database).add(torrent_record(9)))
    backups = BackupFolder(str(tmp_path))
    backup = backups.make(1.0)
    assert len(torrents_in(backups, backup.name)) == 4
    result(TorrentStore(database).add(torrent_record(10)))
    database.close()


def test_it_is_a_tar_that_others_can_read_and_nobody_else(tmp_path: Path) -> None:
    _, data, _ = made(tmp_path)
    with tarfile.open(fileobj=io.BytesIO(data)) as archive:
        assert archive.getnames() == ["p2pd-backup.json", "state.db"]
        assert {member.mode for member in archive} == {0o600}
    for file in (tmp_path / "backups").iterdir():
        assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert stat.S_IMODE((tmp_path / "backups").stat().st_mode) == 0o700


def test_it_is_read_in_parts(tmp_path: Path) -> None:
    backups, data, _ = made(tmp_path)
    name = "p2pd-20231114-221320.tar"
    assert backups.read(name, 0) == data
    assert backups.read(name, 1000) == data[1000:]
    assert backups.read(name, len(data)) == b""
    backups.forget(name)
    backups.forget(name)
    with pytest.raises(StateError, match="cannot be read: No such file"):
        backups.read(name, 0)


def test_parts_come_in_order(tmp_path: Path) -> None:
    backups, data, _ = made(tmp_path)
    assert backups.write("a.tar", 0, data[:100]) == 100
    with pytest.raises(StateError, match="has 100 bytes, so none can come at 50"):
        backups.write("a.tar", 50, data[50:])
    backups.write("a.tar", 100, data[100:])
    assert len(torrents_in(backups, "a.tar")) == 3
    assert backups.write("a.tar", 0, b"x") == 1


@pytest.mark.parametrize("name", ["", "a", "../a.tar", "/a.tar", ".a.tar", "a/b.tar", "state.db"])
def test_a_name_is_a_name(tmp_path: Path, name: str) -> None:
    backups = BackupFolder(str(tmp_path))
    for call in (
        lambda: backups.read(name, 0),
        lambda: backups.write(name, 0, b""),
        lambda: backups.forget(name),
        lambda: backups.open(name),
    ):
        with pytest.raises(StateError, match="not the name of a backup"):
            call()


def test_no_more_than_a_few_lie_there(tmp_path: Path) -> None:
    backups, data, _ = made(tmp_path)
    for number in range(6):
        put(backups, data, f"{number}.tar")
    assert len(os.listdir(tmp_path / "backups")) == MOST_KEPT


def test_a_damaged_database_is_no_backup(tmp_path: Path) -> None:
    backups, _, _ = made(tmp_path)
    path = tmp_path / "state.db"
    path.write_bytes(path.read_bytes().replace(b"/data/1", b"/data/2"))
    with pytest.raises(StateError, match="records of torrents in it are damaged"):
        backups.make(2.0)
    assert os.listdir(tmp_path / "backups") == ["p2pd-20231114-221320.tar"]


def tar_of(*members: tuple[tarfile.TarInfo, bytes]) -> bytes:
    made = io.BytesIO()
    with tarfile.open(fileobj=made, mode="w") as archive:
        for member, data in members:
            member.size = len(data)
            archive.addfile(member, io.BytesIO(data))
    return made.getvalue()


def named(name: str, **more: Any) -> tarfile.TarInfo:
    member = tarfile.TarInfo(name)
    for key, value in more.items():
        setattr(member, key, value)
    return member


HOSTILE = {
    "nothing": b"",
    "no tar": b"this is no archive" * 100,
    "outside": tar_of((named("../evil"), b"x"), (named("/tmp/p2pd-evil"), b"x")),
    "link": tar_of((named("state.db", type=tarfile.SYMTYPE, linkname="/etc/passwd"), b"")),
    "hard link": tar_of((named("state.db", type=tarfile.LNKTYPE, linkname="../state.db"), b"")),
    "device": tar_of((named("state.db", type=tarfile.CHRTYPE), b"")),
    "no note": tar_of((named("state.db"), b"SQLite format 3\0")),
    "odd note": tar_of((named("p2pd-backup.json"), b"[1]"), (named("state.db"), b"")),
    "note of lies": tar_of(
        (named("p2pd-backup.json"), b'{"p2pd_backup": 1, "sha256": "00"}'), (named("state.db"), b"")
    ),
    "deep note": tar_of((named("p2pd-backup.json"), b"[" * 60_000), (named("state.db"), b"")),
    "newer note": tar_of((named("p2pd-backup.json"), b'{"p2pd_backup": 2}')),
}


@pytest.mark.parametrize("data", HOSTILE.values(), ids=HOSTILE)
def test_what_is_no_backup_is_refused_and_leaves_nothing(tmp_path: Path, data: bytes) -> None:
    backups, _, _ = made(tmp_path)
    before = (tmp_path / "state.db").read_bytes()
    put(backups, data)
    with pytest.raises(StateError, match="the backup cannot be read: "):
        backups.open("given.tar")
    assert not (tmp_path / "backups" / "restoring.db").exists()
    assert (tmp_path / "state.db").read_bytes() == before
    assert not (tmp_path / "evil").exists()


@pytest.mark.parametrize("script", ["PRAGMA user_version=999", "DROP TABLE torrents",
    "DROP TABLE torrents; CREATE VIEW torrents AS SELECT 1"])  # fmt: skip
def test_a_database_that_is_none_of_ours_is_refused(tmp_path: Path, script: str) -> None:
    backups, _, _ = made(tmp_path)
    with closing(sqlite3.connect(tmp_path / "state.db")) as connection:
        connection.executescript(script)
    with pytest.raises(StateError):
        backups.make(2.0)


@given(flips=st.lists(st.tuples(st.integers(0, 2**20), st.integers(1, 255)), min_size=1))
def test_bytes_that_changed_on_the_way_are_noticed(
    tmp_path_factory: pytest.TempPathFactory, flips: list[tuple[int, int]]
) -> None:
    backups, whole, records = shared(tmp_path_factory)
    data = bytearray(whole)
    for offset, bits in flips:
        data[offset % len(data)] ^= bits
    put(backups, bytes(data))
    try:
        found = torrents_in(backups)
    except StateError:
        return
    # In what a tar does not use, or back again.
    assert [chosen(one) for one in found] == [chosen(one) for one in records]


_SHARED: list[Any] = []


def shared(factory: pytest.TempPathFactory) -> tuple[BackupFolder, bytes, list[Any]]:
    if not _SHARED:
        _SHARED.extend(made(factory.mktemp("backups")))
    backups, whole, records = _SHARED
    return backups, whole, records
