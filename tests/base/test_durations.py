"""Durations as people say them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from p2pd.base.durations import days_in_words


@pytest.mark.parametrize(
    ("days", "words"),
    [
        (1 / 24, "1 hour"), (2 / 24, "2 hours"), (0.5, "12 hours"), (1, "1 day"), (30.0, "30 days"),
        (1.5, "1.5 days"), (0.01, "14.4 minutes"), (1 / 1440, "1 minute"), (0, "0 days"),
        (-1, "-1 days"), (3650.0, "3650 days"),
    ],
)  # fmt: skip
def test_they_are_short(days: float, words: str) -> None:
    assert days_in_words(days) == words


@given(st.integers(1, 23))
def test_whole_hours_are_whole(hours: int) -> None:
    assert days_in_words(hours / 24).split()[0] == str(hours)
