"""``make soak``: a seedbox at work for ten minutes, and what of it grows that should not.

Torrents are added, moved and removed, peers and strangers come and go, clients poll, settings
change, the configuration is read again, and now and then a disk fails for some seconds: with
errors, full, hanging, or gone. What seems to grow is looked at for twice and four times as long
before it counts. Exit status 1 if memory or descriptors grow, if a line is logged that no user can
act on, or if anything is not as it was answered.
"""

from __future__ import annotations

import argparse
import errno
import random
import shutil
import signal
import sys
import tempfile
import threading
import time
import traceback
from collections.abc import Callable
from pathlib import Path

from peers.processes import wait_until

from tests.torture.broken_disk import DELAY, FAIL, HANG, NAMES, OPEN, READ, SYNC, WRITE, Rule
from tests.torture.churn import Churn
from tests.torture.daemon import NotStartedError
from tests.torture.figures import Figures
from tests.torture.measured import Measured
from tests.torture.scene import Scene
from tests.torture.soak_log import not_for_users
from tests.torture.trend import go_on_until_sure

MEMORY_BOUND = 512.0
"""KiB a minute that memory may grow by in the second half: 30 MiB in an hour."""

DESCRIPTOR_BOUND = 1.0
"""How many a minute, of either kind: files of torrents that are stale, and all that are no such."""

BOUNDS = {
    "memory, KiB": MEMORY_BOUND,
    "other descriptors": DESCRIPTOR_BOUND,
    "stale files": DESCRIPTOR_BOUND,
}

MOST_AGAIN = 2
"""How often a soak in which something seems to grow goes on, each time for as long as it was."""

SHORTEST_TREND = 240.0
"""Seconds of a soak below which its trend says nothing yet."""

SAMPLE_SECONDS = 2.0
RELOAD_SECONDS = 17.0
SETTLE_SECONDS = 40
SPARE_SOCKETS = 2
"""Beside those of the beginning: a client's answer that is being sent, a dial that is given up."""

EVERYTHING = (READ, WRITE, SYNC, OPEN, NAMES)
TROUBLES: dict[str, Callable[[int], Rule | None]] = {
    "gives errors": lambda place: Rule(FAIL, (READ, WRITE, SYNC, OPEN), (place,), error=errno.EIO),
    "is full": lambda place: Rule(FAIL, (WRITE,), (place,), error=errno.ENOSPC),
    "hangs": lambda place: Rule(HANG, EVERYTHING, (place,)),
    "is slow": lambda place: Rule(DELAY, (READ, WRITE, SYNC), (place,), seconds=0.05),
    "is gone": lambda place: None,
}


class Soak:
    """One soak. `run` answers its figures; `close` ends everything."""

    def __init__(self, folder: Path, *, seed: int, seconds: float, torrents: int = 16) -> None:
        self.seconds = seconds
        self.measured = Measured()
        self.scene = Scene(folder, seed=seed, torrents=torrents, journal=False, record_seconds=10)
        self.figures = self.scene.figures
        self._churn = Churn(folder, self.scene.daemon, self.scene.expected, self.scene.rng)
        self._log_path = self.scene.daemon.folder / "p2pd.log"
        self._troubled = False
        self._gone: Path | None = None

    def run(self) -> Figures:
        """All of it; what must not be is among the violations."""
        try:
            self._soak()
        except NotStartedError as problem:
            self.figures.violation("failed starts", str(problem))
        except (OSError, RuntimeError) as problem:
            where = "".join(traceback.format_exception(problem)[-3:])
            self.figures.violation("others", f"{where}{self.scene.daemon.log_tail()}")
        for line in not_for_users(self._log_path.read_text(errors="replace")):
            self.figures.violation("bugs in the log", line)
        return self.figures

    def close(self) -> None:
        """End what is still there."""
        self._churn.stop()
        self.scene.close()

    # -- the parts -----------------------------------------------------------------------------

    def _soak(self) -> None:
        self.scene.daemon.start()
        self._measure()
        before = self.measured.last("sockets")
        self.scene.seed.shut = False
        self._churn.start()
        self._work(self.seconds)
        again = go_on_until_sure(self._work, self._grows, self.seconds, MOST_AGAIN)
        self.figures.count("times that it went on to be sure", again)
        self._trend()
        self._churn.stop()
        self.figures.add(self._churn.figures)
        self.scene.finish()
        self._settle(before)
        self.scene.end_daemon()

    def _work(self, seconds: float) -> None:
        rng, end = self.scene.rng, time.monotonic() + seconds
        measure = reload = time.monotonic()
        trouble = time.monotonic() + min(10.0, self.seconds / 4)
        while (now := time.monotonic()) < end:
            if now >= measure:
                self._measure()
                measure = now + SAMPLE_SECONDS
            if now >= reload:
                self._reload()
                reload = now + RELOAD_SECONDS
            if now >= trouble and not self._troubled:
                self._trouble(rng.uniform(2.0, min(9.0, self.seconds / 6)))
                trouble = now + rng.uniform(15, 30)
            if self._gone is None:
                self.scene.workload.act()
            time.sleep(rng.uniform(0.02, 0.25))
        self._mend()

    def _measure(self) -> None:
        process = self.scene.daemon.process
        assert process is not None
        process.check_running()
        daemon = self.scene.daemon
        self.measured.take(process.pid, daemon.state_folder, self._log_path, daemon.volumes)

    def _reload(self) -> None:
        assert self.scene.daemon.process is not None
        self.scene.daemon.process.signal(signal.SIGHUP)
        self.figures.count("configurations read again")

    # -- a disk fails and returns --------------------------------------------------------------

    def _trouble(self, seconds: float) -> None:
        rng = self.scene.rng
        name, place = rng.choice(sorted(TROUBLES)), rng.choice(self.scene.data)
        self.figures.count(f"times that a disk {name}")
        self._troubled = True
        rule = TROUBLES[name](place)
        if rule is not None:
            self.scene.disk.set(rule)
        else:
            self._gone = self.scene.disk.places[place - 1]
            self._gone.rename(_aside(self._gone))
        threading.Timer(seconds, self._mend).start()

    def _mend(self) -> None:
        self.scene.disk.clear()
        gone, self._gone = self._gone, None
        if gone is not None:
            _aside(gone).rename(gone)
        self._troubled = False

    # -- the end -------------------------------------------------------------------------------

    def _grows(self) -> bool:
        """Whether anything grows faster than it may. A short soak only says by how much."""
        return bool(self._growths()) and self.seconds >= SHORTEST_TREND

    def _growths(self) -> list[str]:
        growths = [(name, self.measured.growth(name), bound) for name, bound in BOUNDS.items()]
        return [
            f"{name} grows by {growth:.1f} a minute, which may be {bound:g}"
            for name, growth, bound in growths
            if growth > bound
        ]

    def _trend(self) -> None:
        """Nothing grows, however long it is looked at."""
        for sentence in self._growths() if self._grows() else ():
            self.figures.violation("growth", sentence)

    def _settle(self, before: float) -> None:
        """When peers and clients are gone, so are their connections."""
        self.scene.seed.shut = True
        self.scene.seed.hang_up()

        def settled() -> bool:
            self._measure()
            return self.measured.last("sockets") <= before + SPARE_SOCKETS

        try:
            wait_until(settled, SETTLE_SECONDS, "end of connections", every=0.5)
        except TimeoutError:
            left = f"{self.measured.last('sockets'):g} sockets are left of {before:g}"
            self.figures.violation("growth", left)


def _aside(volume: Path) -> Path:
    return volume.with_name(f"{volume.name}.gone")


def main() -> int:
    """Run it; the exit status."""
    parser = argparse.ArgumentParser(prog="python -m tests.torture.soak", description=__doc__)
    parser.add_argument("--seconds", type=float, default=600, help="of work (default: 600)")
    parser.add_argument("--seed", type=int, help="of an earlier soak, to repeat it")
    parser.add_argument("--keep", action="store_true", help="keep the folder of the soak")
    asked = parser.parse_args()
    seed = random.SystemRandom().randrange(10**6) if asked.seed is None else asked.seed
    folder = Path(tempfile.mkdtemp(prefix="p2pd-soak-"))
    print(f"seed {seed}, in {folder}", flush=True)
    soak = Soak(folder, seed=seed, seconds=asked.seconds)
    try:
        figures = soak.run()
    finally:
        soak.close()
        if not asked.keep:
            shutil.rmtree(folder, ignore_errors=True)
    print(figures.table(soak.scene.disk.injected))
    print(soak.measured.table())
    print(f"in the second half; allowed are {MEMORY_BOUND:g} KiB and {DESCRIPTOR_BOUND:g} a minute")
    for sentence in figures.violations:
        print(f"VIOLATION {sentence}")
    return 1 if figures.violations else 0


if __name__ == "__main__":
    sys.exit(main())
