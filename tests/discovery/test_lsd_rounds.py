"""When torrents are announced to neighbours (BEP 14), and how often at most."""

from __future__ import annotations

from itertools import pairwise

import pytest

from p2pd.discovery.lsd import rounds as lsd
from p2pd.discovery.lsd.arrivals import AT_ONCE, HOST_AT_ONCE, HOSTS, LsdArrivals
from p2pd.discovery.lsd.rounds import GATHER, INTERVAL, Rounds
from p2pd.protocols.lsd import MOST_HASHES


class Air:
    """What was sent when."""

    def __init__(self, hashes: int = 1) -> None:
        self.rounds = Rounds[int](lambda torrent: hashes)
        self.sent: list[tuple[float, list[int]]] = []
        self.now = 0.0

    def run(self, seconds: float) -> list[tuple[float, list[int]]]:
        """Let time pass; what was sent meanwhile."""
        before, end = len(self.sent), self.now + seconds
        while (due := self.rounds.next_due(self.now)) is not None and due <= end:
            assert due >= self.now
            self.now = due
            self.sent.append((due, self.rounds.take(due)))
            assert self.sent[-1][1], "an empty datagram"
        self.now = end
        return self.sent[before:]


@pytest.fixture
def air() -> Air:
    """Nothing runs yet."""
    return Air()


def test_nobody_is_announced_where_nothing_runs(air: Air) -> None:
    assert air.rounds.next_due(0.0) is None


def test_a_torrent_is_announced_soon_and_then_every_five_minutes(air: Air) -> None:
    air.rounds.add(7, 0.0)
    times = [at for at, _ in air.run(3 * INTERVAL)]
    assert times == [GATHER, GATHER + INTERVAL, GATHER + 2 * INTERVAL]
    assert air.rounds.announced(7) == GATHER + 2 * INTERVAL
    assert air.rounds.due(7) == GATHER + 3 * INTERVAL


def test_those_that_start_together_are_in_one_datagram(air: Air) -> None:
    for number in range(MOST_HASHES):
        air.rounds.add(number, 0.0)
    assert air.run(INTERVAL) == [(GATHER, list(range(MOST_HASHES)))]


def test_those_that_are_due_soon_fill_a_datagram_that_is_sent_anyway(air: Air) -> None:
    air.rounds.add(1, 0.0)
    air.run(20)
    air.rounds.add(2, air.now)
    assert [torrents for _, torrents in air.run(INTERVAL)] == [[2], [1, 2]]
    assert len(air.run(10 * INTERVAL)) == 10


def test_a_hybrid_takes_the_room_of_two() -> None:
    air = Air(hashes=2)
    for number in range(MOST_HASHES):
        air.rounds.add(number, 0.0)
    assert [len(torrents) for _, torrents in air.run(60)] == [MOST_HASHES // 2] * 2


def test_no_more_than_one_a_second_is_sent(air: Air) -> None:
    for number in range(10_000):
        air.rounds.add(number, 0.0)
    sent = air.run(900)
    assert all(b - a >= lsd.LEAST_GAP for (a, _), (b, _) in pairwise(sent))
    announced = [torrent for _, torrents in sent for torrent in torrents]
    assert set(announced) == set(range(10_000))
    gaps = 10_000 / MOST_HASHES
    assert sorted(announced[:10_000]) == list(range(10_000)), "somebody twice before another once"
    assert len(sent) == pytest.approx(900 / max(1.0, INTERVAL / gaps), rel=0.05)


def test_a_thousand_are_spread_over_the_round(air: Air) -> None:
    for number in range(1000):
        air.rounds.add(number, 0.0)
    air.run(INTERVAL)
    sent = air.run(INTERVAL)
    later = [b - a for (a, _), (b, _) in pairwise(sent)]
    assert len(sent) == pytest.approx(1000 / MOST_HASHES, abs=3)
    assert len([gap for gap in later if gap < 0.9 * air.rounds.gap]) <= lsd.AT_ONCE
    assert max(later) <= 1.1 * air.rounds.gap


def test_with_few_torrents_there_is_one_a_minute_in_the_long_run(air: Air) -> None:
    for number in range(100):
        air.rounds.add(number, air.now)
        air.run(20)
        air.rounds.remove(number)
    assert len(air.sent) <= lsd.AT_ONCE + 100 * 20 / lsd.LONGEST_GAP + 1


def test_who_is_gone_is_not_announced(air: Air) -> None:
    air.rounds.add(1, 0.0)
    air.rounds.add(2, 0.0)
    air.rounds.remove(1)
    air.rounds.remove(1)
    assert air.run(INTERVAL) == [(GATHER, [2])]
    assert 1 not in air.rounds
    assert len(air.rounds) == 1
    air.rounds.remove(2)
    assert air.rounds.next_due(air.now) is None


def test_whose_turn_nobody_heard_was_not_announced(air: Air) -> None:
    air.rounds.add(1, 0.0)
    air.rounds.add(2, 0.0)
    air.run(10)
    air.rounds.missed([1, 9])
    assert (air.rounds.announced(1), air.rounds.announced(2)) == (None, GATHER)
    assert air.rounds.due(1) == GATHER + INTERVAL, "it waits for its next turn"
    assert air.run(INTERVAL) == [(GATHER + INTERVAL, [1, 2])]
    assert air.rounds.announced(1) == GATHER + INTERVAL
    air.rounds.missed([1, 2])
    air.rounds.everybody(air.now)
    air.rounds.remove(2)
    air.run(10)
    assert air.rounds.announced(1) is not None
    assert air.rounds.announced(2) is None


def test_in_a_new_network_everybody_is_announced_again(air: Air) -> None:
    for number in range(5):
        air.rounds.add(number, 0.0)
    air.run(60)
    air.rounds.everybody(air.now)
    ((at, torrents),) = air.run(INTERVAL)
    assert at == 60 + GATHER
    assert sorted(torrents) == list(range(5))


class TestArrivals:
    """How much of what comes is read."""

    def test_of_one_host(self) -> None:
        arrivals = LsdArrivals()
        read = [arrivals.admits("192.168.1.2", 0.0) for _ in range(100)]
        assert read.count(True) == HOST_AT_ONCE
        assert arrivals.admits("192.168.1.3", 0.0)
        assert arrivals.admits("192.168.1.2", 1.0)

    def test_of_all(self) -> None:
        arrivals = LsdArrivals()
        read = [arrivals.admits(f"10.0.{n // 250}.{n % 250}", 0.0) for n in range(1000)]
        assert read.count(True) == AT_ONCE
        assert len(arrivals._hosts) == HOSTS
