"""Whether samples of a soak grow: by the median of all slopes, which single peaks do not move."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Sequence

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


def go_on_until_sure(
    work: Callable[[float], None], grows: Callable[[], bool], seconds: float, times: int
) -> int:
    """While something seems to grow, work as long again as it was worked, at most `times` times.

    In some minutes what has not settled yet, a search for garbage that is due, and a machine with
    other work grow as a leak does; but not on, with twice the time to look at, and what leaks does.
    `seconds` were worked already. How often it went on.
    """
    for time in range(times):
        if not grows():
            return time
        work(seconds)
        seconds *= 2
    return times
