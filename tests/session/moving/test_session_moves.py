"""Torrents that are moved: on one disk and from one to another, whole and in the middle."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest
from twisted.internet.defer import Deferred

from p2pd.session.session_events import EventKind, TorrentEvent
from p2pd.state.moves import COPYING, PLACING, MoveRow
from p2pd.storage.new_place import FOLDER
from p2pd.testing import MemoryNetwork, SimNode, make_torrent
from tests.session.moving.mover import Mover
from tests.session.three_files import FILES, PIECE, TORRENT, have
from tests.session.two_disks import (
    WHOLE,
    disk_node,
    restarted_node,
    tree,
)


class TestMoving:
    """Where nothing is in the way."""

    @pytest.mark.parametrize("target", ["one/deeper", "two"])
    def test_a_seed(self, mover: Mover, tmp_path: Path, target: str) -> None:
        before = {path.name: path.stat() for path in (tmp_path / "one/folder").iterdir()}
        mover.ask(tmp_path / target)
        assert mover.view.move is not None
        assert mover.view.move.target == str(tmp_path / target)
        mover.to_the_end()
        mover.check_moved(tmp_path, tmp_path / target)
        assert mover.torrent.running
        assert not (tmp_path / "one/folder").exists()
        for path in (tmp_path / target / "folder").iterdir():
            assert path.stat().st_mtime_ns == before[path.name].st_mtime_ns
            assert path.stat().st_mode == before[path.name].st_mode
            same_file = path.stat().st_ino == before[path.name].st_ino
            assert same_file == (target != "two")

    def test_it_is_told_once(self, mover: Mover, network: MemoryNetwork, tmp_path: Path) -> None:
        heard: list[TorrentEvent] = []
        mover.node.control.events.listen(heard.append)
        mover.ask(tmp_path / "two")
        mover.to_the_end()
        mover.ask(tmp_path / "two")
        network.run(1.0)
        assert [event.kind for event in heard] == [EventKind.MOVED]
        assert dict(heard[0].detail) == {"from": str(tmp_path / "one"), "to": str(tmp_path / "two")}

    def test_its_stages_are_seen(self, mover: Mover, tmp_path: Path) -> None:
        mover.ask(tmp_path / "two")
        seen: dict[str, float] = {}

        def over() -> bool:
            if mover.view.move is not None:
                seen[mover.view.move.stage] = mover.view.move.progress
            return mover.view.move is None

        mover.until(over)
        assert list(seen) == ["waiting", "copying", "verifying", "finishing", "clearing"]
        assert list(seen.values()) == sorted(seen.values())
        assert 0.4 < seen["copying"] < 0.6
        assert seen["clearing"] == 1.0

    def test_peers_are_served_all_along(
        self, network: MemoryNetwork, mover: Mover, tmp_path: Path
    ) -> None:
        leecher = SimNode(network, "10.0.0.2")
        copy = leecher.add(TORRENT)
        leecher.connect(copy, mover.node.address)
        mover.ask(tmp_path / "two")
        mover.until(lambda: have(copy).is_full)
        mover.to_the_end()
        mover.check_moved(tmp_path, tmp_path / "two")
        assert not mover.torrent.error

    @pytest.mark.parametrize("preallocation", ["none", "sparse", "full"])
    @pytest.mark.parametrize("target", ["one/deeper", "two"])
    def test_a_download_goes_on(
        self,
        network: MemoryNetwork,
        seed: SimNode,
        tmp_path: Path,
        target: str,
        preallocation: str,
    ) -> None:
        node = disk_node(network, tmp_path, "10.0.0.3", preallocation=preallocation)
        torrent = node.add(TORRENT)
        node.connect(torrent, seed.address)
        network.run_until(lambda: have(torrent).count >= 5)
        mover = Mover(network, node, torrent)
        mover.ask(tmp_path / target)
        assert have(torrent).count < 30
        mover.to_the_end()
        network.run_until(lambda: have(torrent).is_full, limit=200)
        network.run(20)
        mover.check_moved(tmp_path, tmp_path / target)
        assert torrent.record.downloaded == 30 * PIECE, "nothing was fetched twice"
        assert node.session.budget.used == 0

    def test_a_stopped_torrent(self, mover: Mover, network: MemoryNetwork, tmp_path: Path) -> None:
        network.result(mover.node.control.stop(mover.view))
        mover.ask(tmp_path / "two")
        mover.to_the_end()
        mover.check_moved(tmp_path, tmp_path / "two")
        assert not mover.torrent.running

    def test_one_at_rest(
        self, network: MemoryNetwork, node: SimNode, mover: Mover, tmp_path: Path
    ) -> None:
        network.run_until(lambda: mover.torrent.resting, limit=200)
        mover.ask(tmp_path / "two")
        mover.to_the_end()
        mover.check_moved(tmp_path, tmp_path / "two")
        network.run_until(lambda: mover.torrent.resting, limit=200)
        assert node.store.rows[mover.torrent.record.id].clean
        again, torrent = restarted_node(network, node, tmp_path)
        assert torrent.resting
        mover = Mover(network, again, torrent)
        mover.ask(tmp_path / "one/back")
        mover.to_the_end()
        mover.check_moved(tmp_path, tmp_path / "one/back")

    def test_holes_stay_holes(self, network: MemoryNetwork, tmp_path: Path) -> None:
        size = 64 * PIECE
        files = {"a.bin": bytes(size - PIECE) + FILES["a.bin"][:PIECE]}
        node = disk_node(network, tmp_path)
        path = tmp_path / "one/folder/a.bin"
        path.parent.mkdir()
        with path.open("wb") as file:
            file.truncate(size - PIECE)
            file.seek(size - PIECE)
            file.write(files["a.bin"][-PIECE:])
        torrent = node.add(make_torrent(files, piece_length=PIECE))
        mover = Mover(network, node, torrent)
        mover.ask(tmp_path / "two")
        mover.to_the_end()
        moved = tmp_path / "two/folder/a.bin"
        assert moved.read_bytes() == files["a.bin"]
        assert moved.stat().st_blocks * 512 < size // 2

    def test_a_magnet_without_metadata_gets_the_folder(
        self, network: MemoryNetwork, node: SimNode, tmp_path: Path
    ) -> None:
        torrent = node.add("magnet:?xt=urn:btih:" + "ab" * 20)
        for move in (True, False):
            folder = tmp_path / f"two/{move}"
            Mover(network, node, torrent).ask(folder, move=move)
            assert node.store.rows[torrent.record.id].download_dir == str(folder)
            assert not folder.exists()


class TestWhatHappensMeanwhile:
    """Other things are asked of the torrent while it is moved."""

    def test_the_session_ends(
        self, network: MemoryNetwork, node: SimNode, mover: Mover, tmp_path: Path
    ) -> None:
        mover.to_the_middle(tmp_path / "two")
        node.stop()
        assert tree(tmp_path / "one") == WHOLE
        again, torrent = restarted_node(network, node, tmp_path)
        assert have(torrent).is_full
        other = Mover(network, again, torrent)
        assert other.view.move is not None
        other.to_the_end()
        other.check_moved(tmp_path, tmp_path / "two")

    def test_it_is_stopped_and_started(
        self, network: MemoryNetwork, node: SimNode, mover: Mover, tmp_path: Path
    ) -> None:
        mover.to_the_middle(tmp_path / "two")
        network.result(node.control.stop(mover.view))
        network.result(node.control.start(mover.view))
        mover.to_the_end()
        mover.check_moved(tmp_path, tmp_path / "two")
        assert mover.torrent.running

    def test_it_is_verified(
        self, network: MemoryNetwork, node: SimNode, mover: Mover, tmp_path: Path
    ) -> None:
        for share in (0.2, 0.6):
            folder = tmp_path / ("two" if share == 0.2 else "one")
            mover.ask(folder)
            mover.until(lambda at=share: mover.progress > at)
            network.result(node.control.verify(mover.view))
            mover.to_the_end()
            network.run_until(lambda: mover.torrent.running)
            mover.check_moved(tmp_path, folder)

    @pytest.mark.parametrize("delete_data", [False, True])
    def test_it_is_removed(
        self,
        network: MemoryNetwork,
        node: SimNode,
        mover: Mover,
        tmp_path: Path,
        delete_data: bool,
    ) -> None:
        mover.to_the_middle(tmp_path / "two")
        network.result(node.control.remove(mover.view, delete_data=delete_data))
        assert tree(tmp_path / "one") == ({} if delete_data else WHOLE)
        assert node.journal.rows == {}
        assert list((tmp_path / "two").iterdir()) == []
        network.run(60)
        assert list((tmp_path / "two").iterdir()) == []

    def test_it_is_removed_when_the_old_files_are_still_there(
        self, network: MemoryNetwork, node: SimNode, mover: Mover, tmp_path: Path
    ) -> None:
        mover.ask(tmp_path / "two")
        mover.until(lambda: mover.view.move and mover.view.move.stage == "clearing")
        network.result(node.control.remove(mover.view, delete_data=True))
        assert tree(tmp_path) == {}

    def test_it_is_sent_elsewhere(self, mover: Mover, tmp_path: Path) -> None:
        mover.to_the_middle(tmp_path / "two")
        mover.ask(tmp_path / "two/other")
        assert not [path for path in (tmp_path / "two").iterdir() if path.name.startswith(FOLDER)]
        mover.to_the_end()
        mover.check_moved(tmp_path, tmp_path / "two/other")

    def test_those_that_wait_may_rest(
        self, network: MemoryNetwork, node: SimNode, mover: Mover, tmp_path: Path
    ) -> None:
        (tmp_path / "one/other").mkdir()
        (tmp_path / "one/other/b.bin").write_bytes(FILES["b.bin"])
        files = {"b.bin": FILES["b.bin"]}
        torrent = node.add(make_torrent(files, name="other", piece_length=PIECE))
        other = Mover(network, node, torrent)
        node.journal.kept = False
        mover.ask(tmp_path / "two")
        other.ask(tmp_path / "two")
        network.run_until(lambda: torrent.resting, limit=200)
        assert not mover.torrent.resting
        assert other.view.move is not None
        assert other.view.move.stage == "waiting"
        node.journal.kept = True
        other.to_the_end()
        assert mover.view.move is None
        assert len(tree(tmp_path / "two")) == 4

    @pytest.mark.parametrize("stage", [COPYING, PLACING])
    def test_one_that_waits_since_a_restart_is_removed(
        self, network: MemoryNetwork, node: SimNode, mover: Mover, tmp_path: Path, stage: str
    ) -> None:
        network.run_until(lambda: mover.torrent.resting, limit=200)
        node.stop()
        staging = tmp_path / "two" / (FOLDER + mover.torrent.info_hashes.hash_string)
        staging.mkdir(parents=True)
        shutil.copy2(tmp_path / "one/folder/a.bin", staging / "0")
        if stage == PLACING:
            shutil.copytree(tmp_path / "one/folder", tmp_path / "two/folder")
        row = MoveRow(mover.view.id, str(tmp_path / "one"), str(tmp_path / "two"), stage)
        node.journal.rows[mover.view.id] = row
        network.listeners.pop(node.address, None)
        again = disk_node(network, tmp_path, store=node.store, journal=node.journal, seed=2)
        view = again.control.find(mover.view.id)
        assert view is not None
        network.result(again.control.remove(view, delete_data=False))
        assert tree(tmp_path / "one") == WHOLE
        assert not staging.exists()

    def test_the_same_again_is_one_move(self, mover: Mover, tmp_path: Path) -> None:
        mover.to_the_middle(tmp_path / "two")
        mover.ask(tmp_path / "two")
        assert mover.progress > 0.2
        mover.to_the_end()
        mover.check_moved(tmp_path, tmp_path / "two")

    def test_to_where_it_is_ends_it(
        self, network: MemoryNetwork, mover: Mover, tmp_path: Path
    ) -> None:
        mover.to_the_middle(tmp_path / "two")
        mover.ask(tmp_path / "one")
        assert mover.view.move is None
        network.run(30)
        mover.check_moved(tmp_path, tmp_path / "one")
        assert list((tmp_path / "two").iterdir()) == []
        assert mover.torrent.running

    def test_one_at_a_time_between_two_disks(
        self, network: MemoryNetwork, node: SimNode, mover: Mover, tmp_path: Path
    ) -> None:
        other_files = {"b.bin": FILES["b.bin"]}
        (tmp_path / "one/other").mkdir()
        (tmp_path / "one/other/b.bin").write_bytes(FILES["b.bin"])
        other = Mover(
            network, node, node.add(make_torrent(other_files, name="other", piece_length=PIECE))
        )
        mover.ask(tmp_path / "two")
        other.ask(tmp_path / "two/other")
        mover.until(lambda: mover.progress > 0.5)
        assert other.progress == 0
        assert other.view.move is not None
        assert other.view.move.stage == "waiting"
        assert node.session.moves.counts() == (1, 1)
        other.to_the_end()
        assert mover.view.move is None
        assert len(tree(tmp_path / "two")) == 4

    @pytest.mark.parametrize("rested", [False, True])
    def test_files_of_another_torrent_stay_where_they_are(
        self, network: MemoryNetwork, node: SimNode, mover: Mover, tmp_path: Path, rested: bool
    ) -> None:
        shared = {name: FILES[name] for name in ("a.bin", "b.bin")}
        other = Mover(network, node, node.add(make_torrent(shared, piece_length=PIECE)))
        assert have(other.torrent).is_full
        network.run(70 if rested else 0)
        assert other.torrent.resting is mover.torrent.resting is rested
        mover.ask(tmp_path / "two")
        mover.to_the_end()
        assert tree(tmp_path / "two") == WHOLE
        assert tree(tmp_path / "one") == {f"folder/{name}": data for name, data in shared.items()}
        network.result(other.torrent.verify())
        assert have(other.torrent).is_full

    def test_it_is_removed_while_the_disks_are_asked(
        self, network: MemoryNetwork, node: SimNode, mover: Mover, tmp_path: Path
    ) -> None:
        refused: list[Any] = []
        asked = node.control.set_location(mover.view, str(tmp_path / "two"), move=True)
        Deferred.fromCoroutine(asked).addErrback(refused.append)
        network.result(node.control.remove(mover.view, delete_data=False))
        network.run(5)
        assert tree(tmp_path) == {f"one/{path}": data for path, data in WHOLE.items()}
        assert "removed" in str(refused[0].value)
        assert node.journal.rows == {}
