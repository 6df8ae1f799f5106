"""How the demo shows its progress: bars on a terminal, plain lines anywhere else."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from typing import Protocol

from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, TaskID, TextColumn

from p2pd.clients.demo_content import MIB
from p2pd.clients.text import counted

LINE_EVERY_PERCENT = 20


@dataclass(frozen=True, slots=True)
class Report:
    """How far one leecher is: sizes in bytes, the rate in bytes per second."""

    name: str
    done: int
    total: int
    rate: int
    peers: int
    finished: bool

    @property
    def percent(self) -> int:
        """Whole percent that are verified, 100 only when everything is."""
        return self.done * 100 // self.total if self.total else 0

    @property
    def speed(self) -> str:
        """The rate for people."""
        return f"{self.rate / MIB:.1f} MiB/s"


class Display(Protocol):
    """Where the demo says what it does."""

    def say(self, sentence: str) -> None:
        """One line that stays."""

    def bars(self) -> AbstractContextManager[None]:
        """The time in which reports are shown."""

    def show(self, report: Report) -> None:
        """The newest report of a leecher."""


def display_on(console: Console) -> Display:
    """Bars when the console is a terminal, else lines."""
    return BarDisplay(console) if console.is_terminal else LineDisplay(console)


class BarDisplay:
    """A live bar for each leecher."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._tasks: dict[str, TaskID] = {}
        self._progress = Progress(
            TextColumn("{task.description:>8}"),
            BarColumn(bar_width=None),
            DownloadColumn(binary_units=True),
            TextColumn("{task.fields[speed]:>12}"),
            TextColumn("{task.fields[peers]}"),
            console=console,
        )

    def say(self, sentence: str) -> None:
        """One line that stays."""
        self._console.print(sentence, highlight=False, markup=False)

    @contextmanager
    def bars(self) -> Iterator[None]:
        """The time in which the bars are there."""
        with self._progress:
            yield

    def show(self, report: Report) -> None:
        """Move the leecher's bar."""
        if report.name not in self._tasks:
            self._tasks[report.name] = self._progress.add_task(report.name, speed="", peers="")
        self._progress.update(
            self._tasks[report.name],
            completed=report.done,
            total=report.total,
            speed=report.speed,
            peers=counted(report.peers, "peer"),
        )


class LineDisplay:
    """A line for each leecher now and then."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._said: dict[str, int] = {}

    def say(self, sentence: str) -> None:
        """One line."""
        self._console.print(sentence, highlight=False, markup=False, soft_wrap=True)

    @contextmanager
    def bars(self) -> Iterator[None]:
        """Nothing to draw and to take away."""
        yield

    def show(self, report: Report) -> None:
        """A line at the start, and after every LINE_EVERY_PERCENT."""
        step = report.percent // LINE_EVERY_PERCENT
        if step <= self._said.get(report.name, -1):
            return
        self._said[report.name] = step
        self.say(
            f"{report.name:>8} {report.percent:3d}% of {report.total / MIB:.0f} MiB,"
            f" {report.speed}, {counted(report.peers, 'peer')}"
        )
