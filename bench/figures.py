"""The arithmetic of repeated measurements: spreads, ratios of medians, percentiles."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from statistics import median
from typing import NamedTuple

Sample = dict[str, float]
"""What one run of one engine measured, by the figure's name."""


class Spread(NamedTuple):
    """The least, the middle and the greatest of repeated measurements."""

    least: float
    middle: float
    greatest: float


def spread(values: Sequence[float]) -> Spread:
    """Minimum, median and maximum. Raises ValueError when there are none."""
    if not values:
        raise ValueError("nothing was measured")
    return Spread(min(values), float(median(values)), max(values))


def ratio(value: float, reference: float) -> float:
    """`value` in multiples of `reference`; infinite, or 1 for nothing of nothing, over zero."""
    if reference:
        return value / reference
    return math.inf if value else 1.0


def percentile(values: Iterable[float], share: float) -> float:
    """The smallest value that `share` (0 to 1) of all values do not exceed: the nearest rank.

    Raises ValueError when there are none.
    """
    ordered = sorted(values)
    if not ordered:
        raise ValueError("nothing was measured")
    return ordered[max(0, math.ceil(share * len(ordered)) - 1)]


def column(samples: Iterable[Sample], figure: str) -> list[float]:
    """One figure of all samples that have it."""
    return [sample[figure] for sample in samples if figure in sample]
