"""Files and folders get other names while a torrent seeds or downloads, also across kills."""

from __future__ import annotations

import errno
import hashlib
import os
from pathlib import Path
from typing import Any

import pytest

from p2pd.base.errors import P2pdError, StateError, StorageError
from p2pd.formats import bencode
from p2pd.session.api import TorrentStatus
from p2pd.session.torrents.torrent import Torrent
from p2pd.session.torrents.torrent_requests import AddTorrentError
from p2pd.testing import MemoryNetwork, SimNode, make_torrent
from tests.session.three_files import FILES, PIECE, TORRENT, have
from tests.session.two_disks import WHOLE, disk_node, put_files, restarted_node, seeding, tree

RENAMED = {f"new/{name}": data for name, data in FILES.items()}


@pytest.fixture
def node(network: MemoryNetwork, tmp_path: Path) -> SimNode:
    """On real files."""
    return disk_node(network, tmp_path)


@pytest.fixture
def torrent(network: MemoryNetwork, node: SimNode, tmp_path: Path) -> Torrent:
    """Complete, and seeding."""
    return seeding(network, node, tmp_path / "one")


def rename(node: SimNode, torrent: Torrent, path: str, name: str) -> None:
    view = node.control.find(torrent.record.id)
    assert view is not None
    node.network.result(node.control.rename(view, path, name))


def shown(node: SimNode, torrent: Torrent) -> tuple[str, list[str]]:
    """The name, and those of the files."""
    view = node.control.find(torrent.record.id)
    assert view is not None
    view = node.network.result(node.control.detailed(view))
    return view.name, [file.path for file in view.files()]


def refuses_checks(torrent: Torrent) -> None:
    """From now on a check is a failure."""
    torrent.host.checks.check = None  # type: ignore[method-assign,assignment]


def test_a_folder_and_a_file_while_it_seeds(
    network: MemoryNetwork, node: SimNode, torrent: Torrent, tmp_path: Path
) -> None:
    refuses_checks(torrent)
    rename(node, torrent, "folder", "new")
    rename(node, torrent, "new/a.bin", "first.bin")
    assert shown(node, torrent) == ("new", ["new/first.bin", "new/b.bin", "new/c.bin"])
    assert tree(tmp_path / "one") == {
        f"new/{name.replace('a.', 'first.')}": data for name, data in FILES.items()
    }
    assert torrent.record.file_names == (("", "new"), ("0", "new", "first.bin"))
    assert torrent.running
    leecher = disk_node(network, tmp_path, "10.0.0.2")
    leecher.session.settings.download_dir = str(tmp_path / "two")
    copy = leecher.add(TORRENT)
    leecher.connect(copy, node.address)
    network.run_until(lambda: have(copy).is_full)
    assert tree(tmp_path / "two") == WHOLE, "others see nothing of it"


def test_a_download_goes_on_in_the_files_that_are_open(
    network: MemoryNetwork, node: SimNode, torrent: Torrent, tmp_path: Path
) -> None:
    leecher = disk_node(network, tmp_path, "10.0.0.2")
    leecher.session.settings.download_dir = str(tmp_path / "two")
    copy = leecher.add(TORRENT)
    leecher.connect(copy, node.address)
    for count, path, name in ((5, "folder", "new"), (15, "new/b.bin", "two.bin")):
        network.run_until(lambda count=count: have(copy).count >= count)
        assert not have(copy).is_full
        rename(leecher, copy, path, name)
    network.run_until(lambda: have(copy).is_full)
    assert copy.record.downloaded <= 31 * PIECE
    assert tree(tmp_path / "two") == {
        f"new/{name.replace('b.', 'two.')}": data for name, data in FILES.items()
    }


@pytest.mark.parametrize("killed", [False, True])
def test_names_are_kept_over_a_restart(
    network: MemoryNetwork, node: SimNode, torrent: Torrent, tmp_path: Path, killed: bool
) -> None:
    rename(node, torrent, "folder", "new")
    if not killed:
        node.stop()
    again, back = restarted_node(network, node, tmp_path)
    network.run_until(lambda: back.running)
    assert shown(again, back)[0] == "new"
    assert back.is_complete()
    assert tree(tmp_path / "one") == RENAMED


@pytest.mark.parametrize("on_disk", [False, True])
def test_a_kill_before_and_after_the_disk_did_it(
    network: MemoryNetwork, node: SimNode, torrent: Torrent, tmp_path: Path, on_disk: bool
) -> None:
    node.stop()
    row = node.store.rows[torrent.record.id]
    row.renaming = ("folder", "new")
    if on_disk:
        os.rename(tmp_path / "one/folder", tmp_path / "one/new")
    again, back = restarted_node(network, node, tmp_path)
    network.run_until(lambda: back.running)
    assert have(back).is_full
    assert shown(again, back)[0] == "new"
    assert back.record.renaming == again.store.rows[back.record.id].renaming == ()
    assert tree(tmp_path / "one") == RENAMED


def test_a_rename_that_was_cut_off_waits_for_its_volume(
    network: MemoryNetwork, node: SimNode, torrent: Torrent, tmp_path: Path
) -> None:
    node.stop()
    node.store.rows[torrent.record.id].renaming = ("folder", "new")
    os.rename(tmp_path / "one", tmp_path / "unplugged")
    again, back = restarted_node(network, node, tmp_path)
    network.run_until(lambda: bool(back.missing.why))
    assert back.record.renaming
    os.rename(tmp_path / "unplugged/folder", tmp_path / "unplugged/new")
    (tmp_path / "one").rmdir()
    os.rename(tmp_path / "unplugged", tmp_path / "one")
    network.result(back.reopen())
    assert shown(again, back)[0] == "new"
    assert have(back).is_full


def test_a_cut_off_rename_to_a_name_that_was_taken_meanwhile_is_forgotten(
    network: MemoryNetwork, node: SimNode, torrent: Torrent, tmp_path: Path
) -> None:
    node.stop()
    node.store.rows[torrent.record.id].renaming = ("folder/a.bin", "folder/x")
    (tmp_path / "one/folder/x").write_text("a user's")
    again, back = restarted_node(network, node, tmp_path)
    network.run_until(lambda: back.running)
    assert shown(again, back) == ("folder", sorted(WHOLE))
    assert have(back).is_full
    assert back.record.renaming == ()


@pytest.mark.parametrize(
    ("path", "name", "words"),
    [
        ("folder/a.bin", "b.bin", "in the torrent already"),
        ("folder/a.bin", "B.BIN", "in the torrent already"),
        ("folder/a.bin", "taken", "is there already"),
        ("folder/a.bin", "x/y", "cannot be the name"),
        ("folder/a.bin", "..", "cannot be the name"),
        ("folder/a.bin", "", "cannot be the name"),
        ("folder/a.bin", "x" * 256, "cannot be the name"),
        ("folder/none", "x", "neither a file nor a folder"),
        ("", "x", "neither a file nor a folder"),
        ("..", "x", "neither a file nor a folder"),
        ("folder", "taken", "is there already"),
    ],
)
def test_what_is_refused_changes_nothing(
    node: SimNode, torrent: Torrent, tmp_path: Path, path: str, name: str, words: str
) -> None:
    (tmp_path / "one/taken").write_text("a user's")
    (tmp_path / "one/folder/taken").write_text("a user's")
    before = tree(tmp_path / "one")
    with pytest.raises(P2pdError, match=words):
        rename(node, torrent, path, name)
    assert tree(tmp_path / "one") == before
    assert torrent.record.renaming == torrent.record.file_names == ()
    assert shown(node, torrent) == ("folder", sorted(WHOLE))
    assert torrent.running


def test_a_file_that_another_torrent_has_too(
    network: MemoryNetwork, node: SimNode, torrent: Torrent, tmp_path: Path
) -> None:
    other = node.add(make_torrent(FILES, piece_length=2 * PIECE))
    network.run_until(lambda: other.running)
    for path, name in (("folder/a.bin", "x"), ("folder", "x")):
        with pytest.raises(StorageError, match="belongs to another torrent"):
            rename(node, torrent, path, name)
    network.result(node.session.remove(other, delete_data=False))
    rename(node, torrent, "folder", "x")


def test_the_disk_refuses(
    node: SimNode, torrent: Torrent, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refused(*_: Any) -> None:
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    monkeypatch.setattr("p2pd.storage.renaming._rename", refused)
    with pytest.raises(StorageError, match="folder"):
        rename(node, torrent, "folder", "new")
    assert torrent.record.renaming == node.store.rows[torrent.record.id].renaming == ()
    assert shown(node, torrent)[0] == "folder"
    monkeypatch.undo()
    rename(node, torrent, "folder", "new")
    assert tree(tmp_path / "one") == RENAMED


def test_a_name_that_cannot_be_synced_is_given_back(
    node: SimNode, torrent: Torrent, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refused(_: int) -> None:
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    monkeypatch.setattr("p2pd.storage.renaming._sync", refused)
    with pytest.raises(StorageError):
        rename(node, torrent, "folder", "new")
    assert tree(tmp_path / "one") == WHOLE


def test_the_database_refuses(node: SimNode, torrent: Torrent, tmp_path: Path) -> None:
    node.store.fault = StateError("full")
    with pytest.raises(StateError):
        rename(node, torrent, "folder", "new")
    assert tree(tmp_path / "one") == WHOLE
    node.store.fault = None
    rename(node, torrent, "folder", "new")
    assert tree(tmp_path / "one") == RENAMED


def test_what_is_at_rest_is_renamed_and_rests_on(
    network: MemoryNetwork, node: SimNode, torrent: Torrent, tmp_path: Path
) -> None:
    network.run_until(lambda: torrent.resting, limit=300)
    rename(node, torrent, "folder/c.bin", "third.bin")
    network.run_until(lambda: torrent.resting, limit=300)
    assert shown(node, torrent)[1][2] == "folder/third.bin"
    node.stop()
    again, back = restarted_node(network, node, tmp_path)
    network.run(5.0)
    assert back.resting, "its files were found by their new names"
    assert again.announcers[-1].events == ["started"]
    assert not back.missing.why


def test_it_is_moved_and_removed_by_its_new_names(
    network: MemoryNetwork, node: SimNode, torrent: Torrent, tmp_path: Path
) -> None:
    rename(node, torrent, "folder", "new")
    rename(node, torrent, "new/a.bin", "first.bin")
    before = tree(tmp_path / "one")
    view = node.control.find(torrent.record.id)
    assert view is not None
    network.result(node.control.set_location(view, str(tmp_path / "two"), move=True))
    with pytest.raises(P2pdError, match="being moved"):
        rename(node, torrent, "new", "newer")
    network.run_until(lambda: view.move is None, limit=120)
    assert tree(tmp_path / "two") == before
    assert tree(tmp_path / "one") == {}
    (tmp_path / "two/new/a.bin").write_text("a user's, by the name in the torrent")
    network.result(node.session.remove(torrent, delete_data=True))
    assert list(tree(tmp_path / "two")) == ["new/a.bin"]


def test_it_is_verified_by_its_new_names(
    network: MemoryNetwork, node: SimNode, torrent: Torrent, tmp_path: Path
) -> None:
    rename(node, torrent, "folder", "new")
    network.result(torrent.verify())
    network.run_until(lambda: torrent.running)
    assert have(torrent).is_full


def test_nothing_on_the_disk_yet(node: SimNode, tmp_path: Path) -> None:
    torrent = node.add(TORRENT, paused=True)
    rename(node, torrent, "folder", "new")
    assert tree(tmp_path / "one") == {}
    put_files(tmp_path / "one")
    os.rename(tmp_path / "one/folder", tmp_path / "one/new")
    node.network.result(torrent.verify())
    assert have(torrent).is_full
    view = node.control.find(torrent.record.id)
    assert view is not None
    assert view.status == TorrentStatus.STOPPED


def test_a_single_file_and_a_name_that_is_its_own(
    network: MemoryNetwork, node: SimNode, tmp_path: Path
) -> None:
    name, data = "one.bin", FILES["a.bin"]
    hashes = (hashlib.sha1(data[at : at + PIECE]).digest() for at in range(0, len(data), PIECE))
    info = {"length": len(data), "name": name, "piece length": PIECE, "pieces": b"".join(hashes)}
    (tmp_path / "one" / name).write_bytes(data)
    torrent = node.add(bencode.encode({"info": info}))
    network.run_until(lambda: torrent.running)
    rename(node, torrent, name, name)
    assert torrent.record.file_names == ()
    rename(node, torrent, name, "other.bin")
    assert shown(node, torrent) == ("other.bin", ["other.bin"])
    rename(node, torrent, "other.bin", name)
    assert torrent.record.file_names == ()
    assert list(tree(tmp_path / "one")) == [name]


def test_a_magnet_without_metadata_has_no_files(node: SimNode) -> None:
    torrent = node.add("magnet:?xt=urn:btih:" + "a" * 40)
    with pytest.raises(P2pdError, match="not known yet"):
        rename(node, torrent, "x", "y")


@pytest.mark.parametrize(
    ("wish", "expected"),
    [
        ({"name": "new"}, ("new", ["new/a.bin", "new/b.bin", "new/c.bin"])),
        (
            {"content_layout": "no_subfolder", "name": "new"},
            ("folder", ["a.bin", "b.bin", "c.bin"]),
        ),
    ],
)
@pytest.mark.parametrize("link", [False, True])
def test_one_is_added_under_another_name(
    network: MemoryNetwork, tmp_path: Path, wish: dict[str, str], expected: Any, link: bool
) -> None:
    """Also a link, of which nothing else is known yet; and over a restart."""
    (tmp_path / "seed").mkdir()
    seed = disk_node(network, tmp_path / "seed")
    given = seeding(network, seed, tmp_path / "seed/one")
    node = disk_node(network, tmp_path, "10.0.0.2")
    magnet = f"magnet:?xt=urn:btih:{given.info_hashes.hash_string}"
    torrent = node.add(magnet if link else TORRENT, **wish)
    if "content_layout" not in wish:
        assert torrent.record.name == "new"
    node.connect(torrent, seed.address)
    network.run_until(lambda: torrent.content is not None and torrent.is_complete(), limit=60)
    assert shown(node, torrent) == expected
    assert sorted(tree(tmp_path / "one")) == expected[1]
    node.stop()
    again, back = restarted_node(network, node, tmp_path)
    network.run(1.0)
    assert shown(again, back) == expected
    rename(again, back, expected[1][0], "first.bin")
    assert shown(again, back)[1][0].endswith("first.bin")
    view = again.control.find(back.record.id)
    assert view is not None
    network.result(again.control.remove(view, delete_data=True))
    network.run(5.0)
    assert tree(tmp_path / "one") == {}


def test_a_name_that_no_file_can_have_is_refused(node: SimNode) -> None:
    with pytest.raises(AddTorrentError, match="cannot be the name"):
        node.add(TORRENT, name="../x")
