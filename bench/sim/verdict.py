"""What a scenario found: figures, and whether its targets are reached."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Mapping, NamedTuple, Sequence

from p2pd.testing.sim.outcome import SwarmOutcome


@dataclass(frozen=True, slots=True)
class Figure:
    """A number and what it has to be: at most `most`, at least `least`, if either is given."""

    name: str
    value: float
    unit: str = ""
    most: float | None = None
    least: float | None = None

    @property
    def passed(self) -> bool:
        """Whether it is within its bounds."""
        above = self.most is not None and self.value > self.most
        below = self.least is not None and self.value < self.least
        return not above and not below

    @property
    def is_target(self) -> bool:
        """Whether it has any."""
        return self.most is not None or self.least is not None

    def line(self) -> str:
        """For people."""
        text = f"{self.name}: {self.value:.4g}{self.unit and ' ' + self.unit}"
        if not self.is_target:
            return text
        bound = f"at most {self.most:g}" if self.most is not None else f"at least {self.least:g}"
        return f"{text} ({bound}: {'reached' if self.passed else 'MISSED'})"


class Panel(NamedTuple):
    """One plot: points (x, y) of some lines by what they are called."""

    title: str
    x_label: str
    y_label: str
    lines: Mapping[str, Sequence[tuple[float, float]]]
    logarithmic: bool = False


@dataclass(slots=True)
class Verdict:
    """One scenario's. `outcomes` are the swarms it ran, by what they are called in plots.

    `bound` is how long leechers take at least, in virtual seconds, if that can be said. Where there
    are no swarms of a torrent, `panels` are what is drawn.
    """

    name: str
    about: str
    figures: list[Figure] = field(default_factory=list)
    outcomes: Mapping[str, SwarmOutcome] = field(default_factory=dict)
    bound: float | None = None
    most_cpu: float | None = None
    panels: Sequence[Panel] = ()
    real_seconds: float = 0.0
    cpu_seconds: float = 0.0

    def took(self, seconds: float, cpu: float) -> None:
        """So long it took to simulate, and so long a core was busy with that.

        The latter may have a target: it is the real time where nothing else runs, and says the same
        where something does.
        """
        self.real_seconds, self.cpu_seconds = seconds, cpu
        if self.most_cpu is not None:
            self.figures.append(Figure("time of one core", cpu, "s", most=self.most_cpu))

    @property
    def passed(self) -> bool:
        """Whether every target is reached."""
        return all(figure.passed for figure in self.figures)

    def text(self) -> str:
        """For people."""
        head = f"{'ok    ' if self.passed else 'MISSED'} {self.name}: {self.about}"
        lines = [f"         {figure.line()}" for figure in self.figures]
        took = f"({self.real_seconds:.1f} s of real time, {self.cpu_seconds:.1f} s of a core)"
        return "\n".join([head, *lines, f"         {took}"])
