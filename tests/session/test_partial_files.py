"""Files have `.part` behind their names until they are complete, over kills and moves."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from p2pd.session.torrents.torrent import Torrent
from p2pd.testing import MemoryNetwork, SimNode, make_torrent
from tests.session.three_files import FILES, PIECE, TORRENT, have
from tests.session.two_disks import WHOLE, disk_node, put_files, restarted_node, seeding, tree


@pytest.fixture
def seed(network: MemoryNetwork, tmp_path: Path) -> SimNode:
    """Has the torrent."""
    folder = tmp_path / "seed"
    folder.mkdir()
    node = disk_node(network, folder)
    seeding(network, node, folder / "one")
    return node


@pytest.fixture
def node(network: MemoryNetwork, tmp_path: Path) -> SimNode:
    """Downloads to the folder `one`."""
    node = disk_node(network, tmp_path, "10.0.0.2")
    node.session.settings.rename_partial_files = True
    node.session.moves.settings_changed()
    return node


def names(folder: Path) -> list[str]:
    return sorted(tree(folder))


def begun(network: MemoryNetwork, node: SimNode, seed: SimNode) -> Torrent:
    """One file is complete, another one begun."""
    torrent = node.add(TORRENT, sequential=True)
    node.connect(torrent, seed.address)
    network.run_until(lambda: have(torrent).count >= 13)
    network.run(0.02)
    assert not have(torrent).is_full
    return torrent


def half_there(folder: Path) -> None:
    """As after a kill in the middle of a download."""
    (folder / "folder").mkdir(parents=True)
    (folder / "folder/a.bin").write_bytes(FILES["a.bin"])
    (folder / "folder/b.bin.part").write_bytes(FILES["b.bin"][: 4 * PIECE])


def paused(network: MemoryNetwork, node: SimNode, base: Path) -> Torrent:
    """Of a torrent one file is complete and another one begun, and nothing runs."""
    half_there(base / "one")
    torrent = node.add(TORRENT, paused=True)
    network.run_until(lambda: not torrent.is_being_opened)
    network.run(0.1)
    return torrent


def shown(node: SimNode, torrent: Torrent) -> list[str]:
    view = node.control.find(torrent.record.id)
    assert view is not None
    return [file.path for file in view.files()]


def switch(node: SimNode, on: bool) -> None:
    node.network.result(node.control.change_settings({"rename_partial_files": on}))
    node.network.run(0.1)


def test_a_file_gets_its_name_when_it_is_complete(
    network: MemoryNetwork, node: SimNode, seed: SimNode, tmp_path: Path
) -> None:
    torrent = begun(network, node, seed)
    assert names(tmp_path / "one")[:2] == ["folder/a.bin", "folder/b.bin.part"]
    assert shown(node, torrent) == sorted(WHOLE)
    network.run_until(lambda: have(torrent).is_full)
    network.run_until(lambda: tree(tmp_path / "one") == WHOLE)
    assert torrent.running
    network.run_until(lambda: torrent.resting, limit=300)


@pytest.mark.parametrize("stopped", [False, True])
def test_over_a_restart_nothing_is_fetched_twice(
    network: MemoryNetwork, node: SimNode, seed: SimNode, tmp_path: Path, stopped: bool
) -> None:
    torrent = begun(network, node, seed)
    network.result(torrent.checkpoint())
    count = have(torrent).count
    if stopped:
        node.stop()
    again, back = restarted_node(network, node, tmp_path)
    network.run_until(lambda: back.running)
    assert have(back).count >= count
    network.run(0.1)
    assert "folder/b.bin" in names(tmp_path / "one"), "the setting is off in this run"
    again.connect(back, seed.address)
    network.run_until(lambda: tree(tmp_path / "one") == WHOLE)


def test_a_kill_before_the_name_was_given(
    network: MemoryNetwork, node: SimNode, tmp_path: Path
) -> None:
    put_files(tmp_path / "one")
    torrent = node.add(TORRENT)
    network.run_until(lambda: torrent.running)
    node.stop()
    os.rename(tmp_path / "one/folder/b.bin", tmp_path / "one/folder/b.bin.part")
    _, back = restarted_node(network, node, tmp_path)
    network.run_until(lambda: tree(tmp_path / "one") == WHOLE)
    assert not back.missing.why
    assert back.is_complete()


def test_all_of_it_under_the_other_names_is_not_missing(
    network: MemoryNetwork, node: SimNode, tmp_path: Path
) -> None:
    put_files(tmp_path / "one")
    torrent = node.add(TORRENT)
    network.run_until(lambda: torrent.running)
    node.stop()
    for name in FILES:
        os.rename(tmp_path / "one/folder" / name, tmp_path / f"one/folder/{name}.part")
    _, back = restarted_node(network, node, tmp_path)
    network.run_until(lambda: tree(tmp_path / "one") == WHOLE)
    assert not back.missing.why


def test_the_setting_is_switched_for_what_is_there(
    network: MemoryNetwork, node: SimNode, seed: SimNode, tmp_path: Path
) -> None:
    torrent = paused(network, node, tmp_path)
    before = names(tmp_path / "one")
    assert "folder/b.bin.part" in before
    switch(node, False)
    assert "folder/b.bin" in names(tmp_path / "one")
    assert not any(name.endswith(".part") for name in names(tmp_path / "one"))
    switch(node, True)
    assert names(tmp_path / "one") == before
    network.result(torrent.start())
    node.connect(torrent, seed.address)
    network.run_until(lambda: tree(tmp_path / "one") == WHOLE)
    assert torrent.record.downloaded <= 17 * PIECE


def test_data_that_is_there_is_used_under_either_name(
    network: MemoryNetwork, node: SimNode, tmp_path: Path
) -> None:
    torrent = paused(network, node, tmp_path)
    assert have(torrent).count == 14
    assert names(tmp_path / "one") == ["folder/a.bin", "folder/b.bin.part"]


def test_a_name_that_is_taken_stays_a_users(
    network: MemoryNetwork, node: SimNode, seed: SimNode, tmp_path: Path
) -> None:
    torrent = begun(network, node, seed)
    (tmp_path / "one/folder/b.bin").write_text("a user's")
    network.run_until(lambda: have(torrent).is_full)
    network.run(1.0)
    found = tree(tmp_path / "one")
    assert found["folder/b.bin"] == b"a user's"
    assert found["folder/b.bin.part"] == FILES["b.bin"]
    assert torrent.running
    node.stop()
    again, back = restarted_node(network, node, tmp_path)
    network.run_until(lambda: back.running and not back.is_being_opened)
    assert back.is_complete(), "what is recorded tells which file is the torrent's"
    (tmp_path / "one/folder/b.bin").unlink()
    network.result(back.verify())
    network.run_until(lambda: tree(tmp_path / "one") == WHOLE)
    assert again.session.moves.of(back) is None


def test_it_is_moved_in_the_middle(
    network: MemoryNetwork, node: SimNode, seed: SimNode, tmp_path: Path
) -> None:
    torrent = begun(network, node, seed)
    view = node.control.find(torrent.record.id)
    assert view is not None
    network.result(node.control.set_location(view, str(tmp_path / "two"), move=True))
    network.run_until(lambda: view.move is None, limit=120)
    assert tree(tmp_path / "one") == {}
    network.run_until(lambda: have(torrent).is_full)
    network.run_until(lambda: tree(tmp_path / "two") == WHOLE)
    assert torrent.record.downloaded <= 31 * PIECE


def test_a_stopped_one_is_moved_and_removed_as_it_is(
    network: MemoryNetwork, node: SimNode, tmp_path: Path
) -> None:
    torrent = paused(network, node, tmp_path)
    before = tree(tmp_path / "one")
    view = node.control.find(torrent.record.id)
    assert view is not None
    network.result(node.control.set_location(view, str(tmp_path / "two"), move=True))
    network.run_until(lambda: view.move is None, limit=120)
    assert tree(tmp_path / "two") == before
    (tmp_path / "two/folder/b.bin").write_text("a user's")
    network.result(node.session.remove(torrent, delete_data=True))
    assert tree(tmp_path / "two") == {"folder/b.bin": b"a user's"}


def test_a_begun_file_is_renamed_and_a_kill_comes_between(
    network: MemoryNetwork, node: SimNode, tmp_path: Path
) -> None:
    torrent = paused(network, node, tmp_path)
    view = node.control.find(torrent.record.id)
    assert view is not None
    network.result(node.control.rename(view, "folder/b.bin", "x.bin"))
    assert "folder/x.bin.part" in names(tmp_path / "one")
    node.stop()
    row = node.store.rows[torrent.record.id]
    path, target = "folder/x.bin", "folder/y.bin"
    row.renaming = (path, target, f"{path}.part", f"{target}.part")
    _, back = restarted_node(network, node, tmp_path)
    network.run_until(lambda: not back.is_being_opened)
    network.run(0.1)
    assert "folder/y.bin" in names(tmp_path / "one")
    assert have(back).count == have(torrent).count


def test_another_torrents_file_keeps_its_name(
    network: MemoryNetwork, node: SimNode, tmp_path: Path
) -> None:
    put_files(tmp_path / "one")
    one = node.add(TORRENT)
    network.run_until(lambda: one.running)
    others = {**FILES, "a.bin": FILES["a.bin"][:-1] + b"?"}
    other = node.add(make_torrent(others, piece_length=2 * PIECE), paused=True)
    network.run_until(lambda: not other.is_being_opened)
    network.run(0.1)
    assert have(other).count == 14
    assert tree(tmp_path / "one") == WHOLE
