"""Torrents that are removed with their files: whatever is in the way, these go in the end."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from twisted.internet.defer import Deferred

from p2pd.base.errors import DiskFaultError, StateError, StorageError
from p2pd.session.session_removals import RETRY_SECONDS
from p2pd.session.torrents.torrent import Torrent
from p2pd.state.removals import DoomedFiles, RemovalRow
from p2pd.storage.file_storage import FileStorage
from p2pd.storage.new_place import FOLDER
from p2pd.testing import MemoryNetwork, SimNode, make_torrent
from tests.session.three_files import FILES, PIECE, TORRENT
from tests.session.two_disks import WHOLE, disk_node, put_files, seeding, tree

DOOMED = tuple(("folder", name) for name in FILES)


@pytest.fixture
def node(network: MemoryNetwork, tmp_path: Path) -> SimNode:
    return disk_node(network, tmp_path)


@pytest.fixture
def torrent(network: MemoryNetwork, node: SimNode, tmp_path: Path) -> Torrent:
    """Complete, and seeding."""
    return seeding(network, node, tmp_path / "one")


@pytest.fixture
def refusing(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """No disk removes anything until this is undone."""

    def delete_files(self: FileStorage) -> None:
        raise DiskFaultError(f"{self.root}: Input/output error")

    monkeypatch.setattr(FileStorage, "delete_files", delete_files)
    return monkeypatch


def remove(node: SimNode, torrent: Torrent, *, delete_data: bool = True) -> None:
    node.network.result(node.session.remove(torrent, delete_data=delete_data))


def restarted(node: SimNode, base: Path) -> SimNode:
    node.network.listeners.pop(node.address, None)
    again = disk_node(
        node.network, base, node.address.host, store=node.store, removals=node.removals, seed=2
    )
    node.network.run(1)
    return again


@pytest.mark.parametrize("rested", [False, True])
def test_the_files_go_with_it(
    network: MemoryNetwork, node: SimNode, torrent: Torrent, tmp_path: Path, rested: bool
) -> None:
    tmp_path.joinpath("one/folder/theirs").touch()
    network.run(70 if rested else 0)
    assert torrent.resting is rested
    remove(node, torrent)
    assert tree(tmp_path) == {"one/folder/theirs": b""}
    assert node.store.rows == node.removals.rows == {}


@pytest.mark.parametrize("rested", [False, True])
def test_they_stay_if_so_wished(
    network: MemoryNetwork,
    node: SimNode,
    torrent: Torrent,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    rested: bool,
) -> None:
    """Then what its files are is not even read."""
    network.run(70 if rested else 0)
    monkeypatch.setattr(node.session.resting, "details", None)
    remove(node, torrent, delete_data=False)
    assert tree(tmp_path / "one") == WHOLE
    assert node.store.rows == node.removals.rows == {}


@pytest.mark.parametrize("rested", [False, True])
def test_those_of_another_torrent_stay(
    network: MemoryNetwork, node: SimNode, torrent: Torrent, tmp_path: Path, rested: bool
) -> None:
    shared = {name: FILES[name] for name in ("a.bin", "b.bin")}
    other = node.add(make_torrent(shared, piece_length=PIECE))
    network.run(70 if rested else 0)
    assert other.resting is torrent.resting is rested
    remove(node, torrent)
    assert tree(tmp_path / "one") == {f"folder/{name}": data for name, data in shared.items()}
    remove(node, other)
    assert os.listdir(tmp_path / "one") == []


def test_what_a_disk_refuses_is_tried_again(
    network: MemoryNetwork,
    node: SimNode,
    torrent: Torrent,
    refusing: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    with pytest.raises(StorageError, match="Input/output error"):
        remove(node, torrent)
    assert node.store.rows == {}
    network.run(sum(RETRY_SECONDS) + 1)
    assert tree(tmp_path / "one") == WHOLE
    refusing.undo()
    network.run(RETRY_SECONDS[-1])
    assert os.listdir(tmp_path / "one") == []
    assert node.removals.rows == {}


def test_what_was_cut_off_is_gone_on_with_after_the_next_start(
    network: MemoryNetwork,
    node: SimNode,
    torrent: Torrent,
    refusing: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    with pytest.raises(StorageError):
        remove(node, torrent)
    node.stop()
    network.run(2 * RETRY_SECONDS[-1])
    refusing.undo()
    assert tree(tmp_path / "one") == WHOLE, "it is over"
    again = restarted(node, tmp_path)
    assert os.listdir(tmp_path / "one") == []
    assert again.removals.rows == {}
    assert list(again.session.torrents) == []


def test_what_was_added_again_meanwhile_stays(
    network: MemoryNetwork,
    node: SimNode,
    torrent: Torrent,
    refusing: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    with pytest.raises(StorageError):
        remove(node, torrent)
    refusing.undo()
    again = node.add(TORRENT)
    network.run(2 * RETRY_SECONDS[0])
    assert node.removals.rows == {}
    assert tree(tmp_path / "one") == WHOLE
    assert again.content is not None
    assert again.content.have.is_full


def test_a_database_that_refuses_has_nothing_removed(
    node: SimNode, torrent: Torrent, tmp_path: Path
) -> None:
    node.store.fault = StateError("the disk is full")
    with pytest.raises(StateError):
        remove(node, torrent)
    assert tree(tmp_path / "one") == WHOLE


def test_two_who_remove_it_at_the_same_time(
    network: MemoryNetwork, node: SimNode, torrent: Torrent, tmp_path: Path
) -> None:
    """Neither is in the way of the other."""
    both = [
        Deferred.fromCoroutine(node.session.remove(torrent, delete_data=True)) for _ in range(2)
    ]
    for each in both:
        network.result(each)
    assert tree(tmp_path) == {}
    assert node.removals.rows == node.store.rows == {}


class TestWhatAMoveLeft:
    """Of one that was to be cleaned up, and could not be."""

    @pytest.fixture
    def staged(
        self, network: MemoryNetwork, node: SimNode, torrent: Torrent, tmp_path: Path
    ) -> Path:
        """The folder where its files came first."""
        folder = tmp_path / "two" / f"{FOLDER}{torrent.info_hashes.hash_string}"
        move_to(node, torrent, tmp_path / "two")
        move = node.session.moves.of(torrent)
        assert move is not None
        move.clean = refuse  # type: ignore[method-assign]
        network.run_until(folder.exists)
        return folder

    def test_it_goes_with_the_torrent(
        self, network: MemoryNetwork, node: SimNode, torrent: Torrent, tmp_path: Path, staged: Path
    ) -> None:
        remove(node, torrent)
        assert tree(tmp_path) == {}
        assert not staged.exists()
        network.run(RETRY_SECONDS[0])
        assert node.removals.rows == {}

    def test_it_goes_too_when_the_data_stays(
        self, node: SimNode, torrent: Torrent, tmp_path: Path, staged: Path
    ) -> None:
        remove(node, torrent, delete_data=False)
        assert not staged.exists()
        assert tree(tmp_path / "one") == WHOLE

    def test_it_goes_later_when_the_move_is_ended(
        self, network: MemoryNetwork, node: SimNode, torrent: Torrent, tmp_path: Path, staged: Path
    ) -> None:
        move_to(node, torrent, tmp_path / "one")
        assert staged.exists()
        network.run(RETRY_SECONDS[0] + 1)
        assert not staged.exists()
        assert node.removals.rows == {}
        assert tree(tmp_path / "one") == WHOLE


def move_to(node: SimNode, torrent: Torrent, folder: Path) -> None:
    view = node.control.find(torrent.record.id)
    assert view is not None
    node.network.result(node.control.set_location(view, str(folder), move=True))


async def refuse() -> None:
    raise StorageError("no")


def test_a_move_to_the_same_place_is_left_alone(
    network: MemoryNetwork, node: SimNode, torrent: Torrent, tmp_path: Path
) -> None:
    """Of the torrent that is here again."""
    name = f"{FOLDER}{torrent.info_hashes.hash_string}"
    doomed = DoomedFiles(str(tmp_path / "two"), ((name, "0"), (name, "new")))
    node.removals.rows[7] = RemovalRow(7, doomed)
    view = node.control.find(torrent.record.id)
    assert view is not None
    network.result(node.control.set_location(view, str(tmp_path / "two"), move=True))
    network.run_until((tmp_path / "two" / name / "0").exists)
    network.result(node.session.removals.resume())
    assert node.removals.rows == {}
    network.run_until(lambda: view.move is None)
    assert tree(tmp_path / "two") == WHOLE


def test_nothing_is_removed_outside_of_the_folder(network: MemoryNetwork, tmp_path: Path) -> None:
    """What a folder became a link to is not ours."""
    put_files(tmp_path / "elsewhere")
    tmp_path.joinpath("one").mkdir()
    tmp_path.joinpath("one/folder").symlink_to(tmp_path / "elsewhere/folder")
    node = disk_node(network, tmp_path)
    node.removals.rows[1] = RemovalRow(1, DoomedFiles(str(tmp_path / "one"), DOOMED))
    network.result(node.session.removals.resume())
    network.run(1)
    assert node.removals.rows == {}
    assert tree(tmp_path / "elsewhere") == WHOLE
