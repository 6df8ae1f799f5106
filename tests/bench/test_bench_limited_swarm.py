"""The swarm of limited nodes: who dials whom, when each is complete, and limits that must hold."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from types import SimpleNamespace

import pytest

from bench.case import Case, Outcome
from bench.content import Torrent
from bench.engines.engine import Engine, Status
from bench.engines.libtorrent import Libtorrent
from bench.engines.p2pd import P2pd, limited
from bench.errors import BenchError
from bench.options import Options
from bench.suite import room_needed
from bench.targets import judge_all
from bench.workbench import Workbench
from bench.works import limited_swarm
from bench.works.limited_swarm import (
    FIGURES,
    LARGEST,
    LEECHERS,
    UPLOAD,
    WORK,
    LimitedSwarm,
    check_limits,
    completion,
)
from p2pd.service.config import PeersSection
from p2pd.swarm.bandwidth.wire_cost import wire_cost

TORRENT = Torrent(Path("x.torrent"), "00" * 20, Path("x"), LARGEST, 1 << 18, "")


class FakeTime:
    """A clock that sleeping moves on."""

    def __init__(self) -> None:
        self.now = 100.0

    def monotonic(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds


class FakeNode(Engine):
    """Complete `seconds` after the clock's start; hears of dialling what `deaf` lets it."""

    name = "fake"

    def __init__(self, clock: FakeTime, seconds: float, folder: Path, *, deaf: int = 0) -> None:
        super().__init__(folder)
        self._clock, self._began, self._seconds = clock, clock.now, seconds
        self._deaf = deaf
        self.peers = 0
        self.dialled: list[int] = []

    @classmethod
    def missing(cls) -> str | None:
        return None

    def start(self) -> None:
        raise AssertionError

    def add(self, torrent: Torrent, folder: Path) -> None:
        raise AssertionError

    def connect(self, torrent: Torrent, others: Sequence[Engine]) -> None:
        self.dialled.append(len(others))
        if len(self.dialled) > self._deaf:
            self.peers = 2

    def status(self, torrent: Torrent) -> Status:
        progress = min(1.0, (self._clock.now - self._began) / self._seconds)
        return Status(progress, progress == 1.0, False, self.peers)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> FakeTime:
    made = FakeTime()
    fake = SimpleNamespace(monotonic=made.monotonic, sleep=made.sleep)
    monkeypatch.setattr(limited_swarm, "time", fake)
    return made


def test_each_leecher_has_its_own_time(clock: FakeTime, tmp_path: Path) -> None:
    nodes = [FakeNode(clock, seconds, tmp_path) for seconds in (1e-9, 20.0, 22.0)]
    times = LimitedSwarm(TORRENT, nodes, 60.0)._follow()
    assert times == [pytest.approx(20.0, abs=0.06), pytest.approx(22.0, abs=0.06)]


def test_a_swarm_that_takes_too_long_is_a_failure(clock: FakeTime, tmp_path: Path) -> None:
    nodes = [FakeNode(clock, seconds, tmp_path) for seconds in (1e-9, 20.0, 1e6)]
    with pytest.raises(BenchError, match="1 were not done within 60 s"):
        LimitedSwarm(TORRENT, nodes, 60.0)._follow()


def test_everyone_dials_those_before_once_and_again_only_who_lacks_some(
    clock: FakeTime, tmp_path: Path
) -> None:
    seed, first = (FakeNode(clock, seconds, tmp_path) for seconds in (1e-9, 9.0))
    second = FakeNode(clock, 9.0, tmp_path, deaf=2)
    LimitedSwarm(TORRENT, [seed, first, second], 60.0)._follow()
    assert (seed.dialled, first.dialled, second.dialled) == ([0], [1], [2, 2, 2])


def test_times_are_told_in_multiples_of_what_the_seed_needs_to_send_it_once() -> None:
    bound = LARGEST / UPLOAD
    told = completion([bound, 2 * bound], LARGEST)
    assert told == {"mean": 1.5 * bound, "last": 2 * bound, "multiple": 1.5}


def test_limits_that_did_not_hold_are_an_error_and_no_figure() -> None:
    bound = LARGEST / UPLOAD
    check_limits([UPLOAD, 1.04 * UPLOAD, 0.0], bound, LARGEST)
    with pytest.raises(BenchError, match=r"limited to 4 MB/s sent 4\.40 MB/s"):
        check_limits([UPLOAD, 1.1 * UPLOAD], bound, LARGEST)
    with pytest.raises(BenchError, match="too soon for 4 MB/s"):
        check_limits([0.0, 0.0], 0.9 * bound, LARGEST)


def test_p2pd_is_limited_with_headers_and_has_its_own_upload_slots() -> None:
    settings = limited("127.0.0.3", 4_000_000)
    assert settings["peers.interface"] == "127.0.0.3"
    assert settings["peers.upload_slots"] == str(PeersSection().upload_slots)
    allowed = int(settings["bandwidth.upload"]) * 1000 / wire_cost("127.0.0.3")
    assert allowed == pytest.approx(4_000_000, rel=0.001)


@pytest.mark.parametrize("name", [P2pd.name, Libtorrent.name])
def test_every_node_has_an_address_to_itself(name: str, tmp_path: Path) -> None:
    bench = Workbench(Options(settings={"peers.upload_slots": "7"}), tmp_path, (name,))
    nodes = bench.limited(name, 1 + LEECHERS, tmp_path, UPLOAD)
    assert {node.name for node in nodes} == {name}
    assert len({node.host for node in nodes}) == len({node.folder for node in nodes}) == 9
    if isinstance(nodes[0], P2pd):
        assert "--set=peers.upload_slots=7" in nodes[0]._command(1)


def test_its_mean_is_compared_with_that_of_libtorrent() -> None:
    case = Case(WORK, "x", (P2pd.name, Libtorrent.name), FIGURES, lambda engine: {})
    for ours, met in ((17.0, True), (18.1, False)):
        samples = {P2pd.name: [{"mean": ours}], Libtorrent.name: [{"mean": 18.0}]}
        assert [verdict.met for verdict in judge_all([Outcome(case, samples)])] == [met]


def test_room_is_asked_for_all_its_copies() -> None:
    size = 1 << 20
    assert room_needed(size, (WORK,)) >= room_needed(size, ("leech",)) + LEECHERS * LARGEST
