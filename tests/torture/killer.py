"""When a life ends, and what its disk does to it meanwhile: drawn from a seeded random."""

from __future__ import annotations

import contextlib
import errno
import random
import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from tests.torture.broken_disk import (
    DATABASE,
    DELAY,
    FAIL,
    KILL_AFTER,
    KILL_BEFORE,
    NAMES,
    OPEN,
    READ,
    SHORT,
    STATE,
    SYNC,
    WRITE,
    Rule,
)
from tests.torture.daemon import TorturedDaemon

LONGEST_LIFE = 3.5
"""Seconds until a life ends that waits for a call which never comes."""


@dataclass(frozen=True)
class Ending:
    """How a life ends: by the clock, or at a call to the disk.

    That is while it runs, stops or starts, or rebuilds a damaged database at its start.
    """

    phase: str
    seconds: float
    rule: Rule | None

    @property
    def name(self) -> str:
        """For the figures."""
        if self.rule is None:
            return f"{self.phase}, by the clock"
        where = {DATABASE: "database", STATE: "state"}.get(self.rule.places[0], "data")
        return f"{self.phase}, at a call for the {where}"


def draw_ending(rng: random.Random, data: Sequence[int]) -> Ending:
    """One of the moments that are worth a kill; `data` are the places of download folders."""
    phase = rng.choices(("running", "starting", "stopping", "rebuilding"), (67, 14, 14, 5))[0]
    longest = {"running": 2.2, "stopping": 0.4}.get(phase, 0.9)
    if rng.random() < 0.4:
        return Ending(phase, rng.uniform(0.02, longest), None)
    places = rng.choice([(DATABASE,), (STATE,), tuple(data), tuple(data)])
    if phase in ("starting", "rebuilding"):
        places = rng.choice([(DATABASE,), (DATABASE,), (STATE,)])
    kinds = rng.choice([(WRITE,), (WRITE,), (SYNC,), (SYNC,), (NAMES,), (OPEN, NAMES)])
    most = 60 if kinds == (WRITE,) else 12
    rule = Rule(rng.choice((KILL_BEFORE, KILL_AFTER)), kinds, places, skip=rng.randint(0, most))
    return Ending(phase, LONGEST_LIFE if phase == "running" else longest + 0.5, rule)


def draw_faults(rng: random.Random, data: Sequence[int]) -> list[Rule]:
    """What fails during a life: nothing, the data folders, the state, or both."""
    regime = rng.choices(("nothing", "data", "state", "both"), (35, 25, 20, 20))[0]
    rules = []
    if regime in ("data", "both"):
        rules += _some(rng, _of(rng, tuple(data), 0.08))
    if regime in ("state", "both"):
        rules += _some(rng, [*_of(rng, (DATABASE,), 0.15), *_of(rng, (STATE,), 0.15)])
    return rules


def _some(rng: random.Random, rules: list[Rule]) -> list[Rule]:
    return rng.sample(rules, rng.randint(1, min(4, len(rules))))


def _of(rng: random.Random, places: tuple[int, ...], most: float) -> list[Rule]:
    def fails(kind: int, error: int) -> Rule:
        return Rule(FAIL, (kind,), places, chance=rng.uniform(0.005, most), error=error)

    return [
        fails(READ, errno.EIO),
        fails(WRITE, errno.EIO),
        fails(WRITE, errno.ENOSPC),
        fails(SYNC, errno.EIO),
        fails(NAMES, errno.EIO),
        fails(OPEN, errno.EACCES),
        Rule(SHORT, (READ, WRITE), places, chance=rng.uniform(0.05, 0.5)),
        Rule(DELAY, (READ, WRITE), places, chance=rng.uniform(0.02, 0.2), seconds=0.02),
        Rule(DELAY, (SYNC,), places, chance=0.5, seconds=rng.uniform(0.005, 0.1)),
    ]


@contextlib.contextmanager
def killed_after(daemon: TorturedDaemon, seconds: float) -> Iterator[Callable[[], bool]]:
    """Kill the daemon in so many seconds; what is given tells whether it is dead."""
    process = daemon.process
    assert process is not None
    timer = threading.Timer(seconds, process.kill)
    timer.start()
    try:
        yield lambda: not process.running
    finally:
        timer.cancel()
        timer.join()
        process.kill()
