"""Python's search for garbage: what is set apart, and when everything is searched again."""

from __future__ import annotations

import gc
import itertools
import weakref
from typing import Any

import pytest
from twisted.internet.task import Clock

from p2pd.service.garbage import (
    LOOK_SECONDS,
    MANY_APART,
    MANY_LEFT,
    MANY_REMOVED,
    TOO_LONG,
    Garbage,
)


class Collector:
    """Stands in for the module gc."""

    def __init__(self) -> None:
        self.done: list[str] = []
        self.callbacks: list[Any] = []
        self.left = MANY_LEFT
        self.apart = 0

    def get_objects(self, *, generation: int) -> list[int]:
        assert generation == 2  # where those are that survived
        return [0] * self.left

    def get_freeze_count(self) -> int:
        return self.apart

    def __getattr__(self, name: str) -> Any:
        return lambda: self.done.append(name)


class Bench:
    """Garbage with a collector, a clock and torrents that are removed."""

    def __init__(self) -> None:
        self.clock, self.collector, self.removed = Clock(), Collector(), 0
        self.garbage = Garbage(
            self.clock,
            lambda since: self.removed,
            collector=self.collector,
            now=self.clock.seconds,
            wall=self.clock.seconds,
        )

    def search(self, generation: int, seconds: float) -> None:
        (notice,) = self.collector.callbacks
        notice("start", {"generation": generation})
        self.clock.advance(seconds)
        notice("stop", {"generation": generation})


@pytest.fixture
def bench() -> Bench:
    made = Bench()
    made.garbage.hold()
    made.garbage.start()
    return made


def test_the_start_is_not_searched_and_then_set_apart(bench: Bench) -> None:
    assert bench.collector.done == ["disable", "unfreeze", "collect", "freeze", "enable"]


def test_what_survives_a_long_search_is_set_apart(bench: Bench) -> None:
    bench.collector.done.clear()
    bench.search(2, TOO_LONG / 2)
    bench.search(1, 2 * TOO_LONG)
    assert bench.collector.done == []
    bench.search(2, 2 * TOO_LONG)
    assert bench.collector.done == ["freeze"]


def test_what_is_few_is_found_again_however_long_a_search_took(bench: Bench) -> None:
    bench.collector.done.clear()
    bench.collector.left = MANY_LEFT - 1
    bench.search(2, 10 * TOO_LONG)
    assert bench.collector.done == []


class Cycle:
    """As a torrent, or a peer."""

    def __init__(self) -> None:
        self.itself = self


def test_what_is_in_use_during_a_slow_search_is_found_when_it_is_garbage() -> None:
    seconds = itertools.count()  # whatever is done takes one
    garbage = Garbage(Clock(), lambda since: 0, now=lambda: float(next(seconds)))
    garbage.start()
    try:
        in_use = Cycle()
        gc.collect()
        found = weakref.ref(in_use)
        del in_use
        gc.collect()
        assert found() is None
    finally:
        garbage.stop()
        gc.unfreeze()


def test_when_much_was_set_apart_everything_is_searched_once(bench: Bench) -> None:
    bench.collector.apart = 7 * MANY_APART
    bench.removed = MANY_REMOVED
    bench.clock.advance(LOOK_SECONDS)
    bench.collector.done.clear()
    bench.removed = 0
    bench.collector.apart += MANY_APART - 1
    bench.clock.advance(LOOK_SECONDS)
    assert bench.collector.done == []
    bench.collector.apart += 1
    bench.clock.advance(LOOK_SECONDS)
    assert bench.collector.done == ["unfreeze", "collect", "freeze"]
    bench.collector.done.clear()
    bench.clock.advance(LOOK_SECONDS)
    assert bench.collector.done == []


def test_after_many_removals_everything_is_searched(bench: Bench) -> None:
    bench.collector.done.clear()
    bench.removed = MANY_REMOVED - 1
    bench.clock.advance(LOOK_SECONDS)
    assert bench.collector.done == []
    bench.removed = MANY_REMOVED
    bench.clock.advance(LOOK_SECONDS)
    assert bench.collector.done == ["unfreeze", "collect", "freeze"]


def test_a_stop_leaves_everything_to_python(bench: Bench) -> None:
    bench.garbage.stop()
    assert bench.collector.done[-1] == "enable"
    assert not bench.collector.callbacks
    assert not bench.clock.getDelayedCalls()


def test_a_stop_before_the_start_was_over() -> None:
    bench = Bench()
    bench.garbage.hold()
    bench.garbage.stop()
    assert bench.collector.done == ["disable", "enable"]
