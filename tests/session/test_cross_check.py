"""Data of an added torrent that is on a disk already: found, checked, shared, not harmed."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from p2pd.formats.metainfo import Version
from p2pd.session.finding import data_search
from p2pd.session.torrents.torrent import Torrent
from p2pd.storage.file_storage import FileStorage
from p2pd.storage.open_files import OpenFiles
from p2pd.testing import MemoryNetwork, SimNode, make_torrent

A, B, C = b"a" * 40_000, b"b" * 20_000, b"c" * 50_000
FILES = {"show/a.bin": A, "show/deep/b.bin": B, "show/c.bin": C}
PIECE = 16 * 1024


def torrent_of(files: dict[str, bytes], version: Version, piece_length: int = PIECE) -> bytes:
    below = {name.removeprefix("show/"): data for name, data in files.items()}
    return make_torrent(below, version, name="show", piece_length=piece_length)


class Library:
    """A node on real files, with folders where content may be."""

    def __init__(self, network: MemoryNetwork, folder: Path) -> None:
        self.folder = folder
        self.network = network
        self.aim = folder / "aim"
        self.old = folder / "content" / "old"
        self.old.mkdir(parents=True)
        self.aim.mkdir()
        self.start()

    def start(self, **options: Any) -> None:
        files = OpenFiles(64)
        self.node = SimNode(
            self.network,
            "10.0.0.1",
            make_storage=lambda layout, root: FileStorage(root, layout, files),
            **options,
        )
        settings = self.node.session.settings
        settings.download_dir = str(self.aim)
        settings.fixed = {"content_folders": [str(self.folder / "content")]}

    def put(self, root: Path, files: dict[str, bytes]) -> None:
        for name, data in files.items():
            path = root / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(data)

    def add(self, how: str | None, data: bytes | None = None, **options: Any) -> Torrent:
        torrent = data or torrent_of(FILES, "hybrid")
        added = self.node.add(torrent, find_data=how, **options)
        self.node.network.run(5)
        return added

    def restart(self, *, killed: bool) -> Torrent:
        """In the middle of a check."""
        node = self.node
        if not killed:
            node.stop()
        self.network.listeners.pop(node.address, None)
        self.start(store=node.store, journal=node.journal, seed=2)
        self.network.run(5)
        (torrent,) = self.node.session.torrents
        return torrent

    def has(self, torrent: Torrent, folder: Path, *, complete: bool = True) -> bool:
        right = torrent.record.download_dir == str(folder)
        return right and torrent.is_complete() == complete and not torrent.error


@pytest.fixture
def library(network: MemoryNetwork, tmp_path: Path) -> Library:
    return Library(network, tmp_path)


def inodes(*paths: Path) -> set[int]:
    return {path.stat().st_ino for path in paths}


def test_it_is_seeded_from_where_it_is(library: Library) -> None:
    library.put(library.old, FILES)
    torrent = library.add("in_place")
    assert library.has(torrent, library.old)
    assert torrent.running
    assert not torrent.record.paused
    assert list(library.aim.iterdir()) == []


def test_it_is_linked_to_where_it_was_to_be(library: Library) -> None:
    library.put(library.old, FILES)
    torrent = library.add("hard_link")
    assert library.has(torrent, library.aim)
    assert torrent.running
    for name in FILES:
        assert inodes(library.aim / name) == inodes(library.old / name)


def test_nothing_is_looked_for_unless_it_is_wanted(library: Library) -> None:
    library.put(library.old, FILES)
    torrent = library.add(None)
    assert library.has(torrent, library.aim, complete=False)


def test_the_setting_holds_for_what_says_nothing(library: Library) -> None:
    library.put(library.old, FILES)
    library.node.network.result(library.node.control.change_settings({"find_data": "in_place"}))
    assert library.has(library.add(None, paused=True), library.old)
    other = torrent_of({"show/a.bin": A}, "v1")
    assert library.has(library.add("off", other), library.aim, complete=False)


def test_folders_of_other_torrents_are_looked_into(library: Library) -> None:
    elsewhere = library.folder / "elsewhere"
    library.put(elsewhere, FILES)
    first = library.add("off", download_dir=str(elsewhere))
    assert library.has(first, elsewhere)
    # The same files as another torrent.
    second = library.add("in_place", torrent_of(FILES, "v1", piece_length=2 * PIECE))
    assert library.has(second, elsewhere)
    assert second is not first


def test_who_wants_it_paused_has_it_paused(library: Library) -> None:
    library.put(library.old, FILES)
    torrent = library.add("in_place", paused=True)
    assert library.has(torrent, library.old)
    assert torrent.record.paused
    assert not torrent.running


def test_what_only_has_the_sizes_is_not_touched(library: Library) -> None:
    wrong = {name: b"x" * len(data) for name, data in FILES.items()}
    library.put(library.old, wrong)
    torrent = library.add("in_place")
    assert library.has(torrent, library.aim, complete=False)
    assert torrent.running
    assert {name: (library.old / name).read_bytes() for name in FILES} == wrong


@pytest.mark.parametrize("how", ["in_place", "hard_link"])
def test_what_is_right_in_part_is_shared_in_part_and_never_written(
    library: Library, how: str, network: MemoryNetwork
) -> None:
    library.put(library.old, {**FILES, "show/a.bin": b"x" * len(A)})
    torrent = library.add(how)
    assert library.has(torrent, library.aim, complete=False)
    linked = library.aim / "show" / "c.bin"
    if how == "hard_link":
        assert inodes(linked) == inodes(library.old / "show" / "c.bin")
        assert not (library.aim / "show" / "a.bin").exists()
    else:
        assert not linked.exists() or inodes(linked) != inodes(library.old / "show" / "c.bin")
    seed = SimNode(network, "10.0.0.2")
    given = seed.put(
        torrent_of(FILES, "hybrid"),
        {name.removeprefix("show/"): data for name, data in FILES.items()},
    )
    assert given is not None
    library.node.connect(torrent, seed.address)
    network.run_until(lambda: torrent.is_complete(), 120)
    assert {name: (library.aim / name).read_bytes() for name in FILES} == FILES
    assert (library.old / "show" / "a.bin").read_bytes() == b"x" * len(A)


def test_the_folder_that_has_most_of_it_is_taken(library: Library) -> None:
    library.put(library.old, {"show/a.bin": A})
    library.put(library.folder / "content" / "x" / "y", FILES)
    torrent = library.add("in_place")
    assert library.has(torrent, library.folder / "content" / "x" / "y")


def test_what_is_where_it_is_to_be_stays_there(library: Library) -> None:
    library.put(library.aim, FILES)
    library.put(library.old, FILES)
    assert library.has(library.add("hard_link"), library.aim)


def test_no_link_is_followed(library: Library) -> None:
    outside = library.folder / "outside"
    library.put(outside, FILES)
    (library.folder / "content" / "way").symlink_to(outside)
    (library.old / "show").symlink_to(outside / "show")
    assert library.has(library.add("in_place"), library.aim, complete=False)


def test_another_file_system_seeds_from_where_it_is(
    library: Library, monkeypatch: pytest.MonkeyPatch
) -> None:
    def other(*args: Any, **more: Any) -> None:
        raise OSError(18, "Invalid cross-device link")

    monkeypatch.setattr(os, "link", other)
    library.put(library.old, FILES)
    torrent = library.add("hard_link")
    assert library.has(torrent, library.old)
    assert torrent.running


def test_one_that_is_removed_meanwhile_is_left_alone(
    library: Library, network: MemoryNetwork
) -> None:
    library.put(library.old, FILES)
    torrent = library.node.add(torrent_of(FILES, "v1"), find_data="in_place")
    view = library.node.control.find(torrent.record.id)
    assert view is not None
    network.result(library.node.control.remove(view, delete_data=False))
    network.run(5)
    assert (library.old / "show" / "a.bin").exists()
    assert len(library.node.session.torrents) == 0


@pytest.mark.parametrize("killed", [False, True])
@pytest.mark.parametrize("how", ["in_place", "hard_link"])
def test_the_end_of_the_daemon_only_delays_it(library: Library, how: str, killed: bool) -> None:
    library.put(library.old, FILES)
    torrent = library.node.add(torrent_of(FILES, "hybrid"), find_data=how)
    assert torrent.record.paused
    again = library.restart(killed=killed)
    assert again is not torrent
    assert library.has(again, library.old if how == "in_place" else library.aim)
    assert again.running
    row = library.node.store.rows[again.record.id]
    assert (row.finding, row.paused) == ((), False)


@pytest.mark.parametrize("killed", [False, True])
def test_nor_is_what_is_not_right_written_after_it(library: Library, killed: bool) -> None:
    wrong = {**FILES, "show/a.bin": b"x" * len(A)}
    library.put(library.old, wrong)
    library.node.add(torrent_of(FILES, "hybrid"), find_data="hard_link", paused=True)
    again = library.restart(killed=killed)
    assert library.has(again, library.aim, complete=False)
    assert again.record.paused
    assert {name: (library.old / name).read_bytes() for name in FILES} == wrong
    assert inodes(library.aim / "show/c.bin") == inodes(library.old / "show/c.bin")


def test_who_starts_it_meanwhile_has_it_run_when_it_is_checked(library: Library) -> None:
    wrong = {name: b"x" * len(data) for name, data in FILES.items()}
    library.put(library.old, wrong)
    node = library.node
    torrent = node.add(torrent_of(FILES, "v1"), find_data="in_place", paused=True)
    view = node.control.find(torrent.record.id)
    assert view is not None
    node.network.result(node.control.start(view))
    assert not torrent.running
    node.network.run(5)
    assert library.has(torrent, library.aim, complete=False)
    assert torrent.running


def test_who_stops_it_meanwhile_has_it_stopped(library: Library) -> None:
    library.put(library.old, FILES)
    node = library.node
    torrent = node.add(torrent_of(FILES, "v1"), find_data="in_place")
    view = node.control.find(torrent.record.id)
    assert view is not None
    node.network.result(node.control.stop(view))
    node.network.run(5)
    assert library.has(torrent, library.old)
    assert torrent.record.paused
    assert not torrent.running


def test_a_search_is_bounded(library: Library, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(data_search, "MOST_ENTRIES", 20)
    for number in range(50):
        (library.folder / "content" / f"{number:03}").mkdir()
    library.put(library.folder / "content" / "049" / "deep", FILES)
    assert library.has(library.add("in_place"), library.aim, complete=False)


def test_what_is_there_already_stays_as_it_is(library: Library) -> None:
    library.put(library.old, FILES)
    first = library.add("off")
    assert library.add("in_place") is first
    assert library.has(first, library.aim, complete=False)
