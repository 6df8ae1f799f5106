"""A transfer, and what is left of its rate while strangers bother the engine that is measured.

It is run twice, one right after the other: alone, and with a process beside it that comes to the
engine's port from the first progress on. What is left is the ratio of both rates.
"""

from __future__ import annotations

import contextlib
import json
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from bench.content import Torrent
from bench.engines.engine import Engine
from bench.figures import Sample
from bench.line_child import LineChild
from bench.workbench import Workbench
from bench.works.transfer import Roles, measure_transfer

READY_SECONDS = 10.0


class Strangers:
    """A process that comes to an engine's port from `begin` to `end`.

    `program` is run with `plan` as JSON; it says when it is ready, begins and ends by a line on
    stdin, and tells in one of JSON what became of it.
    """

    def __init__(self, name: str, program: Path, plan: Mapping[str, Any], folder: Path) -> None:
        command = [sys.executable, "-P", str(program), json.dumps(plan)]
        self._child = LineChild(name, command, folder, pipes=True)
        self._begun = False

    def __enter__(self) -> Strangers:
        self._child.listen(READY_SECONDS)
        return self

    def __exit__(self, *_: object) -> None:
        self._child.end(2.0)

    @property
    def pid(self) -> int:
        """Its process."""
        return self._child.pid

    def begin(self) -> None:
        """They come from now on."""
        if not self._begun:
            self._begun = True
            self._child.tell("go")

    def end(self) -> Sample:
        """What became of them, by what the program calls it."""
        self._child.tell("enough")
        told = self._child.listen(READY_SECONDS)
        seconds = {"strangers_seconds": float(told.pop("seconds"))}
        return seconds | {name: float(value) for name, value in told.items()}


def measure_beside(
    bench: Workbench,
    name: str,
    torrent: Torrent,
    roles: Roles,
    strangers: Callable[[Engine, Path], Strangers],
    *,
    places: tuple[int, int] | None = None,
    settings: Mapping[str, str] | None = None,
) -> Sample:
    """Both transfers of one engine; `places` and `settings` as Workbench.new has them."""
    alone = measure_transfer(bench, name, torrent, roles, places=places, settings=settings)
    with contextlib.ExitStack() as stack:

        def disturb(engine: Engine, folder: Path) -> Strangers:
            return stack.enter_context(strangers(engine, folder))

        beside = measure_transfer(
            bench, name, torrent, roles, places=places, settings=settings, disturb=disturb
        )
    return {
        **beside,
        "rate": alone["rate"],
        "alone_cpu": alone["cpu"],
        "alone_peak": alone["peak"],
        "flooded_rate": beside["rate"],
        "kept": 100 * beside["rate"] / alone["rate"],
    }
