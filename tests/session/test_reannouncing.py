"""Many torrents that are to announce anew do so over some minutes."""

from __future__ import annotations

import random
from collections import Counter
from types import SimpleNamespace
from typing import Any

import pytest
from twisted.internet.task import Clock

from p2pd.session.reannouncing import LONGEST_SECONDS, PER_STEP, STEP_SECONDS, Reannouncing


class Bench:
    """Torrents, and which of them announced when."""

    def __init__(self, count: int) -> None:
        self.clock = Clock()
        self.announced: list[tuple[int, float]] = []
        self.torrents: list[Any] = [self._torrent(number) for number in range(count)]
        self.reannouncing = Reannouncing(self.clock, random.Random(1))

    def _torrent(self, number: int) -> Any:
        def reannounce() -> None:
            self.announced.append((number, self.clock.seconds()))

        trackers = SimpleNamespace(reannounce=reannounce)
        return _Torrent(running=True, trackers=trackers)

    def run(self, seconds: float) -> None:
        end = self.clock.seconds() + seconds
        while (calls := self.clock.getDelayedCalls()) and calls[0].getTime() <= end:
            self.clock.advance(max(calls[0].getTime() - self.clock.seconds(), 0.0))
        self.clock.advance(end - self.clock.seconds())

    @property
    def counts(self) -> Counter[int]:
        return Counter(number for number, _ in self.announced)


class _Torrent(SimpleNamespace):
    __hash__ = object.__hash__  # type: ignore[assignment]
    __eq__ = object.__eq__


def test_a_few_announce_in_a_moment_but_not_at_once() -> None:
    bench = Bench(5)
    bench.reannouncing.begin(bench.torrents)
    assert bench.announced == []
    bench.run(1.5 * STEP_SECONDS)
    assert sorted(bench.counts) == list(range(5))
    assert bench.clock.getDelayedCalls() == []


@pytest.mark.parametrize("count", [100, 3000, 20_000])
def test_thousands_are_spread_in_another_order_and_each_is_there_once(count: int) -> None:
    bench = Bench(count)
    bench.reannouncing.begin(bench.torrents)
    assert len(bench.clock.getDelayedCalls()) == 1
    bench.run(1.2 * LONGEST_SECONDS)
    assert bench.counts == Counter(range(count))
    assert [number for number, _ in bench.announced] != list(range(count))
    at_once = Counter(moment for _, moment in bench.announced).most_common(1)[0][1]
    assert at_once == max(PER_STEP, -(-count // int(LONGEST_SECONDS / STEP_SECONDS)))
    assert len(bench.reannouncing) == 0


def test_who_stopped_meanwhile_does_not_announce() -> None:
    bench = Bench(2)
    bench.reannouncing.begin(bench.torrents)
    bench.torrents[0].running = False
    bench.run(10.0)
    assert bench.counts == {1: 1}


def test_a_change_on_top_of_another_has_all_announce_after_it_and_nobody_twice_for_it() -> None:
    bench = Bench(100)
    bench.reannouncing.begin(bench.torrents[:60])
    bench.run(2.0)
    before = len(bench.announced)
    assert 0 < before < 60
    bench.reannouncing.begin(bench.torrents)
    assert len(bench.clock.getDelayedCalls()) == 1
    assert len(bench.reannouncing) == 100
    bench.run(60.0)
    assert len(bench.announced) == before + 100
    assert Counter(number for number, _ in bench.announced[before:]) == Counter(range(100))


def test_at_the_end_nobody_announces() -> None:
    bench = Bench(100)
    bench.reannouncing.begin(bench.torrents)
    bench.reannouncing.close()
    bench.run(60.0)
    assert bench.announced == []
    bench.reannouncing.begin([])
    assert bench.clock.getDelayedCalls() == []
