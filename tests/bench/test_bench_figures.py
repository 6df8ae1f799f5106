"""Spreads, ratios and percentiles, and sizes as people write them."""

from __future__ import annotations

import math

import pytest

from bench.figures import Spread, column, percentile, ratio, spread
from bench.sizes import parse_size, size_text


def test_a_spread_is_minimum_median_and_maximum() -> None:
    assert spread([3.0, 1.0, 2.0]) == Spread(1.0, 2.0, 3.0)
    assert spread([1.0, 2.0, 3.0, 10.0]).middle == 2.5
    assert spread([4.0]) == Spread(4.0, 4.0, 4.0)


def test_nothing_measured_has_no_spread_and_no_percentile() -> None:
    with pytest.raises(ValueError, match="nothing was measured"):
        spread([])
    with pytest.raises(ValueError, match="nothing was measured"):
        percentile([], 0.5)


def test_a_ratio_over_zero_is_infinite_unless_both_are() -> None:
    assert ratio(3.0, 2.0) == 1.5
    assert math.isinf(ratio(1.0, 0.0))
    assert ratio(0.0, 0.0) == 1.0


@pytest.mark.parametrize(
    ("share", "expected"), [(0.0, 1), (0.01, 1), (0.5, 50), (0.99, 99), (0.991, 100), (1.0, 100)]
)
def test_a_percentile_is_the_nearest_rank(share: float, expected: float) -> None:
    assert percentile(range(100, 0, -1), share) == expected


def test_a_column_leaves_out_samples_that_lack_the_figure() -> None:
    samples = [{"rate": 1.0}, {"cpu": 2.0}, {"rate": 3.0, "cpu": 4.0}]
    assert column(samples, "rate") == [1.0, 3.0]


@pytest.mark.parametrize(
    ("text", "size"),
    [("4096", 4096), ("256K", 1 << 18), ("64m", 1 << 26), ("1GiB", 1 << 30), ("1.5 MB", 3 << 19)],
)
def test_sizes_are_read(text: str, size: int) -> None:
    assert parse_size(text) == size


@pytest.mark.parametrize("text", ["", "K", "-1M", "0", "1T", "1 2", "0.0001"])
def test_what_is_no_size_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="not a size"):
        parse_size(text)


def test_sizes_are_written_in_their_largest_unit() -> None:
    sizes = [1 << 30, 3 << 29, 256 << 10, 512, 1 << 20]
    assert [size_text(size) for size in sizes] == ["1 GiB", "1.5 GiB", "256 KiB", "512 B", "1 MiB"]
