"""How much is read at a time from a peer under a download limit, and when it is not read from."""

from __future__ import annotations

from typing import Any, Sequence, cast

from p2pd.session.peers.metered_reads import LEAST_READ, MESSAGES_READ, MOST_READ, MeteredReads
from p2pd.swarm.bandwidth.limit_tree import LimitTree
from p2pd.swarm.bandwidth.meter import Meter


class FakeDownload:
    outstanding = 10


class FakePeer:
    def __init__(self) -> None:
        self.closed = False
        self.download: Any = FakeDownload()
        self.now = 0.0

    def seconds(self) -> float:
        return self.now


class FakeLanding:
    """Knows the places of the next bytes when it has some."""

    def __init__(self) -> None:
        self.places: list[memoryview] = []
        self.landed: list[int] = []

    def buffers(self) -> Sequence[memoryview]:
        return self.places

    def filled(self, size: int) -> None:
        self.landed.append(size)


class Reading:
    """One peer's reads under a limit, and what its inbox was told."""

    def __init__(self, rate: float) -> None:
        self.peer = FakePeer()
        self.landing = FakeLanding()
        self.received: list[bytes] = []
        self.held = False
        self.tree = LimitTree(least_burst=0.0, wake=lambda due: None)
        self.tree.set_rate("it", rate, 0.0)
        self.reads = MeteredReads(self.peer, self, cast(Any, self.landing))
        self.reads.meter = Meter(self.tree, self.tree.chain(["it"]), self.reads.resume)

    def stream_received(self, data: memoryview) -> None:
        self.received.append(bytes(data))

    def hold_for_limit(self) -> None:
        self.held = True

    def limit_allows(self) -> None:
        self.held = False

    @property
    def level(self) -> float:
        return self.tree.chain(["it"])[0].level

    def read(self, most: int = 1 << 20) -> int:
        """A read of as much as is allowed, and no more than there is."""
        places = self.reads.buffers()
        size = min(most, sum(map(len, places)))
        for place in places:
            place[:] = b"x" * len(place)
        self.reads.filled(size)
        return size

    def wait(self, seconds: float) -> None:
        self.peer.now += seconds
        self.tree.run(self.peer.now)


def test_reads_are_no_greater_than_the_limit_allows() -> None:
    it = Reading(1_000_000)
    it.peer.now = 0.1
    total = 0
    while not it.held:
        total += it.read()
    assert total <= 100_000
    assert total == sum(map(len, it.received))
    for _ in range(100):
        it.wait(0.01)
        while not it.held:
            total += it.read()
    assert 0.95 * 1_100_000 <= total <= 1_100_000 + LEAST_READ


def test_a_read_at_the_wrong_moment_is_short_and_counted() -> None:
    it = Reading(1_000)
    assert it.read() == LEAST_READ
    assert it.held
    assert it.level == -LEAST_READ


def test_messages_do_not_wait_but_count() -> None:
    it = Reading(1_000)
    it.peer.download.outstanding = 0
    assert it.read() == MESSAGES_READ
    assert not it.held
    assert it.level < 0


def test_under_a_limit_of_nothing_nothing_is_held() -> None:
    it = Reading(0.0)
    assert it.read(100) == 100
    assert not it.held


def test_places_in_the_pieces_are_used_as_far_as_allowed() -> None:
    it = Reading(100_000_000)
    it.peer.now = 10.0
    while it.read() < MOST_READ:
        assert not it.held
    before = len(it.received)
    piece = bytearray(300_000)
    it.landing.places = [memoryview(piece)[:13], memoryview(piece)[13:]]
    size = it.read()
    assert 0 < size <= MOST_READ
    assert it.landing.landed == [size]
    assert len(it.received) == before
    assert piece.count(b"x") == size


def test_what_is_taken_and_not_used_goes_back() -> None:
    it = Reading(10_000_000)
    it.peer.now = 1.0
    it.read(10)
    assert it.level < it.tree.chain(["it"])[0].burst - 10
    it.reads.tick()
    it.reads.tick()
    assert it.level >= it.tree.chain(["it"])[0].burst - 10
    it.read(10)
    it.reads.close()
    assert it.level >= it.tree.chain(["it"])[0].burst - 20


def test_a_peer_that_closed_is_not_held() -> None:
    it = Reading(100_000)
    it.peer.now = 0.1
    it.peer.closed = True
    it.read()
    assert not it.held
