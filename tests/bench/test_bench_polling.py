"""When engines are asked, and what their answers make of a transfer."""

from __future__ import annotations

import pytest

from bench.polling import AT_FIRST, LATER, OFTEN, SELDOM, TransferClock, next_pause, patience


def test_an_engine_is_asked_often_only_near_the_end() -> None:
    assert next_pause(1.0, 0.0, 0.5) == SELDOM
    assert next_pause(1.0, 0.0, 0.9) == pytest.approx(1 / 0.9 * 0.1 / 3)
    assert next_pause(1.0, 0.0, 0.98) == pytest.approx(1 / 0.98 * 0.02 / 3)
    assert next_pause(1.0, 0.0, 1.0) == OFTEN


def test_without_news_it_is_asked_less_and_less() -> None:
    assert patience(0.0) == AT_FIRST
    assert AT_FIRST < patience(0.5) < LATER
    assert patience(60.0) == LATER
    assert next_pause(60.0, 0.5, 0.5) == LATER


def test_the_rate_counts_from_the_first_progress() -> None:
    clock = TransferClock(asked=10.0)
    clock.saw(11.0, 0.0)
    clock.saw(12.0, 0.25)
    clock.saw(13.0, 0.5)
    clock.saw(14.0, 1.0)
    assert clock.rate(1000) == pytest.approx(750 / 2)


def test_what_was_all_there_at_once_counts_from_the_asking() -> None:
    clock = TransferClock(asked=10.0)
    clock.saw(10.5, 1.0)
    assert clock.rate(1000) == pytest.approx(2000)


def test_what_never_began_counts_from_the_asking() -> None:
    clock = TransferClock(asked=10.0)
    clock.saw(12.0, 0.0)
    assert clock.rate(1000) == pytest.approx(500)
