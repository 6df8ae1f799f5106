"""The journal of files that are to go: begun with the end of the torrent, kept over damage."""

from __future__ import annotations

from pathlib import Path

import pytest

from p2pd.base.errors import StateError
from p2pd.state.database import Database
from p2pd.state.moves import BEGUN, MoveRow, MoveStore
from p2pd.state.removals import DoomedFiles, RemovalRow, RemovalStore
from p2pd.state.resume import TorrentStore
from tests.state.damaged import filled, opened, reloaded, result, torrent_record

DOOMED = DoomedFiles("/data/1", (("a ä", "b"), ("c",)))
OTHER = DoomedFiles("/old/1", (("c",),))


@pytest.fixture
def database(tmp_path: Path) -> Database:
    """With three torrents."""
    filled(tmp_path, [torrent_record(number) for number in (1, 2, 3)])
    return opened(tmp_path)


def test_the_torrent_goes_and_its_files_are_known(tmp_path: Path, database: Database) -> None:
    result(MoveStore(database).save(MoveRow(1, "/data/1", "/new", BEGUN)))
    rows = result(RemovalStore(database).begin(1, [DOOMED, OTHER]))
    assert [row.doomed for row in rows] == [DOOMED, OTHER]
    database.close()
    database = opened(tmp_path)
    store = RemovalStore(database)
    assert result(store.load()) == rows
    assert [record.id for record in result(TorrentStore(database).load_all())] == [2, 3]
    assert result(MoveStore(database).load()) == []
    result(store.end(rows[0].id))
    assert result(store.load()) == rows[1:]


def test_it_is_both_or_neither(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*args: object) -> int:
        raise StateError("no")

    with monkeypatch.context() as patch:
        patch.setattr("p2pd.state.removals.sum_of", fail)
        with pytest.raises(StateError):
            result(RemovalStore(database).begin(1, [DOOMED]))
    assert len(result(TorrentStore(database).load_all())) == 3
    assert result(RemovalStore(database).load()) == []


def test_they_outlive_a_damaged_database(tmp_path: Path, database: Database) -> None:
    store = RemovalStore(database)
    rows = result(store.begin(1, [DOOMED])) + result(store.begin(2, [OTHER]))
    database.close()
    path = tmp_path / "state.db"
    data = path.read_bytes().replace(b"/data/3", b"/data/4").replace(b"/old/1", b"/etc/1")
    path.write_bytes(data)
    found, notice = reloaded(tmp_path)
    assert [record.download_dir for record in found] == ["/data/3"]
    assert "is not as it was written" in notice
    # A letter of where the second's files are has changed.
    assert result(RemovalStore(opened(tmp_path)).load()) == rows[:1]


@pytest.mark.parametrize("change", ["files = '[[\"etc\"]]'", "folder = '/'", "row_sum = NULL"])
def test_a_row_that_makes_no_sense_is_damage(database: Database, change: str) -> None:
    store = RemovalStore(database)
    assert result(store.begin(1, [DOOMED])) == [RemovalRow(1, DOOMED)]
    connection = database._connection
    assert connection is not None
    connection.execute(f"UPDATE removals SET {change}")
    assert result(store.load()) == []
    assert "removals" in database.notice
