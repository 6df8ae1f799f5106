"""Data that was moved by other means is found; and what moves go by."""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import Any

import pytest

from p2pd.base.errors import P2pdError
from p2pd.session.moving.move_line import MoveLine
from p2pd.session.moving.moves import settled
from p2pd.state.moves import BEGUN, CLEARING, COPYING, PLACING, MoveRow
from p2pd.state.records import TorrentRecord
from p2pd.testing import MemoryNetwork, SimNode
from tests.session.moving.mover import Mover
from tests.session.three_files import have
from tests.session.two_disks import (
    WHOLE,
    put_files,
    restarted_node,
    tree,
)


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
