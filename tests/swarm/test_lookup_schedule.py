"""When torrents are looked up in the DHT: in order of need, bounded, spread out, none forgotten."""

from __future__ import annotations

import random

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from p2pd.swarm.lookup_schedule import (
    AT_ONCE,
    KEPT_FOR_METADATA,
    UNHEARD_SECONDS,
    LookupSchedule,
    Need,
)

COMMON = AT_ONCE - KEPT_FOR_METADATA


@pytest.fixture
def schedule() -> LookupSchedule[str]:
    """Empty."""
    return LookupSchedule(random.Random(1))


def taken(schedule: LookupSchedule[str], now: float) -> list[str]:
    """Whose turn it is at this moment."""
    some = []
    while (torrent := schedule.take(now)) is not None:
        some.append(torrent)
    return some


def wait_after(schedule: LookupSchedule[str], need: Need, now: float, *, answered: bool) -> float:
    """How long a torrent waits after a look-up that ends now."""
    assert schedule.take(now) == "one"
    schedule.over("one", need, now, answered=answered)
    due = schedule.due("one")
    assert due is not None
    return due - now


def test_a_magnet_is_looked_up_at_once_however_many_wait(schedule: LookupSchedule[str]) -> None:
    for number in range(1000):
        schedule.add(f"seed {number}", Need.BE_FOUND, 0.0)
    now = 0.0
    while schedule.running < COMMON:
        taken(schedule, now)
        now += 1.0
    assert taken(schedule, now + 100.0) == []
    schedule.add("magnet", Need.METADATA, now)
    assert taken(schedule, now) == ["magnet"]


def test_who_has_no_peers_comes_before_who_has_some(schedule: LookupSchedule[str]) -> None:
    schedule.add("seed", Need.BE_FOUND, 0.0)
    schedule.add("some", Need.MORE_PEERS, 0.0)
    schedule.add("none", Need.PEERS, 0.0)
    order = []
    for now in range(3):
        order += taken(schedule, float(now))
    assert order == ["none", "some", "seed"]


def test_who_waited_long_is_not_overtaken_any_more(schedule: LookupSchedule[str]) -> None:
    schedule.add("seed", Need.BE_FOUND, 0.0)
    schedule.add("none", Need.PEERS, Need.PEERS.ahead + 1.0)
    assert taken(schedule, 1000.0)[0] == "seed"


def test_look_ups_are_spread_out(schedule: LookupSchedule[str]) -> None:
    for number in range(200):
        schedule.add(str(number), Need.PEERS, 0.0)
    begun: list[float] = []
    now = 0.0
    while len(begun) < 200:
        for torrent in taken(schedule, now):
            begun.append(now)
            schedule.over(torrent, Need.PEERS, now, answered=True)
        now = schedule.next_wake(now) or pytest.fail("it sleeps for ever")
    assert 18.0 < begun[-1] < 21.0


def test_ten_thousand_seeds_are_announced_within_their_interval() -> None:
    schedule: LookupSchedule[int] = LookupSchedule(random.Random(2))
    for number in range(10_000):
        schedule.add(number, Need.BE_FOUND, 0.0)
    ends: list[tuple[float, int]] = []
    now, times = 0.0, {number: 0 for number in range(10_000)}
    while now < 3600.0:
        while ends and ends[0][0] <= now:
            _, torrent = ends.pop(0)
            schedule.over(torrent, Need.BE_FOUND, now, answered=True)
        while (torrent_ := schedule.take(now)) is not None:
            times[torrent_] += 1
            ends.append((now + 3.0, torrent_))
        due = schedule.next_wake(now)
        now = min([due or 4e3, *[end for end, _ in ends[:1]]])
    assert set(times.values()) <= {2, 3}


def test_no_more_than_so_many_at_a_time(schedule: LookupSchedule[str]) -> None:
    for number in range(200):
        schedule.add(f"magnet {number}", Need.METADATA, 0.0)
    assert len(taken(schedule, 0.0)) == AT_ONCE
    assert schedule.next_wake(0.0) is None
    schedule.over("magnet 0", Need.PEERS, 1.0, answered=True)
    assert len(taken(schedule, 1.0)) == 1


@pytest.mark.parametrize("need", [Need.METADATA, Need.PEERS])
def test_who_is_not_served_asks_less_and_less_often(
    schedule: LookupSchedule[str], need: Need
) -> None:
    schedule.add("one", need, 0.0)
    waits, now = [], 0.0
    for _ in range(8):
        waits.append(wait_after(schedule, need, now, answered=True))
        now += waits[-1]
    assert waits[0] == pytest.approx(need.first, rel=0.11)
    assert waits[-1] == pytest.approx(need.longest, rel=0.11)
    assert waits[1] > waits[0] * 1.5


def test_when_no_node_answers_it_is_tried_again_soon(schedule: LookupSchedule[str]) -> None:
    schedule.add("one", Need.BE_FOUND, 0.0)
    first = wait_after(schedule, Need.BE_FOUND, 0.0, answered=False)
    assert first == pytest.approx(UNHEARD_SECONDS, rel=0.11)
    second = wait_after(schedule, Need.BE_FOUND, 100.0, answered=False)
    assert second == pytest.approx(2 * UNHEARD_SECONDS, rel=0.11)
    third = wait_after(schedule, Need.BE_FOUND, 200.0, answered=True)
    assert third == pytest.approx(Need.BE_FOUND.first, rel=0.11)


def test_who_lost_its_peers_is_looked_up_soon(schedule: LookupSchedule[str]) -> None:
    schedule.add("one", Need.MORE_PEERS, 0.0)
    wait_after(schedule, Need.MORE_PEERS, 0.0, answered=True)
    schedule.needs("one", Need.PEERS, 10.0)
    assert schedule.due("one") == pytest.approx(10.0 + Need.PEERS.first, rel=0.11)
    assert taken(schedule, 100.0) == ["one"]


def test_somebody_asks_for_it(schedule: LookupSchedule[str]) -> None:
    schedule.add("one", Need.BE_FOUND, 0.0)
    wait_after(schedule, Need.BE_FOUND, 0.0, answered=True)
    schedule.soon("one", 5.0)
    assert taken(schedule, 5.0) == ["one"]
    assert schedule.due("one") is None


def test_what_is_removed_is_neither_begun_nor_waited_for(schedule: LookupSchedule[str]) -> None:
    schedule.add("one", Need.PEERS, 0.0)
    schedule.add("two", Need.PEERS, 0.0)
    assert schedule.take(0.0) == "one"
    schedule.remove("one")
    schedule.remove("two")
    schedule.over("one", Need.PEERS, 1.0, answered=True)
    assert schedule.running == 0
    assert schedule.take(5.0) is None
    assert schedule.next_wake(5.0) is None
    assert len(schedule) == 0


names = st.sampled_from("abcdefghij")
all_needs = st.sampled_from(list(Need))


class ScheduleMachine(RuleBasedStateMachine):
    """Whatever happens, every torrent has a turn again, and no bound is passed."""

    def __init__(self) -> None:
        super().__init__()
        self.schedule: LookupSchedule[str] = LookupSchedule(
            random.Random(3), at_once=3, kept_for_metadata=1, per_second=2.0
        )
        self.running: set[str] = set()
        self.known: set[str] = set()
        self.now = 0.0

    @rule(name=names, need=all_needs)
    def add(self, name: str, need: Need) -> None:
        self.schedule.add(name, need, self.now)
        self.known.add(name)

    @rule(name=names)
    def remove(self, name: str) -> None:
        self.schedule.remove(name)
        self.known.discard(name)
        self.running.discard(name)

    @rule(name=names, need=all_needs)
    def needs(self, name: str, need: Need) -> None:
        self.schedule.needs(name, need, self.now)

    @rule(name=names)
    def soon(self, name: str) -> None:
        self.schedule.soon(name, self.now)

    @rule()
    def everybody_soon(self) -> None:
        self.schedule.everybody_soon(self.now)

    @rule(seconds=st.sampled_from([0.0, 0.1, 5.0, 400.0, 2000.0]))
    def later(self, seconds: float) -> None:
        self.now += seconds

    @rule()
    def take(self) -> None:
        torrent = self.schedule.take(self.now)
        if torrent is not None:
            assert torrent in self.known - self.running
            self.running.add(torrent)

    @rule(name=names, need=all_needs, answered=st.booleans())
    def over(self, name: str, need: Need, answered: bool) -> None:
        self.schedule.over(name, need, self.now, answered=answered)
        self.running.discard(name)

    @invariant()
    def bounded(self) -> None:
        assert self.schedule.running == len(self.running) <= 3
        assert len(self.schedule) == len(self.known)

    @invariant()
    def nobody_is_forgotten(self) -> None:
        waiting = self.known - self.running
        due = [self.schedule.due(name) for name in waiting]
        assert None not in due
        if waiting and not self.running:
            assert self.schedule.next_wake(self.now) is not None


ScheduleMachine.TestCase.settings = settings(max_examples=40, stateful_step_count=40)
TestSchedule = ScheduleMachine.TestCase
