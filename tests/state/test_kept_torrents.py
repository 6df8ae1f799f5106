"""The copies of torrents beside the database follow it, also after a kill or a full disk."""

from __future__ import annotations

import errno
import json
import os
from pathlib import Path
from typing import Any

import pytest

from p2pd.state import kept_torrents
from p2pd.state.resume import TorrentStore
from tests.state.damaged import (
    chosen,
    filled,
    magnet_record,
    opened,
    reloaded,
    result,
    torrent_record,
)


def files(folder: Path) -> set[str]:
    return {file.name for file in (folder / "torrents").iterdir()}


def test_an_added_torrent_is_copied_and_a_removed_one_is_not(tmp_path: Path) -> None:
    record = torrent_record(1)
    assert record.hash_v1 is not None
    name = record.hash_v1.hex()
    database = opened(tmp_path)
    store = TorrentStore(database)
    result(store.add(record))
    assert files(tmp_path) == {f"{name}.torrent", f"{name}.json"}
    assert (tmp_path / "torrents" / f"{name}.torrent").read_bytes() == record.torrent
    result(store.remove(record.id))
    assert files(tmp_path) == set()
    database.close()


def test_what_the_user_changes_is_copied_what_moves_is_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    database = opened(tmp_path)
    store = TorrentStore(database)
    record = torrent_record(1)
    result(store.add(record))
    written: list[str] = []
    real = kept_torrents.write_whole

    def counting(path: str, data: bytes) -> None:
        written.append(path.rpartition(".")[2])
        real(path, data)

    monkeypatch.setattr(kept_torrents, "write_whole", counting)
    record.pieces, record.uploaded, record.clean = b"\xc0", 2**40, True
    result(store.save_progress(record))
    result(store.save(record))
    result(store.mark_running([record.id]))
    assert written == []
    record.download_dir = "/elsewhere"
    result(store.save(record))
    assert written == ["json"]
    (file,) = (tmp_path / "torrents").glob("*.json")
    assert json.loads(file.read_text())["download_dir"] == "/elsewhere"
    record.torrent = torrent_record(1).torrent + b" "  # type: ignore[operator]
    result(store.save(record))
    assert written == ["json", "torrent", "json"]
    database.close()


def test_a_magnet_that_became_a_torrent_has_its_copy_under_its_name(tmp_path: Path) -> None:
    whole = torrent_record(1)
    link = magnet_record(1)
    link.hash_v1, link.hash_v2 = None, whole.hash_v2
    database = opened(tmp_path)
    store = TorrentStore(database)
    result(store.add(link))
    assert whole.hash_v1 is not None
    assert whole.hash_v2 is not None
    assert files(tmp_path) == {f"{whole.hash_v2[:20].hex()}.json"}
    link.hash_v1, link.torrent = whole.hash_v1, whole.torrent
    result(store.save(link))
    name = whole.hash_v1.hex()
    assert files(tmp_path) == {f"{name}.torrent", f"{name}.json"}
    database.close()


def test_a_copy_that_could_not_be_written_is_written_later(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: Any) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    database = opened(tmp_path)
    store = TorrentStore(database)
    first, second = torrent_record(1), torrent_record(2)
    with monkeypatch.context() as patch:
        patch.setattr(kept_torrents, "write_whole", full)
        result(store.add(first))
    assert files(tmp_path) == set()
    result(store.add(second))
    assert len(files(tmp_path)) == 4
    database.close()


def test_what_a_kill_kept_from_being_copied_is_copied_at_the_next_start(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    filled(tmp_path, [torrent_record(1)])
    database = opened(tmp_path)
    store = TorrentStore(database)
    monkeypatch.setattr(type(database), "_keep", lambda self: None)
    result(store.add(torrent_record(2)))
    result(store.remove(1))
    database.close()
    monkeypatch.undo()
    assert len(files(tmp_path)) == 2
    found, _ = reloaded(tmp_path)
    assert [record.name for record in found] == ["torrent 2"]
    assert {name.partition(".")[0] for name in files(tmp_path)} == {found[0].hash_v1.hex()}  # type: ignore[union-attr]


def test_a_stop_waits_for_no_copies_and_the_next_start_writes_them(tmp_path: Path) -> None:
    filled(tmp_path, [torrent_record(1)])
    database = opened(tmp_path)
    database.leave_copies()
    result(TorrentStore(database).add(torrent_record(2)))
    database.close()
    assert len(files(tmp_path)) == 2
    reloaded(tmp_path)
    assert len(files(tmp_path)) == 4


def test_copies_that_are_gone_are_made_again(tmp_path: Path) -> None:
    filled(tmp_path, [torrent_record(number) for number in range(1, 4)])
    before = files(tmp_path)
    for file in (tmp_path / "torrents").iterdir():
        file.unlink()
    reloaded(tmp_path)
    assert files(tmp_path) == before


def test_an_older_database_put_back_forgets_no_torrent(tmp_path: Path) -> None:
    records = [torrent_record(number) for number in range(1, 4)]
    filled(tmp_path, records[:1])
    old = (tmp_path / "state.db").read_bytes()
    database = opened(tmp_path)
    for record in records[1:]:
        result(TorrentStore(database).add(record))
    database.close()
    (tmp_path / "state.db").write_bytes(old)
    found, notice = reloaded(tmp_path)
    assert [chosen(record) for record in found] == [chosen(record) for record in records]
    assert [record.pieces for record in found] == [b"\x80", None, None]
    assert notice == ""


def test_many_that_are_due_are_copied_in_parts(tmp_path: Path) -> None:
    filled(tmp_path, [magnet_record(number) for number in range(1, 251)])
    for file in (tmp_path / "torrents").iterdir():
        file.unlink()
    reloaded(tmp_path)
    assert len(files(tmp_path)) == 250
