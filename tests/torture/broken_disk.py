"""The disk that fails on demand: its library (shim/), compiled when it is needed, and its rules.

The driver and the daemon have the rules mapped into memory, so they hold at once, and what was
counted outlives a kill.
"""

from __future__ import annotations

import errno
import mmap
import os
import shutil
import struct
import subprocess
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

READ, WRITE, SYNC, OPEN, NAMES = range(5)
KINDS = ("read", "write", "sync", "open", "names")
FAIL, SHORT, DELAY, HANG, KILL_BEFORE, KILL_AFTER = range(1, 7)
ACTIONS = ("", "fail", "short", "delay", "hang", "kill before", "kill after")

DATABASE, STATE = 0, 1
"""Places: state.db and its journals, what else is in the state folder, then the data folders."""

PLACES = 8
RULES = 16
ALWAYS = 1.0

_SHIM = Path(__file__).parent / "shim"
_PLAN = struct.Struct("<4Q32x")
_RULE = struct.Struct("<6Iq2Q16x")
_SEEN = struct.Struct(f"<{len(KINDS) * PLACES}Q")


def available() -> bool:
    """Whether the library can be made here."""
    return shutil.which("gcc") is not None


def build(folder: Path) -> Path:
    """Compile the library into this folder."""
    library = folder / "broken_disk.so"
    sources = [str(path) for path in sorted(_SHIM.glob("*.c"))]
    options = ["-shared", "-fPIC", "-O1", "-Wall", "-Wextra", "-Werror", "-pthread"]
    subprocess.run(["gcc", *options, "-o", str(library), *sources, "-ldl"], check=True)
    return library


@dataclass(frozen=True)
class Rule:
    """What happens to calls of these kinds at these places, each time with this chance.

    `skip` calls are let through before; a kill is for one call only.
    """

    action: int
    kinds: tuple[int, ...]
    places: tuple[int, ...]
    chance: float = ALWAYS
    error: int = 0
    seconds: float = 0.0
    skip: int = 0

    def packed(self) -> bytes:
        """As the library reads it, turned off."""
        chance = 0xFFFFFFFF if self.chance >= 1 else int(self.chance * 2**32)
        micros = int(self.seconds * 1e6)
        bits = [sum(1 << each for each in group) for group in (self.kinds, self.places)]
        return _RULE.pack(0, *bits, self.action, self.error, chance, self.skip, micros, 0)

    @property
    def name(self) -> str:
        """For the figures: what fails how."""
        where = "database" if DATABASE in self.places else "state" if STATE in self.places else ""
        what = "/".join(KINDS[kind] for kind in self.kinds)
        how = errno.errorcode[self.error] if self.action == FAIL else ACTIONS[self.action]
        return f"{where or 'data'} {what}: {how}"


class BrokenDisk:
    """The rules of one daemon's disk, and the environment that puts the library in between."""

    def __init__(
        self, folder: Path, library: Path, places: list[Path], *, seed: int, journal: bool = True
    ) -> None:
        """`places`: the state folder first, then the data folders. `journal`: for power cuts."""
        self.journal = folder / "journal"
        self.places = places
        self.injected: Counter[str] = Counter()
        self._library = library
        self._plan_path = folder / "plan"
        size = _PLAN.size + RULES * _RULE.size + _SEEN.size
        self._plan_path.write_bytes(_PLAN.pack(seed, 0, 0, journal).ljust(size, b"\0"))
        with self._plan_path.open("r+b") as file:
            self._map = mmap.mmap(file.fileno(), size)
        self._rules: list[Rule] = []
        for place in places:
            attic(place).mkdir(parents=True, exist_ok=True)

    @property
    def environment(self) -> dict[str, str]:
        """For the daemon's process."""
        return {
            "LD_PRELOAD": str(self._library),
            "P2PD_TORTURE_PLAN": str(self._plan_path),
            "P2PD_TORTURE_JOURNAL": str(self.journal),
            "P2PD_TORTURE_PLACES": ":".join(["-", *map(str, self.places)]),
        }

    def set(self, *rules: Rule) -> None:
        """These rules and no others."""
        self.clear()
        assert len(rules) <= RULES
        self._rules = list(rules)
        for number, rule in enumerate(rules):
            at = _PLAN.size + number * _RULE.size
            self._map[at : at + _RULE.size] = rule.packed()
            self._map[at : at + 4] = struct.pack("<I", 1)

    def clear(self) -> None:
        """No more rules; what they did is counted."""
        for number, rule in enumerate(self._rules):
            at = _PLAN.size + number * _RULE.size
            self._map[at : at + 4] = bytes(4)
            self.injected[rule.name] += _RULE.unpack_from(self._map, at)[8]
        self._rules = []

    def forget_journal(self) -> None:
        """Everything has come to the disk itself."""
        self.journal.write_bytes(b"")
        for place in self.places:
            for entry in attic(place).iterdir():
                entry.unlink()

    def seen(self) -> Counter[str]:
        """How many calls of each kind there were at each place."""
        counts = _SEEN.unpack_from(self._map, _PLAN.size + RULES * _RULE.size)
        return Counter(
            {
                f"{kind} {place}": counts[number * PLACES + place]
                for number, kind in enumerate(KINDS)
                for place in range(PLACES)
            }
        )


def attic(place: Path) -> Path:
    """Where files of a place lie that were removed or replaced, until a power cut is decided."""
    return place.with_name(place.name + ".attic")


def same_device(one: Path, other: Path) -> bool:
    """Whether a file can be renamed from one to the other."""
    return os.stat(one).st_dev == os.stat(other).st_dev
