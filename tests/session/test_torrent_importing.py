"""Torrents of another program taken in: what is believed, what is checked, and what is refused."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from p2pd.base.addresses import PeerAddress
from p2pd.base.errors import P2pdError
from p2pd.base.piece_set import PieceSet
from p2pd.session.importing.import_requests import Believed, ImportedTorrent, ImportTorrent
from p2pd.session.torrents.torrent import Torrent
from p2pd.session.torrents.torrent_requests import AddTorrent, AddTorrentError
from p2pd.storage.file_storage import FileStorage
from p2pd.storage.open_files import OpenFiles
from p2pd.testing import MemoryNetwork, SimNode
from tests.session.three_files import FILES, PIECE, TORRENT, have

WRITTEN = 1_600_000_000
ALL = PieceSet.full(30).to_bitfield()


class Importer:
    """A session over a real folder, and the state of a program that was there before."""

    def __init__(self, node: SimNode, folder: Path) -> None:
        self.node = node
        self.folder = folder / "folder"
        self.folder.mkdir()
        for name, data in FILES.items():
            self.write(name, data)
        chosen = AddTorrent(torrent=TORRENT, download_dir=str(folder), labels=("linux",))
        self.request = ImportTorrent(chosen, pieces=ALL, changed_before=WRITTEN)

    def write(self, name: str, data: bytes, changed: int = WRITTEN) -> None:
        (self.folder / name).write_bytes(data)
        os.utime(self.folder / name, (changed, changed))

    def take(self, **changes: Any) -> ImportedTorrent:
        request = replace(self.request, **changes)
        taken: ImportedTorrent = self.node.network.result(self.node.control.import_torrent(request))
        return taken

    def opened(self) -> Torrent:
        """The torrent, when it was looked at."""
        (torrent,) = self.node.session.torrents
        self.node.network.run_until(lambda: not torrent.opening.busy)
        self.node.network.run(0.1)
        return torrent


@pytest.fixture
def hashed(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The pieces that are checked."""
    pieces: list[int] = []
    from p2pd.session.disks.check_queue import CheckQueue

    check: Callable[..., Any] = CheckQueue.check

    def noted(self: CheckQueue, *args: Any) -> Any:
        pieces.extend(args[-1])
        return check(self, *args)

    monkeypatch.setattr(CheckQueue, "check", noted)
    return pieces


@pytest.fixture
def importer(network: MemoryNetwork, tmp_path: Path) -> Importer:
    node = SimNode(
        network,
        "10.0.0.9",
        make_storage=lambda layout, folder: FileStorage(folder, layout, OpenFiles(8)),
    )
    return Importer(node, tmp_path)


def test_what_was_verified_is_had_and_nothing_is_checked(
    importer: Importer, hashed: list[int]
) -> None:
    taken = importer.take(
        add=replace(importer.request.add, upload_limit=50),
        uploaded=5000, downloaded=4000, added_at=1e9, completed_at=1.1e9, seconds_seeding=77,
        peers=(PeerAddress("192.0.2.1", 6881),),
    )  # fmt: skip
    assert (taken.pieces, taken.problem, taken.duplicate) == (Believed(30, 30, 0), "", False)
    torrent = importer.opened()
    assert torrent.running
    assert torrent.is_complete()
    assert hashed == []
    record = importer.node.store.rows[taken.id]
    assert (record.uploaded, record.downloaded, record.seconds_seeding) == (5000, 4000, 77)
    assert (record.added_at, record.completed_at) == (1e9, 1.1e9)
    assert (record.upload_limit, record.upload_limited, record.download_limited) == (
        50,
        True,
        False,
    )
    assert record.labels == ("linux",)


def test_one_that_is_here_stays_as_it_is(importer: Importer) -> None:
    first = importer.take(uploaded=5000)
    again = importer.take(uploaded=1)
    assert (again.duplicate, again.id) == (True, first.id)
    assert importer.node.store.rows[first.id].uploaded == 5000


def test_a_trial_changes_nothing(importer: Importer) -> None:
    (importer.folder / "b.bin").rename(importer.folder / "b.bin.part")
    taken = importer.take(trial=True, partial_suffix=".part")
    assert (taken.id, taken.pieces) == (0, Believed(30, 30, 0))
    assert not importer.node.store.rows
    assert (importer.folder / "b.bin.part").exists()


def test_a_file_that_changed_since_is_checked_and_no_other(
    importer: Importer, hashed: list[int]
) -> None:
    importer.write("b.bin", bytes(PIECE) + FILES["b.bin"][PIECE:], changed=WRITTEN + 1)
    assert importer.take().pieces == Believed(30, 20, 10)
    torrent = importer.opened()
    assert sorted(hashed) == list(range(10, 20))
    assert list(have(torrent).missing()) == [10]


@pytest.mark.parametrize(
    ("times", "believed"),
    [
        (None, 30),
        ((WRITTEN, WRITTEN + 5, None), 30),
        ((WRITTEN, WRITTEN - 1, None), 20),
        ((-1, -1, -1), 0),
    ],
)
def test_a_time_of_its_own_vouches_for_a_file(
    importer: Importer, times: Any, believed: int
) -> None:
    assert importer.take(file_times=times).pieces == Believed(30, believed, 30 - believed)


def test_an_exact_time_is_that_one(importer: Importer) -> None:
    times = (WRITTEN, WRITTEN + 1, WRITTEN)
    assert importer.take(file_times=times, exact_times=True).pieces == Believed(30, 20, 10)


def test_what_a_shorter_file_cannot_hold_is_not_believed(
    importer: Importer, hashed: list[int]
) -> None:
    importer.write("a.bin", FILES["a.bin"][: 4 * PIECE])
    four = PieceSet(30, [0, 1, 2, 3]).to_bitfield()
    assert importer.take(pieces=four, trial=True).pieces == Believed(4, 4, 0)
    five = PieceSet(30, [0, 1, 2, 3, 4]).to_bitfield()
    assert importer.take(pieces=five).pieces.believed == 0
    assert sorted(have(importer.opened())) == [0, 1, 2, 3]
    assert set(range(4)) <= set(hashed)
    assert not set(range(10, 30)) & set(hashed)


def test_half_of_one_goes_on_where_it_was(
    importer: Importer, seed: SimNode, network: MemoryNetwork, hashed: list[int]
) -> None:
    half = PieceSet(30, [*range(5), *range(10, 20)])
    importer.write("a.bin", FILES["a.bin"][: 5 * PIECE])
    (importer.folder / "c.bin").unlink()
    assert importer.take(pieces=half.to_bitfield()).pieces == Believed(15, 15, 0)
    torrent = importer.opened()
    assert list(have(torrent)) == list(half)
    importer.node.connect(torrent, seed.address)
    network.run_until(torrent.is_complete)
    assert torrent.record.downloaded == 15 * PIECE
    assert (importer.folder / "a.bin").read_bytes() == FILES["a.bin"]
    assert hashed == []


def test_names_of_files_that_are_not_complete_become_theirs(importer: Importer) -> None:
    (importer.folder / "b.bin").rename(importer.folder / "b.bin.part")
    importer.write("c.bin.part", b"something else")
    assert importer.take(partial_suffix=".part").pieces == Believed(30, 30, 0)
    assert sorted(os.listdir(importer.folder)) == ["a.bin", "b.bin", "c.bin", "c.bin.part"]
    assert importer.opened().is_complete()


def test_a_link_is_never_renamed_nor_believed(importer: Importer, tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    (importer.folder / "b.bin").rename(outside)
    (importer.folder / "b.bin.part").symlink_to(outside)
    taken = importer.take(partial_suffix=".part")
    assert taken.pieces == Believed(30, 20, 0, 10)
    assert taken.paused
    assert (importer.folder / "b.bin.part").is_symlink()


def test_a_file_that_is_gone_is_not_downloaded_anew_unasked(importer: Importer) -> None:
    (importer.folder / "b.bin").unlink()
    taken = importer.take()
    assert taken.problem.startswith("folder/b.bin is not there")
    assert taken.paused
    torrent = importer.opened()
    assert not torrent.running
    assert have(torrent).count == 20


def test_a_file_that_is_gone_and_not_wanted_is_no_problem(importer: Importer) -> None:
    (importer.folder / "b.bin").unlink()
    add = replace(importer.request.add, files_unwanted=(1,))
    taken = importer.take(add=add)
    assert (taken.problem, taken.paused, taken.pieces) == ("", False, Believed(30, 20, 0, 10))
    assert importer.opened().is_complete()


def test_one_whose_data_is_elsewhere_is_refused(importer: Importer) -> None:
    add = replace(importer.request.add, download_dir="/nowhere/at/all")
    with pytest.raises(P2pdError, match="its data is not there: /nowhere/at/all"):
        importer.take(add=add)
    assert not importer.node.store.rows


def test_pieces_of_another_torrent_are_refused(importer: Importer) -> None:
    with pytest.raises(P2pdError, match="pieces make no sense"):
        importer.take(pieces=b"\xff")
    with pytest.raises(AddTorrentError):
        importer.take(add=AddTorrent(torrent=b"d4:infodee", download_dir="/x"))


def test_where_nothing_is_known_all_is_checked(importer: Importer, hashed: list[int]) -> None:
    assert importer.take(pieces=None).pieces == Believed()
    assert importer.opened().is_complete()
    assert sorted(hashed) == list(range(30))


def test_a_magnet_link_keeps_its_totals(importer: Importer) -> None:
    add = AddTorrent(magnet="magnet:?xt=urn:btih:" + "ab" * 20, download_dir="/x", paused=True)
    taken = importer.take(add=add, uploaded=7)
    assert importer.node.store.rows[taken.id].uploaded == 7
    assert taken.paused


def test_a_restart_believes_it_too(importer: Importer, hashed: list[int]) -> None:
    importer.take()
    importer.opened()
    importer.node.stop()
    network = importer.node.network
    network.listeners.pop(importer.node.address, None)
    again = SimNode(
        network, "10.0.0.9", store=importer.node.store,
        make_storage=lambda layout, folder: FileStorage(folder, layout, OpenFiles(8)),
    )  # fmt: skip
    importer.node = again
    assert importer.opened().is_complete()
    assert hashed == []


def test_renamed_files_keep_their_names(importer: Importer, hashed: list[int]) -> None:
    (importer.folder / "b.bin").rename(importer.folder / "two.bin.part")
    importer.folder.rename(importer.folder.with_name("other"))
    names = ("other/a.bin", "other/two.bin", "other/c.bin")
    taken = importer.take(file_names=names, partial_suffix=".part")
    assert taken.pieces == Believed(30, 30)
    assert taken.name == "other"
    torrent = importer.opened()
    assert have(torrent).is_full
    assert torrent.record.file_names == (("", "other"), ("1", "other", "two.bin"))
    assert hashed == []
    assert sorted(os.listdir(importer.folder.with_name("other"))) == ["a.bin", "c.bin", "two.bin"]


@pytest.mark.parametrize(
    "names", [("x",), ("a", "b", "c", "d"), ("../x", "", ""), ("a", "A", ""), ("/a", "", "")]
)
def test_names_that_make_no_sense_are_refused(importer: Importer, names: tuple[str, ...]) -> None:
    with pytest.raises(P2pdError):
        importer.take(file_names=names)
    assert not list(importer.node.session.torrents)


def test_one_that_is_to_go_elsewhere_goes_there_when_it_is_complete(
    importer: Importer, hashed: list[int], tmp_path: Path
) -> None:
    home = tmp_path / "home"
    taken = importer.take(final_dir=f"{home}/")
    torrent = importer.opened()
    importer.node.network.run_until(lambda: not torrent.record.final_dir, limit=60)
    assert (taken.pieces, hashed) == (Believed(30, 30), [])
    assert (home / "folder/b.bin").read_bytes() == FILES["b.bin"]
    assert torrent.record.download_dir == str(home)


def test_all_of_it_can_be_said_to_be_there(importer: Importer, hashed: list[int]) -> None:
    importer.write("a.bin", b"x" * len(FILES["a.bin"]))  # nobody looks
    taken = importer.take(pieces=None, is_whole=True, changed_before=None)
    assert (taken.pieces, taken.problem) == (Believed(30, 30, 0), "")
    assert importer.opened().is_complete()
    assert hashed == []


def test_but_not_where_nothing_is(importer: Importer) -> None:
    for name in FILES:
        (importer.folder / name).unlink()
    with pytest.raises(P2pdError, match="its data is not there"):
        importer.take(pieces=None, is_whole=True)
