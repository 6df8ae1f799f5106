"""What a process takes of the machine, over time."""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from tests.torture.descriptors import descriptors_of
from tests.torture.trend import second_half, slope


@dataclass
class Measured:
    """Samples by name, each with its moment in seconds."""

    series: dict[str, list[tuple[float, float]]] = field(default_factory=dict)

    def take(self, pid: int, state_folder: Path, log: Path, volumes: Sequence[Path]) -> None:
        """Measure all of it once; `volumes` are the folders of torrents."""
        now = time.monotonic()
        descriptors = descriptors_of(_links(pid), volumes)
        values = {
            "memory, KiB": own_memory(Path(f"/proc/{pid}/smaps_rollup").read_text()),
            "files of torrents": descriptors.files,
            "stale files": descriptors.stale,
            "other descriptors": descriptors.others,
            "sockets": descriptors.sockets,
            "threads": len(os.listdir(f"/proc/{pid}/task")),
            "database, KiB": sum(_size(path) for path in state_folder.glob("state.db*")) // 1024,
            "log, KiB": _size(log) // 1024,
        }
        for name, value in values.items():
            self.series.setdefault(name, []).append((now, value))

    def last(self, name: str) -> float:
        """The latest sample."""
        return self.series[name][-1][1]

    def growth(self, name: str) -> float:
        """By how much it grows in a minute, in the second half."""
        return slope(second_half(self.series[name])) * 60

    def table(self) -> str:
        """For people."""
        lines = [f"{'':17} {'first':>9} {'most':>9} {'last':>9} {'a minute':>10}"]
        for name, samples in self.series.items():
            values = [value for _, value in samples]
            lines.append(
                f"{name:17} {values[0]:9,.0f} {max(values):9,.0f} {values[-1]:9,.0f}"
                f" {self.growth(name):+10.1f}"
            )
        return "\n".join(lines)


def own_memory(rollup: str) -> int:
    """What no file is behind. Of libraries a process has the less the more others use them, too: as
    these end, its part grows by megabytes.
    """
    for line in rollup.splitlines():
        if line.startswith("Anonymous:"):
            return int(line.split()[1])
    return 0


def _links(pid: int) -> Iterator[str]:
    for fd in os.listdir(f"/proc/{pid}/fd"):
        with contextlib.suppress(OSError):  # it was closed meanwhile
            yield os.readlink(f"/proc/{pid}/fd/{fd}")


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:
        return 0
