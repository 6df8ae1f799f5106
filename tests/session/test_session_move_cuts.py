"""Moves that are killed, wherever that is: they go on, and no byte is lost."""

from __future__ import annotations

import random
import shutil
import tempfile
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.internet.task import Clock

from p2pd.session.torrents.torrent import Torrent
from p2pd.testing import MemoryNetwork, MemoryStore, SimNode, make_torrent
from tests.session.cut_off import Cut, CutJournal, KilledError
from tests.session.three_files import have
from tests.session.two_disks import disk_node, tree

TARGETS = ("one/deeper", "two")
PIECE = 16 * 1024
FILES = {
    "a.bin": random.Random(1).randbytes(2 * PIECE),
    "deep/b.bin": random.Random(2).randbytes(3 * PIECE),
    "deep/er/empty": b"",
    "z.bin": random.Random(3).randbytes(5),
}
TORRENT = make_torrent(FILES, piece_length=PIECE)
MOST_CALLS = 70
"""More than a move takes."""
WHOLE = {f"folder/{name}": data for name, data in FILES.items()}


class Life:
    """What outlives the process: the folders and the database."""

    def __init__(self, base: Path) -> None:
        self.base = base
        self.store = MemoryStore()
        self.journal = CutJournal(self.store)
        self.network = MemoryNetwork(Clock())

    def start(self) -> tuple[SimNode, Torrent | None]:
        """A process, with the torrent if there is one."""
        self.network = MemoryNetwork(Clock())
        node = disk_node(self.network, self.base, store=self.store, journal=self.journal)
        torrents = list(node.session.torrents)
        return node, torrents[0] if torrents else None

    def begin(self, target: str, *, without: str | None) -> None:
        """A torrent whose move is in the journal, and nothing more; a file may be absent."""
        for name, data in FILES.items():
            path = self.base / "one/folder" / name
            path.parent.mkdir(parents=True, exist_ok=True)
            if name != without:
                path.write_bytes(data)
        node, _ = self.start()
        torrent = node.add(TORRENT, paused=True)
        self.network.run_until(lambda: not torrent.is_being_opened)
        view = node.control.find(torrent.record.id)
        assert view is not None
        asked = node.control.set_location(view, str(self.base / target), move=True)
        self.network.result(asked)

    def run(self, cut: Cut) -> Torrent | None:
        """A process, until the move is over, or until it is killed."""
        self.journal.cut = cut
        with cut.in_force(), suppress(KilledError):
            node, torrent = self.start()
            assert torrent is not None
            moves = node.session.moves
            self.network.run_until(lambda: cut.dead or moves.of(torrent) is None)
        return None if cut.dead else torrent


def check_nothing_is_lost(base: Path, target: str, wanted: dict[str, bytes]) -> None:
    """At every moment all of it is at one of the places, under its names."""
    places = [tree(base / "one"), tree(base / target)]
    assert any(wanted.items() <= place.items() for place in places)


def moved_with_cuts(target: str, cuts: list[int], *, without: str | None = None) -> int:
    """Kill at each of these calls, then let it end; how many calls a whole move takes."""
    base = Path(tempfile.mkdtemp(prefix="p2pd-move-"))
    wanted = {path: data for path, data in WHOLE.items() if path != f"folder/{without}"}
    try:
        life = Life(base)
        life.begin(target, without=without)
        for at in cuts:
            life.run(Cut(at))
            check_nothing_is_lost(base, target, wanted)
        last = Cut(1 << 30)
        torrent = life.run(last)
        assert torrent is not None
        assert tree(base) == {f"{target}/{path}": data for path, data in wanted.items()}
        assert sorted(path.name for path in (base / target).iterdir()) == ["folder"]
        assert not (base / "one/folder").exists()
        assert life.journal.rows == {}
        assert life.store.rows[torrent.record.id].download_dir == str(base / target)
        life.network.run_until(lambda: torrent.content and not torrent.is_being_opened)
        assert have(torrent).count == {None: 6, "a.bin": 4, "z.bin": 5}[without]
        return last.count
    finally:
        shutil.rmtree(base)


@pytest.mark.parametrize("target", TARGETS)
def test_without_a_kill(target: str) -> None:
    assert 20 < moved_with_cuts(target, []) < MOST_CALLS


@pytest.mark.parametrize("target", TARGETS)
@settings(max_examples=25, deadline=None)
@given(at=st.integers(0, MOST_CALLS))
def test_one_kill(target: str, at: int) -> None:
    moved_with_cuts(target, [at])


@pytest.mark.parametrize("target", TARGETS)
@settings(max_examples=10, deadline=None)
@given(
    cuts=st.lists(st.integers(0, MOST_CALLS), min_size=2, max_size=4),
    without=st.sampled_from([None, "a.bin", "z.bin"]),
)
def test_many_kills(target: str, cuts: list[int], without: str | None) -> None:
    moved_with_cuts(target, cuts, without=without)
