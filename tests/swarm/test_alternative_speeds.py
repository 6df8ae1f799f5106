"""The weekly schedule of the alternative speeds, and what is local."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from p2pd.swarm.bandwidth.alternative_speeds import (
    ALL_DAYS,
    DAY_MINUTES,
    WEEK_MINUTES,
    ScheduledSwitch,
    is_scheduled,
)

MONDAY, SATURDAY, SUNDAY = 2, 64, 1


def at(day: int, hour: int, minute: int = 0) -> int:
    """A minute of the week; day 0 is Sunday."""
    return day * DAY_MINUTES + hour * 60 + minute


@pytest.mark.parametrize(
    ("minute", "on"),
    [(at(1, 8, 59), False), (at(1, 9), True), (at(1, 16, 59), True), (at(1, 17), False),
     (at(2, 9), False), (at(0, 9), False)],
)  # fmt: skip
def test_by_day(minute: int, on: bool) -> None:
    assert is_scheduled(minute, begin=540, end=1020, days=MONDAY) is on


@pytest.mark.parametrize(
    ("minute", "on"),
    [(at(6, 21, 59), False), (at(6, 22), True), (at(6, 23, 59), True), (at(0, 0), True),
     (at(0, 5, 59), True), (at(0, 6), False), (at(6, 0), False), (at(0, 22), False)],
)  # fmt: skip
def test_over_midnight_and_the_end_of_the_week(minute: int, on: bool) -> None:
    assert is_scheduled(minute, begin=22 * 60, end=6 * 60, days=SATURDAY) is on


def test_an_end_at_the_begin_is_a_whole_day() -> None:
    scheduled = [
        minute
        for minute in range(WEEK_MINUTES)
        if is_scheduled(minute, begin=600, end=600, days=SUNDAY)
    ]
    assert scheduled == list(range(600, 600 + DAY_MINUTES))


@given(st.integers(0, 1439), st.integers(0, 1439), st.integers(0, 127))
def test_as_many_minutes_as_the_days_have(begin: int, end: int, days: int) -> None:
    """Written out as a set of minutes, as one would with a pencil."""
    length = end - begin if end > begin else DAY_MINUTES - begin + end
    expected = {
        (day * DAY_MINUTES + begin + passed) % WEEK_MINUTES
        for day in range(7)
        if days & 1 << day
        for passed in range(length)
    }
    for minute in range(0, WEEK_MINUTES, 97):
        assert is_scheduled(minute, begin=begin, end=end, days=days) is (minute in expected)


def test_the_schedule_turns_the_switch_only_when_it_changes_its_mind() -> None:
    switch = ScheduledSwitch()

    def turn(minute: int) -> bool | None:
        return switch.turn(minute, begin=540, end=1020, days=ALL_DAYS)

    assert turn(at(1, 8)) is False
    assert turn(at(1, 8, 30)) is None
    assert turn(at(1, 9)) is True
    assert turn(at(1, 12)) is None
    assert turn(at(1, 17)) is False
    switch.forget()
    assert turn(at(1, 17, 1)) is False
