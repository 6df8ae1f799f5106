"""Torrents that are moved: on one disk and from one to another, whole and in the middle."""

from __future__ import annotations

import errno
import os
import shutil
from pathlib import Path
from typing import Any

import pytest
from twisted.internet.defer import Deferred

from p2pd.base.errors import P2pdError, StateError
from p2pd.session.api import TorrentStatus
from p2pd.session.moving.move_line import MoveLine
from p2pd.session.moving.moves import settled
from p2pd.session.session_events import EventKind, TorrentEvent
from p2pd.session.torrents.torrent import Torrent
from p2pd.state.moves import BEGUN, CLEARING, COPYING, PLACING, MoveRow
from p2pd.state.records import TorrentRecord
from p2pd.storage.new_place import FOLDER
from p2pd.testing import MemoryNetwork, SimNode, make_torrent
from tests.session.three_files import FILES, PIECE, TORRENT, have
from tests.session.two_disks import (
    WHOLE,
    disk_node,
    put_files,
    restarted_node,
    seeding,
    tree,
)


@pytest.fixture(autouse=True)
def short_steps(monkeypatch: pytest.MonkeyPatch) -> None:
    """A piece is a step, so that there is a middle."""
    monkeypatch.setattr("p2pd.session.moving.move_copying.STEP_BYTES", PIECE)


@pytest.fixture
def node(network: MemoryNetwork, tmp_path: Path) -> SimNode:
    """On two disks."""
    return disk_node(network, tmp_path)


@pytest.fixture
def torrent(network: MemoryNetwork, node: SimNode, tmp_path: Path) -> Torrent:
    """Complete, and seeding from the first disk."""
    return seeding(network, node, tmp_path / "one")


class Mover:
    """Asks for moves of one torrent, and waits."""

    def __init__(self, network: MemoryNetwork, node: SimNode, torrent: Torrent) -> None:
        self.network, self.node, self.torrent = network, node, torrent
        found = node.control.find(torrent.record.id)
        assert found is not None
        self.view = found

    def ask(self, folder: Path, *, move: bool = True) -> None:
        self.network.result(self.node.control.set_location(self.view, str(folder), move=move))

    def to_the_middle(self, folder: Path) -> None:
        """Ask, and wait until some of it is copied."""
        self.ask(folder)
        self.until(lambda: 0.2 < self.progress < 0.4)

    @property
    def progress(self) -> float:
        return self.view.move.progress if self.view.move else -1.0

    @property
    def trouble(self) -> str:
        return self.view.move.trouble if self.view.move else ""

    def until(self, condition: Any) -> None:
        self.network.run_until(condition, limit=120)

    def to_the_end(self) -> None:
        self.until(lambda: self.view.move is None)

    def check_moved(self, base: Path, folder: Path) -> None:
        """All of it is there, and nothing anywhere else."""
        assert tree(folder) == WHOLE
        assert len(tree(base)) == len(WHOLE)
        assert os.listdir(folder) == ["folder"]
        assert self.torrent.record.download_dir == str(folder)
        assert self.node.store.rows[self.torrent.record.id].download_dir == str(folder)
        assert self.node.journal.rows == {}
        assert have(self.torrent).is_full


@pytest.fixture
def mover(network: MemoryNetwork, node: SimNode, torrent: Torrent) -> Mover:
    return Mover(network, node, torrent)


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


class TestWhatIsInTheWay:
    """Refusals before, troubles in the middle."""

    def test_an_old_volume_that_never_comes_back_can_be_given_up(
        self,
        mover: Mover,
        node: SimNode,
        tmp_path: Path,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        def read_only(*args: Any, **kwargs: Any) -> None:
            raise OSError(errno.EROFS, "Read-only file system")

        mover.ask(tmp_path / "two")
        mover.until(lambda: mover.view.move and mover.view.move.stage == "finishing")
        with monkeypatch.context() as meanwhile:
            mover.until(lambda: mover.view.move and mover.view.move.stage == "clearing")
            meanwhile.setattr(os, "unlink", read_only)
            mover.until(lambda: "Read-only" in mover.trouble)
            mover.ask(tmp_path / "two")
        assert mover.view.move is None
        assert node.journal.rows == {}
        assert tree(tmp_path / "two") == WHOLE
        assert tree(tmp_path / "one")

    def test_a_bug_is_waited_for_like_anything_else(
        self, mover: Mover, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def broken(*args: Any) -> None:
            raise ZeroDivisionError("oh")

        with monkeypatch.context() as meanwhile:
            meanwhile.setattr("p2pd.storage.new_place.NewPlace.finish", broken)
            mover.ask(tmp_path / "two")
            mover.until(lambda: "internal error: ZeroDivisionError" in mover.trouble)
        mover.to_the_end()
        mover.check_moved(tmp_path, tmp_path / "two")

    @pytest.mark.parametrize("name", ["folder", "folder/b.bin"])
    def test_a_name_that_is_taken(self, mover: Mover, tmp_path: Path, name: str) -> None:
        taken = tmp_path / "two" / name
        taken.parent.mkdir(parents=True)
        taken.write_text("mine")
        with pytest.raises(P2pdError, match=r"folder|is there already"):
            mover.ask(tmp_path / "two")
        assert tree(tmp_path / "two") == {name: b"mine"}
        assert tree(tmp_path / "one") == WHOLE
        assert mover.view.move is None
        assert mover.node.journal.rows == {}

    def test_a_link_at_the_new_place(self, mover: Mover, tmp_path: Path) -> None:
        (tmp_path / "two").mkdir()
        (tmp_path / "away").mkdir()
        (tmp_path / "two/folder").symlink_to(tmp_path / "away")
        with pytest.raises(P2pdError, match="symbolic link"):
            mover.ask(tmp_path / "two")
        assert list((tmp_path / "away").iterdir()) == []

    def test_another_name_of_where_it_is(
        self, network: MemoryNetwork, mover: Mover, tmp_path: Path
    ) -> None:
        (tmp_path / "alias").symlink_to(tmp_path / "one")
        mover.ask(tmp_path / "alias")
        network.run_until(lambda: mover.torrent.running)
        assert tree(tmp_path / "one") == WHOLE
        assert mover.torrent.record.download_dir == str(tmp_path / "alias")
        assert have(mover.torrent).is_full

    def test_a_path_that_is_not_absolute(self, mover: Mover) -> None:
        for folder in ("two", "", "/a\0b"):
            asked = mover.node.control.set_location(mover.view, folder, move=True)
            with pytest.raises(P2pdError, match="not absolute"):
                mover.network.result(asked)

    def test_no_room(self, mover: Mover, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(
            os, "statvfs", lambda path: type("Room", (), {"f_bavail": 1, "f_frsize": 512})
        )
        with pytest.raises(P2pdError, match="983040 bytes are to be copied"):
            mover.ask(tmp_path / "two")
        assert not (tmp_path / "two").exists()

    def test_a_disk_that_gets_full(
        self, mover: Mover, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        mover.to_the_middle(tmp_path / "two")

        def full(*args: Any) -> int:
            raise OSError(errno.ENOSPC, "No space left on device")

        with monkeypatch.context() as meanwhile:
            meanwhile.setattr(os, "pwrite", full)
            mover.until(lambda: "No space left" in mover.trouble)
            assert mover.torrent.running
            assert mover.view.status == TorrentStatus.SEEDING
            assert tree(tmp_path / "one") == WHOLE
        mover.to_the_end()
        mover.check_moved(tmp_path, tmp_path / "two")

    def test_the_new_volume_goes_away(self, mover: Mover, tmp_path: Path) -> None:
        mover.to_the_middle(tmp_path / "two")
        (tmp_path / "two").rename(tmp_path / "pulled")
        (tmp_path / "two").mkdir()
        mover.until(lambda: "is its volume mounted?" in mover.trouble)
        assert list((tmp_path / "two").iterdir()) == []
        (tmp_path / "two").rmdir()
        (tmp_path / "pulled").rename(tmp_path / "two")
        mover.to_the_end()
        mover.check_moved(tmp_path, tmp_path / "two")

    def test_the_old_volume_goes_away(
        self, network: MemoryNetwork, node: SimNode, mover: Mover, tmp_path: Path
    ) -> None:
        mover.to_the_middle(tmp_path / "two")
        (tmp_path / "one/folder").rename(tmp_path / "one/pulled")
        mover.until(lambda: "No such file" in mover.trouble or "not there" in mover.trouble)
        (tmp_path / "one/pulled").rename(tmp_path / "one/folder")
        mover.to_the_end()
        mover.check_moved(tmp_path, tmp_path / "two")

    def test_a_piece_that_is_damaged_where_it_is(self, mover: Mover, tmp_path: Path) -> None:
        path = tmp_path / "one/folder/b.bin"
        with path.open("r+b") as file:
            file.write(b"x")
        mover.ask(tmp_path / "two")
        mover.until(lambda: "piece 10 is damaged there; verify" in mover.trouble)
        assert mover.torrent.record.download_dir == str(tmp_path / "one")
        mover.ask(tmp_path / "one")
        assert list((tmp_path / "two").iterdir()) == []

    @pytest.mark.parametrize("always", [False, True])
    def test_what_was_written_otherwise_than_it_was_read(
        self, mover: Mover, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, always: bool
    ) -> None:
        real, calls = os.pwrite, 0

        def unsure(fd: int, data: Any, offset: int) -> int:
            nonlocal calls
            calls += 1
            if always or calls == 3:
                data = bytes(len(data))
            return real(fd, data, offset)

        monkeypatch.setattr(os, "pwrite", unsure)
        mover.ask(tmp_path / "two")
        if always:
            mover.until(lambda: "do not read as they were written" in mover.trouble)
            assert tree(tmp_path / "one") == WHOLE
        else:
            mover.to_the_end()
            mover.check_moved(tmp_path, tmp_path / "two")

    @pytest.mark.parametrize("after", [None, BEGUN, COPYING, PLACING])
    def test_a_database_that_refuses(
        self, mover: Mover, node: SimNode, tmp_path: Path, after: str | None
    ) -> None:
        if after is None:
            node.store.fault = StateError("the database is away")
            with pytest.raises(StateError):
                mover.ask(tmp_path / "two")
            node.store.fault = None
            assert mover.view.move is None
        mover.ask(tmp_path / "two")
        row = node.journal.rows
        mover.until(lambda: after is None or row[mover.torrent.record.id].stage == after)
        node.store.fault = StateError("the database is away")
        mover.until(lambda: "away" in mover.trouble)
        assert mover.torrent.record.download_dir == str(tmp_path / "one")
        assert tree(tmp_path / "one") == WHOLE
        node.store.fault = None
        mover.to_the_end()
        mover.check_moved(tmp_path, tmp_path / "two")

    def test_one_that_could_not_begin_leaves_no_folder(
        self, mover: Mover, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def fail(*_: object) -> None:
            raise OSError(errno.EIO, "the disk fails")

        monkeypatch.setattr("p2pd.storage.new_place.sync_names", fail)
        mover.ask(tmp_path / "two")
        mover.until(lambda: "the disk fails" in mover.trouble)
        assert os.listdir(tmp_path / "two")
        mover.ask(tmp_path / "one")
        mover.until(lambda: mover.view.move is None)
        assert os.listdir(tmp_path / "two") == []

    def test_old_files_stay_until_what_is_beside_the_database_follows(
        self, network: MemoryNetwork, mover: Mover, node: SimNode, tmp_path: Path
    ) -> None:
        node.journal.kept = False
        mover.ask(tmp_path / "two")
        network.run(120)
        assert tree(tmp_path / "one") == tree(tmp_path / "two") == WHOLE
        with pytest.raises(P2pdError, match="still being removed"):
            mover.ask(tmp_path / "one/third")
        mover.ask(tmp_path / "two")
        node.journal.kept = True
        mover.to_the_end()
        mover.check_moved(tmp_path, tmp_path / "two")


class TestFinding:
    """It was moved by other means."""

    def found(self, network: MemoryNetwork, mover: Mover, folder: Path) -> None:
        told: list[str] = []
        mover.node.control.events.listen(lambda event: told.append(event.kind))
        mover.ask(folder, move=False)
        network.run_until(lambda: mover.torrent.running)
        assert told.count("moved") == 1
        assert have(mover.torrent).is_full
        assert mover.node.store.rows[mover.torrent.record.id].download_dir == str(folder)

    def test_files_that_were_moved_are_believed(
        self, network: MemoryNetwork, mover: Mover, node: SimNode, tmp_path: Path
    ) -> None:
        node.stop()
        again, torrent = restarted_node(network, node, tmp_path)
        (tmp_path / "one/folder").rename(tmp_path / "two-folder")
        (tmp_path / "two").mkdir()
        (tmp_path / "two-folder").rename(tmp_path / "two/folder")
        checks: list[Any] = []
        real = again.session.checks.check
        again.session.checks.check = lambda *a: checks.append(a) or real(*a)  # type: ignore
        self.found(network, Mover(network, again, torrent), tmp_path / "two")
        assert checks == []

    def test_copies_are_hashed(self, network: MemoryNetwork, mover: Mover, tmp_path: Path) -> None:
        shutil.copytree(tmp_path / "one", tmp_path / "two")
        with (tmp_path / "two/folder/b.bin").open("r+b") as file:
            file.write(b"x")
        shutil.copystat(tmp_path / "one/folder/b.bin", tmp_path / "two/folder/b.bin")
        mover.ask(tmp_path / "two", move=False)
        network.run_until(lambda: mover.torrent.running)
        assert list(have(mover.torrent).missing()) == [10]
        assert tree(tmp_path / "one") == WHOLE

    def test_a_move_under_way_is_ended(
        self, network: MemoryNetwork, mover: Mover, tmp_path: Path
    ) -> None:
        put_files(tmp_path / "two/other")
        mover.to_the_middle(tmp_path / "two")
        self.found(network, mover, tmp_path / "two/other")
        assert mover.view.move is None
        assert mover.node.journal.rows == {}
        assert os.listdir(tmp_path / "two") == ["other"]

    def test_where_nothing_is_it_stays_where_it_was(
        self, network: MemoryNetwork, mover: Mover, tmp_path: Path
    ) -> None:
        with pytest.raises(P2pdError, match="no such folder"):
            mover.ask(tmp_path / "two", move=False)
        (tmp_path / "two").mkdir()
        with pytest.raises(P2pdError, match="No such file"):
            mover.ask(tmp_path / "two", move=False)
        network.run_until(lambda: mover.torrent.running)
        assert have(mover.torrent).is_full
        assert mover.torrent.record.download_dir == str(tmp_path / "one")

    def test_missing_data_is_found_and_cannot_be_moved(
        self, network: MemoryNetwork, node: SimNode, mover: Mover, tmp_path: Path
    ) -> None:
        node.stop()
        (tmp_path / "two").mkdir()
        (tmp_path / "one/folder").rename(tmp_path / "two/folder")
        again, torrent = restarted_node(network, node, tmp_path)
        network.run_until(lambda: torrent.missing.why)
        other = Mover(network, again, torrent)
        with pytest.raises(P2pdError, match="the data is not there"):
            other.ask(tmp_path / "one/third")
        self.found(network, other, tmp_path / "two")
        assert not torrent.missing.why

    def test_during_a_check(
        self, network: MemoryNetwork, node: SimNode, mover: Mover, tmp_path: Path
    ) -> None:
        put_files(tmp_path / "two")
        network.result(node.control.verify(mover.view))
        self.found(network, mover, tmp_path / "two")


def test_a_journal_and_a_record_that_disagree() -> None:
    """One of them came from what was left of a damaged database."""
    old, new = "/old", "/new"

    def left(stage: str, folder: str) -> tuple[str | None, str]:
        record = TorrentRecord(b"1" * 20, None, "x", folder)
        row = settled(record, MoveRow(1, old, new, stage))
        return (None if row is None else row.stage), record.download_dir

    assert left(COPYING, old) == (COPYING, old)
    assert left(PLACING, old) == (PLACING, old)
    assert left(CLEARING, new) == (CLEARING, new)
    assert left(CLEARING, old) == (CLEARING, new)
    assert left(PLACING, new) == (CLEARING, new)
    assert left(COPYING, new) == (None, new)
    for stage in (BEGUN, COPYING, PLACING, CLEARING):
        assert left(stage, "/third") == (None, "/third")


def test_the_line() -> None:
    line, came = MoveLine(), []
    turns = [line.join(1, 2), line.join(2, 1), line.join(1, 3), line.join(1, 2), line.join(1, 2)]
    for number, turn in enumerate(turns):
        turn.came.addCallback(lambda _, number=number: came.append(number))
    assert came == [0, 2]
    turns[3].end()
    turns[0].end()
    turns[0].end()
    assert came == [0, 2, 1]
    turns[1].end()
    assert came == [0, 2, 1, 4]
