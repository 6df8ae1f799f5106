"""Whether another program still runs on the folder whose torrents are taken over.

Two programs that write the same files spoil them, and one that runs keeps its progress to itself
for minutes. A lock file tells it for sure, or a process that has files of the folder open; that
some process of the program runs is only worth a warning.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from p2pd.clients.importing.programs import State

MAX_LOCK = 1000


class Running(NamedTuple):
    """A process; `sure` if it uses the folder."""

    pid: int
    name: str
    sure: bool


def running_on(state: State, processes: Path = Path("/proc")) -> Running | None:
    """A process of the program, one that uses the folder before others."""
    found = [
        Running(pid, name, pid == _locked_by(state) or _uses(processes / str(pid), state.folder))
        for pid, name in _named(state.program.processes, processes)
    ]
    return max(found, key=lambda one: one.sure, default=None)


def _named(beginnings: tuple[str, ...], processes: Path) -> Iterator[tuple[int, str]]:
    for place in processes.iterdir():
        if not place.name.isdigit():
            continue
        try:
            words = (place / "cmdline").read_bytes().split(b"\0")[:2]
            name = (place / "comm").read_text().strip()
        except OSError:
            continue  # it ended
        # Of a script the second word is its name, and the process may be called by that, or not.
        called = [name, *(os.path.basename(os.fsdecode(word)) for word in words)]
        if any(one.startswith(beginnings) for one in called) and "p2pctl" not in called:
            yield int(place.name), next(one for one in called if one.startswith(beginnings))


def _locked_by(state: State) -> int | None:
    """The number of the process in the lock file: before a semicolon, or after a plus."""
    for folder in (state.folder, state.folder.parent / "config", state.folder.parent):
        try:
            text = (folder / state.program.lock).read_text(errors="replace")[:MAX_LOCK]
        except OSError:
            continue
        if numbers := re.findall(r"(?:^|:\+)(\d+)", text):
            return int(numbers[0])
    return None


def _uses(process: Path, folder: Path) -> bool:
    """Whether it was told the folder, or has something below it open, as far as we may know."""
    inside = os.path.realpath(folder)
    try:
        words = (process / "cmdline").read_bytes().split(b"\0")
        if any(os.fsdecode(word).rstrip("/").endswith(inside) for word in words if word):
            return True
        links = [os.readlink(link) for link in (process / "fd").iterdir()]
    except OSError:
        return False
    return any(link == inside or link.startswith(inside + "/") for link in links)
