"""Rolling rates on a clock of our own."""

from __future__ import annotations

import pytest

from p2pd.base.rates import RollingRate


def test_nothing_yet_is_no_rate() -> None:
    assert RollingRate().per_second(100.0) == 0


@pytest.mark.parametrize("step", [0.05, 0.25, 1.0, 3.0])
def test_a_steady_flow_is_its_rate(step: float) -> None:
    rate = RollingRate()
    for turn in range(int(60 / step)):
        rate.add(int(1000 * step), 1000.0 + turn * step)
    assert rate.per_second(1059.9) == pytest.approx(1000, rel=0.35)
    assert rate.total == 1000 * 60


def test_a_young_rate_is_not_divided_by_the_whole_window() -> None:
    rate = RollingRate(window=10)
    rate.add(500, 5.0)
    assert rate.per_second(5.5) == 500
    assert rate.per_second(7.0) == 250


def test_it_is_forgotten_after_the_window() -> None:
    rate = RollingRate(window=10)
    rate.add(1000, 5.0)
    assert rate.per_second(14.9) > 0
    assert rate.per_second(15.0) == 0
    assert rate.per_second(10_000.0) == 0
    rate.add(100, 10_000.0)
    assert rate.per_second(10_000.5) == 100
    assert rate.total == 1100


def test_one_rate_answers_for_two_windows() -> None:
    rate = RollingRate(window=10, longest=20)
    for second in range(100, 120):
        rate.add(1000 if second < 110 else 3000, second + 0.5)
    assert rate.per_second(119.9) == 3000
    assert rate.per_second(119.9, over=20) == pytest.approx(2000, rel=0.01)
    assert rate.per_second(129.9, over=20) == pytest.approx(1500, rel=0.01)
    assert rate.per_second(129.9) == 0
    assert rate.per_second(140.0, over=20) == 0


def test_a_rate_that_was_silent_for_less_than_its_longest_window_is_not_young_again() -> None:
    rate = RollingRate(window=10, longest=20)
    rate.add(1000, 0.0)
    rate.add(1000, 15.0)
    assert rate.per_second(15.5) == 100
    assert rate.per_second(15.5, over=20) == pytest.approx(2000 / 15.5)
