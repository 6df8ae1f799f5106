"""Whether samples of a soak grow: by the median of all slopes, which single peaks do not move."""

from __future__ import annotations

import statistics
from collections.abc import Sequence

Samples = Sequence[tuple[float, float]]
"""Seconds, and what was measured then."""


def slope(samples: Samples) -> float:
    """How much it grows in a second (Theil and Sen); 0 for fewer than two moments."""
    slopes = [
        (later - earlier) / (end - begin)
        for number, (begin, earlier) in enumerate(samples)
        for end, later in samples[number + 1 :]
        if end > begin
    ]
    return statistics.median(slopes) if slopes else 0.0


def second_half(samples: Samples) -> Samples:
    """Those after the middle of the time: by then whatever is filled once is filled."""
    if not samples:
        return []
    middle = (samples[0][0] + samples[-1][0]) / 2
    return [sample for sample in samples if sample[0] >= middle]
