"""Numbers with names."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from p2pd.base.measures import SECONDS, Histogram, Kind, bounded


@given(st.lists(st.floats(-1, 20), max_size=50))
def test_a_histogram_counts_what_is_no_greater_than_each_bound(values: list[float]) -> None:
    histogram = Histogram(SECONDS)
    for value in values:
        histogram.observe(value)
    expected = [sum(value <= bound for value in values) for bound in SECONDS]
    assert histogram.cumulative() == [*expected, len(values)]
    assert histogram.count == len(values)
    assert abs(histogram.sum - sum(values)) < 1e-6


def test_a_bound_is_two_gauges() -> None:
    there, limit = bounded("places", "Places that are taken.", 3, 5)
    assert (there.name, there.values) == ("places", {(): 3})
    assert (limit.name, limit.values) == ("places_limit", {(): 5})
    assert limit.kind is Kind.GAUGE
    assert limit.meaning == "The most that places may be."
