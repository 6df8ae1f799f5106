"""The journal of moves: switched with the record, kept over restarts and damage."""

from __future__ import annotations

from pathlib import Path

import pytest

from p2pd.base.errors import StateError
from p2pd.state.database import Database
from p2pd.state.moves import BEGUN, CLEARING, COPYING, MoveRow, MoveStore
from p2pd.state.resume import TorrentStore
from tests.state.damaged import filled, opened, reloaded, result, torrent_record

MOVE = MoveRow(1, "/data/1", "/new/ä", BEGUN)


@pytest.fixture
def database(tmp_path: Path) -> Database:
    """With three torrents."""
    filled(tmp_path, [torrent_record(number) for number in (1, 2, 3)])
    return opened(tmp_path)


def test_they_come_back_as_they_were(tmp_path: Path, database: Database) -> None:
    store = MoveStore(database)
    for row in (MOVE._replace(torrent=3), MOVE, MOVE._replace(stage=COPYING)):
        result(store.save(row))
    database.close()
    store = MoveStore(opened(tmp_path))
    assert result(store.load()) == [MOVE._replace(stage=COPYING), MOVE._replace(torrent=3)]
    result(store.end(1))
    result(store.end(2))
    assert [row.torrent for row in result(store.load())] == [3]


def test_a_switch_is_of_both_or_of_neither(
    tmp_path: Path, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    store, torrents = MoveStore(database), TorrentStore(database)
    result(store.save(MOVE))
    record = result(torrents.load_all())[0]
    record.download_dir = MOVE.target

    def fail(*args: object) -> None:
        raise StateError("no")

    with monkeypatch.context() as patch:
        patch.setattr("p2pd.state.moves._save", fail)
        with pytest.raises(StateError):
            result(store.switch(MOVE._replace(stage=CLEARING), record))
    assert result(torrents.load_all())[0].download_dir == MOVE.source
    assert result(store.load()) == [MOVE]
    result(store.switch(MOVE._replace(stage=CLEARING), record))
    assert result(torrents.load_all())[0].download_dir == MOVE.target
    assert result(store.load()) == [MOVE._replace(stage=CLEARING)]


def test_whether_the_copy_beside_the_database_follows(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    store, torrents = MoveStore(database), TorrentStore(database)
    record = result(torrents.load_all())[0]
    assert result(store.is_kept(record))
    record.download_dir = MOVE.target
    with monkeypatch.context() as patch:
        patch.setattr(Database, "_keep", lambda self: None)  # its disk is full
        result(store.switch(MOVE._replace(stage=CLEARING), record))
        assert not result(store.is_kept(record))
    result(store.load())
    assert result(store.is_kept(record))


def test_a_torrent_that_is_removed_is_moved_no_more(database: Database) -> None:
    store = MoveStore(database)
    result(store.save(MOVE))
    result(store.save(MOVE._replace(torrent=2)))
    result(TorrentStore(database).remove(1))
    assert [row.torrent for row in result(store.load())] == [2]


def test_they_outlive_a_damaged_database(tmp_path: Path, database: Database) -> None:
    for row in (MOVE, MOVE._replace(torrent=2, target="/elsewhere/2"), MOVE._replace(torrent=99)):
        result(MoveStore(database).save(row))
    database.close()
    path = tmp_path / "state.db"
    data = path.read_bytes().replace(b"/data/3", b"/data/4")
    path.write_bytes(data.replace(b"/elsewhere/2", b"/elsewhere/3"))
    found, notice = reloaded(tmp_path)
    assert len(found) == 3
    assert "is not as it was written" in notice
    # A letter of where the second goes has changed, and of the last there is no torrent.
    assert result(MoveStore(opened(tmp_path)).load()) == [MOVE]


def test_a_row_that_makes_no_sense_is_damage(tmp_path: Path, database: Database) -> None:
    result(MoveStore(database).save(MOVE))
    connection = database._connection
    assert connection is not None
    connection.execute("UPDATE moves SET target = '/etc'")
    assert result(MoveStore(database).load()) == []
    assert "moves" in database.notice
