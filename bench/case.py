"""What a work consists of: cases, each of which measures some engines by some figures."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from bench.figures import Sample


@dataclass(frozen=True, slots=True)
class Figure:
    """A column of a case's table; `compared`: its ratio to the reference means something."""

    name: str
    title: str
    digits: int
    compared: bool = True


RATE = Figure("rate", "MB/s", 0)
CPU = Figure("cpu", "CPU s/GiB", 2)
PEAK = Figure("peak", "peak RSS MiB", 0)
FLOODED_RATE = Figure("flooded_rate", "flooded MB/s", 0)
KEPT = Figure("kept", "kept %", 0, compared=False)
STALL = Figure("stall", "stall ms", 1, compared=False)
RSS_BEFORE = Figure("rss_before", "RSS MiB before", 1, compared=False)
HELD_RSS = Figure("held_rss", "at most", 1, compared=False)
GROWN = Figure("grown", "grown", 1, compared=False)
RSS_AFTER = Figure("rss_after", "after", 1, compared=False)
HELD_CPU = Figure("held_cpu", "CPU %", 1, compared=False)
LET_IN = Figure("let_in", "let in s", 2, compared=False)
READY = Figure("ready", "start s", 2)
IDLE_CPU = Figure("idle_cpu", "idle CPU %", 2)
PER_TORRENT = Figure("per_torrent", "KiB/torrent", 1)
ANSWER_P99 = Figure("answer_p99", "answer p99 ms", 2, compared=False)
SINCE_POLL_P99 = Figure("since_poll_p99", "since poll", 2, compared=False)
SINCE_READ_P99 = Figure("since_read_p99", "since read", 2, compared=False)
REJECT_P99 = Figure("reject_p99", "reject p99 ms", 2, compared=False)
BLOCK_P50 = Figure("block_p50", "block p50 ms", 2, compared=False)
BLOCK_P99 = Figure("block_p99", "block p99 ms", 2, compared=False)

KRPC_RATE = Figure("krpc_rate", "queries/s", 0)
KRPC_PER_CPU = Figure("krpc_per_cpu", "queries/CPU s", 0)
KRPC_RSS = Figure("krpc_rss", "RSS MiB", 1)
KRPC_GROWN = Figure("krpc_grown", "grown MiB", 2, compared=False)

MAGNET_METADATA = Figure("magnet_metadata", "metadata s", 2)
MAGNET_DATA = Figure("magnet_data", "complete s", 2)

CEILING = "SHA-1 ceiling"
"""The name under which a case has what the machine can do, in place of an engine."""


@dataclass(frozen=True, slots=True)
class Case:
    """`measure` runs one engine once and returns what it measured. Raises BenchError.

    `warm_up`: one run that does not count comes first, because a first one is often slower.
    """

    work: str
    detail: str
    engines: tuple[str, ...]
    figures: tuple[Figure, ...]
    measure: Callable[[str], Sample]
    warm_up: bool = False

    @property
    def title(self) -> str:
        """What the tables and verdicts call it."""
        return f"{self.work}, {self.detail}"


@dataclass(slots=True)
class Outcome:
    """The samples of a case by engine; what went wrong and who has no such thing, in words."""

    case: Case
    samples: dict[str, list[Sample]] = field(default_factory=dict)
    problems: list[str] = field(default_factory=list)
    unable: list[str] = field(default_factory=list)
