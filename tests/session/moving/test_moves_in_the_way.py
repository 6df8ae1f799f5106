"""What gets in the way of moves: disks that fail, are full or slow, and other files."""

from __future__ import annotations

import errno
import os
from pathlib import Path
from typing import Any

import pytest

from p2pd.base.errors import P2pdError, StateError
from p2pd.session.api import TorrentStatus
from p2pd.state.moves import BEGUN, COPYING, PLACING
from p2pd.testing import MemoryNetwork, SimNode
from tests.session.moving.mover import Mover
from tests.session.three_files import have
from tests.session.two_disks import (
    WHOLE,
    tree,
)


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
