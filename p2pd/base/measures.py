"""What can be told of a running daemon in numbers: counters, gauges and histograms, with names.

Whoever counts something tells it as a measure when it is asked; how it is written down, and for
whom, is not known here. A bound and what is there of it are two gauges, `x` and `x_limit`.
"""

from __future__ import annotations

import enum
from bisect import bisect_left
from dataclasses import dataclass, field
from typing import Mapping, Sequence


class Kind(enum.Enum):
    """What the numbers of a measure do."""

    GAUGE = "gauge"
    """They come and go."""
    COUNTER = "counter"
    """They only grow, until the daemon ends. The measure's name ends in ``_total``."""
    HISTOGRAM = "histogram"


class Histogram:
    """How many of the values that were seen are no greater than each of `bounds`, and their sum.

    To see one costs a bisection: it is for what happens some thousand times a second at most.
    """

    __slots__ = ("bounds", "counts", "sum")

    def __init__(self, bounds: Sequence[float]) -> None:
        """`bounds` in rising order; what is greater than the last one is counted, too."""
        self.bounds = tuple(bounds)
        self.counts = [0] * (len(self.bounds) + 1)
        self.sum = 0.0

    def observe(self, value: float) -> None:
        """A value was seen."""
        self.counts[bisect_left(self.bounds, value)] += 1
        self.sum += value

    @property
    def count(self) -> int:
        """How many were seen."""
        return sum(self.counts)

    def cumulative(self) -> list[int]:
        """For each bound how many were no greater, and then how many there were."""
        running, found = 0, []
        for count in self.counts:
            running += count
            found.append(running)
        return found


Labels = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Measure:
    """One name, and a value for each combination of its labels (one for none, if it has none)."""

    name: str
    kind: Kind
    meaning: str
    labels: Labels = ()
    values: Mapping[Labels, float] = field(default_factory=dict)
    histograms: Mapping[Labels, Histogram] = field(default_factory=dict)


def gauge(name: str, meaning: str, value: float) -> Measure:
    """A number of now."""
    return Measure(name, Kind.GAUGE, meaning, values={(): value})


def counter(name: str, meaning: str, value: float) -> Measure:
    """A number since the start."""
    return Measure(name, Kind.COUNTER, meaning, values={(): value})


def gauges(name: str, meaning: str, labels: Labels, values: Mapping[Labels, float]) -> Measure:
    """Numbers of now, by labels."""
    return Measure(name, Kind.GAUGE, meaning, labels, values)


def counters(name: str, meaning: str, labels: Labels, values: Mapping[Labels, float]) -> Measure:
    """Numbers since the start, by labels."""
    return Measure(name, Kind.COUNTER, meaning, labels, values)


def histogram(name: str, meaning: str, values: Histogram) -> Measure:
    """How values since the start are spread."""
    return Measure(name, Kind.HISTOGRAM, meaning, histograms={(): values})


def histograms(
    name: str, meaning: str, labels: Labels, values: Mapping[Labels, Histogram]
) -> Measure:
    """The same by labels."""
    return Measure(name, Kind.HISTOGRAM, meaning, labels, histograms=values)


def bounded(name: str, meaning: str, value: float, limit: float) -> list[Measure]:
    """What is there, and how much there may be."""
    most = f"The most that {name} may be."
    return [gauge(name, meaning, value), gauge(f"{name}_limit", most, limit)]


SECONDS = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
"""Bounds for how long something took."""
