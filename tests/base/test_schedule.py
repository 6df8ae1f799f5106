"""The schedule: many timers, one delayed call of the clock."""

from __future__ import annotations

import pytest
from twisted.internet.task import Clock

from p2pd.base.schedule import AT_ONCE, Schedule


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def schedule(clock: Clock) -> Schedule:
    return Schedule(clock)


def test_calls_are_made_in_order_at_their_times(clock: Clock, schedule: Schedule) -> None:
    made: list[tuple[str, float]] = []

    def note(name: str, *, loud: bool = False) -> None:
        made.append((name.upper() if loud else name, clock.seconds()))

    schedule.callLater(3, note, "c")
    schedule.callLater(1, note, "a", loud=True)
    schedule.callLater(2, note, "b")
    for _ in range(8):
        clock.advance(0.5)
    assert made == [("A", 1.0), ("b", 2.0), ("c", 3.0)]
    assert not clock.getDelayedCalls()


def test_ten_thousand_timers_are_one_delayed_call(clock: Clock, schedule: Schedule) -> None:
    calls = [schedule.callLater(1000 + number, lambda: None) for number in range(10_000)]
    assert len(clock.getDelayedCalls()) == 1
    assert len(schedule) == 10_000
    assert all(call.active() for call in calls)


def test_an_earlier_call_moves_the_wake_up_forward(clock: Clock, schedule: Schedule) -> None:
    made: list[str] = []
    schedule.callLater(100, made.append, "late")
    schedule.callLater(1, made.append, "soon")
    assert [call.getTime() for call in clock.getDelayedCalls()] == [1.0]
    clock.advance(1)
    assert made == ["soon"]
    assert [call.getTime() for call in clock.getDelayedCalls()] == [100.0]


def test_a_cancelled_call_is_not_made(clock: Clock, schedule: Schedule) -> None:
    made: list[str] = []
    cancelled = schedule.callLater(1, made.append, "no")
    schedule.callLater(2, made.append, "yes")
    cancelled.cancel()
    cancelled.cancel()
    assert not cancelled.active()
    assert len(schedule) == 1
    clock.advance(5)
    assert made == ["yes"]


def test_nothing_is_left_with_the_clock_when_all_is_cancelled(
    clock: Clock, schedule: Schedule
) -> None:
    calls = [schedule.callLater(number, lambda: None) for number in range(10)]
    for call in calls:
        call.cancel()
    assert not clock.getDelayedCalls()
    assert len(schedule) == 0


def test_timers_that_are_moved_for_ever_do_not_pile_up(schedule: Schedule) -> None:
    waiting = [schedule.callLater(1000, lambda: None) for _ in range(100)]
    for _ in range(100):
        for index, call in enumerate(waiting):
            call.cancel()
            waiting[index] = schedule.callLater(2000, lambda: None)
    assert len(schedule) == 100
    assert len(schedule._heap) <= 300


def test_a_call_may_cancel_the_next_and_schedule_others(clock: Clock, schedule: Schedule) -> None:
    made: list[str] = []

    def first() -> None:
        second.cancel()
        schedule.callLater(0, made.append, "new")

    schedule.callLater(1, first)
    second = schedule.callLater(1, made.append, "second")
    clock.advance(1)
    clock.advance(0)
    assert made == ["new"]
    assert not clock.getDelayedCalls()


def test_what_falls_due_together_is_spread_over_turns(schedule: Schedule, clock: Clock) -> None:
    made: list[int] = []
    for number in range(AT_ONCE * 3):
        schedule.callLater(1, made.append, number)
    (wake,) = clock.getDelayedCalls()
    clock.rightNow = 1.0
    clock.calls.remove(wake)
    wake.func()
    assert made == list(range(AT_ONCE))
    clock.advance(0)
    assert made == list(range(AT_ONCE * 3))


def test_a_call_that_raises_does_not_lose_the_others(clock: Clock, schedule: Schedule) -> None:
    made: list[str] = []

    def broken() -> None:
        raise RuntimeError("on purpose")

    schedule.callLater(1, broken)
    schedule.callLater(1, made.append, "after")
    with pytest.raises(RuntimeError):
        clock.advance(1)
    clock.advance(0)
    assert made == ["after"]
