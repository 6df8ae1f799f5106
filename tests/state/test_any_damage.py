"""Bytes that changed, and ends that are missing, anywhere: the same torrents all the same."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from p2pd.state.resume import TorrentStore
from p2pd.state.upgrades import NewerDatabaseError
from tests.state.damaged import (
    chosen,
    filled,
    magnet_record,
    opened,
    reloaded,
    result,
    torrent_record,
)


class Wanted(dict[Any, Any]):
    """Torrents by their hash; Hypothesis shows arguments, and this would be long."""

    def __repr__(self) -> str:
        return f"{len(self)} torrents"


ENDED = {"clean": False, "crashed": True}


@pytest.fixture(scope="module", params=ENDED, ids=list(ENDED))
def state(request: Any, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Wanted]:
    """A state folder as it is after a clean stop, or after a kill; and what is in it."""
    live, folder = (tmp_path_factory.mktemp(name) for name in ("live", "state"))
    records = [torrent_record(1), torrent_record(2, paused=True), magnet_record(3)]
    records += [torrent_record(number, priorities=bytes(3000)) for number in range(4, 9)]
    filled(live, records)
    database = opened(live)
    store = TorrentStore(database)
    moved, gone = records[0], records.pop()
    moved.download_dir, moved.pieces = "/moved", b"\xc0"
    for work in (store.save(moved), store.add(torrent_record(30)), store.remove(gone.id)):
        result(work)
    if ENDED[request.param]:
        shutil.copytree(live, folder, dirs_exist_ok=True)
        database.close()
    else:
        database.close()
        shutil.copytree(live, folder, dirs_exist_ok=True)
    records.append(torrent_record(30, id=max(r.id for r in records) + 2))
    return folder, Wanted((record.hash_v1, record) for record in records)


def without_torrent(record: Any) -> tuple[Any, ...]:
    """All but the metadata: that has its own hash, which the session looks at."""
    return tuple(value for value in chosen(record) if value != record.torrent)


def check(folder: Path, wanted: Wanted, *, more: bool = False) -> None:
    try:
        found, notice = reloaded(folder)
    except NewerDatabaseError:  # that is in bytes, too
        return
    here = {record.hash_v1: record for record in found}
    assert len(here) == len(found)
    assert here.keys() >= wanted.keys()
    assert more or notice or here.keys() == wanted.keys()
    for key, record in wanted.items():
        assert without_torrent(here[key])[1:] == without_torrent(record)[1:]
        assert here[key].pieces in (None, record.pieces)
        assert here[key].pieces is None or here[key].id == record.id


def harmed(state: tuple[Path, Wanted], harm: Any, *, more: bool = False) -> None:
    folder, wanted = state
    with tempfile.TemporaryDirectory() as work:
        copy = Path(work) / "state"
        shutil.copytree(folder, copy)
        harm(copy)
        check(copy, wanted, more=more)
        check(copy, wanted, more=more)


def test_without_harm_nothing_is_lost_and_nothing_reported(state: tuple[Path, Wanted]) -> None:
    folder, wanted = state
    with tempfile.TemporaryDirectory() as work:
        copy = Path(work) / "state"
        shutil.copytree(folder, copy)
        found, notice = reloaded(copy)
    assert {record.hash_v1: record for record in found} == wanted
    assert notice == ""


@settings(max_examples=60, deadline=None)
@given(
    which=st.sampled_from(["state.db", "state.db-wal", "state.db-shm"]),
    flips=st.lists(st.tuples(st.integers(0, 2**20), st.integers(1, 255)), min_size=1, max_size=9),
)
def test_flipped_bytes(
    state: tuple[Path, Wanted], which: str, flips: list[tuple[int, int]]
) -> None:
    def harm(folder: Path) -> None:
        file = folder / which
        if file.exists() and file.stat().st_size:
            data = bytearray(file.read_bytes())
            for offset, bits in flips:
                data[offset % len(data)] ^= bits
            file.write_bytes(data)

    # A journal that ends early has torrents in it that were removed later.
    harmed(state, harm, more=which == "state.db-wal")


@settings(max_examples=30, deadline=None)
@given(start=st.integers(0, 60), count=st.integers(1, 8), byte=st.sampled_from(b"\x00\xff\x0d"))
def test_pages_of_something_else(
    state: tuple[Path, Wanted], start: int, count: int, byte: int
) -> None:
    def harm(folder: Path) -> None:
        data = bytearray((folder / "state.db").read_bytes())
        at = start * 4096 % len(data)
        data[at : at + count * 4096] = bytes([byte]) * len(data[at : at + count * 4096])
        (folder / "state.db").write_bytes(data)

    harmed(state, harm)


@settings(max_examples=30, deadline=None)
@given(which=st.sampled_from(["state.db", "state.db-wal"]), left=st.floats(0, 1))
def test_files_cut_short(state: tuple[Path, Wanted], which: str, left: float) -> None:
    def harm(folder: Path) -> None:
        file = folder / which
        if file.exists():
            file.write_bytes(file.read_bytes()[: int(file.stat().st_size * left)])

    harmed(state, harm, more=which == "state.db-wal")
