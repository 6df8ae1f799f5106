"""One run: life after life of one daemon, each cut off, and a look at what is left after each."""

from __future__ import annotations

import contextlib
import random
import shutil
import signal
import time
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType

from peers.processes import wait_until

from tests.torture.broken_disk import FAIL, OPEN, READ, BrokenDisk, Rule, build
from tests.torture.checks import Checks, whole_everywhere
from tests.torture.contents import make_contents
from tests.torture.daemon import NotStartedError, TorturedDaemon
from tests.torture.expected import Expected, ExpectedTorrent
from tests.torture.figures import Figures
from tests.torture.killer import Ending, draw_ending, draw_faults, killed_after
from tests.torture.power_cut import PowerCut
from tests.torture.swarm import Leechers, Seed
from tests.torture.workload import Workload

COMPLETE_SECONDS = 90
FIRST_DATA_PLACE = 2
STOP_SECONDS = 12


@dataclass(frozen=True)
class RunOptions:
    """How long a run is, and what it is drawn from."""

    seed: int
    kills: int
    torrents: int = 12
    seconds: float = 3600.0
    """No kill begins after these."""
    first: bool = False
    """End at the first violation."""


class TortureRun:
    """A context: its processes and folders are gone when it ends."""

    def __init__(
        self,
        folder: Path,
        options: RunOptions,
        *,
        elsewhere: Path | None = None,
        tell: Callable[[str], None] = print,
    ) -> None:
        """`elsewhere` is a folder on another file system, if there is one."""
        self.options = options
        self.figures = Figures()
        self._tell = tell
        self._rng = random.Random(options.seed)
        self._elsewhere = elsewhere
        self._latest = "before the first life"
        volumes = [folder / "one", folder / "two", *([elsewhere / "three"] if elsewhere else [])]
        for place in (folder / "state", *volumes):
            place.mkdir(parents=True)
        contents = make_contents(folder / "original", self._rng, options.torrents)
        places = [folder / "state", *volumes]
        self.disk = BrokenDisk(folder, build(folder), places, seed=options.seed)
        self._data = range(FIRST_DATA_PLACE, FIRST_DATA_PLACE + len(volumes))
        self._expected = Expected({each.hash_string: ExpectedTorrent(each) for each in contents})
        self._seed = Seed(contents)
        self._leechers = Leechers(self._rng)
        self._daemon = TorturedDaemon(folder / "daemon", self.disk)
        self._checks = Checks(self._daemon, self._expected, self._seed, self.figures)
        self._workload = Workload(
            self._daemon, self._expected, self._seed, self._leechers, self.figures, self._rng
        )

    def __enter__(self) -> TortureRun:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        problem: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._seed.stop()
        if self._daemon.process is not None and self._daemon.process.running:
            self._daemon.process.kill()
        if self._elsewhere is not None:
            shutil.rmtree(self._elsewhere, ignore_errors=True)

    def run(self) -> Figures:
        """All of it; violations are in the figures."""
        began = time.monotonic()
        try:
            self._begin(power_cut=False)
            while self.figures.kills.total() < self.options.kills:
                if time.monotonic() - began > self.options.seconds:
                    break
                self._one_more()
                if self.options.first and self.figures.violations:
                    return self.figures
            self._finish()
            self._transfers([])
        except NotStartedError as problem:
            self.figures.violation("failed starts", f"{self._latest}: {problem}")
        except (OSError, RuntimeError) as problem:
            where = "".join(traceback.format_exception(problem)[-3:])
            self.figures.violation("others", f"{where}{self._daemon.log_tail()}")
        self.figures.count("bytes sent by the seed", self._seed.sent)
        self.figures.count("bytes fetched from the daemon", self._leechers.received)
        return self.figures

    # -- one life ------------------------------------------------------------------------------

    def _one_more(self) -> None:
        before = len(self.figures.violations)
        ending = draw_ending(self._rng, list(self._data))
        faults = draw_faults(self._rng, list(self._data))
        if ending.phase == "starting":
            self._cut_start(ending, faults)
        else:
            self._live(ending, faults)
        power_cut = self._after_death(ending)
        self._latest = (
            f"life {self.figures.counts['lives']}, {ending.name}, power cut: {power_cut}, "
            f"{[rule.name for rule in faults]}"
        )
        self._transfers(faults)
        self._checks.look_at_disk()
        self._begin(power_cut=power_cut)
        for sentence in self.figures.violations[before:]:
            self._tell(f"{self._latest}\n    {sentence}")

    def _begin(self, *, power_cut: bool) -> None:
        """Start with a disk that works, and look at everything."""
        if self._daemon.process is None or not self._daemon.process.running:
            self._daemon.start()
            self.figures.count("restarts")
        self._checks.look_at_daemon(power_cut=power_cut)
        if self._rng.random() < 0.5:
            self._checks.tidy()

    def _live(self, ending: Ending, faults: list[Rule]) -> None:
        self._seed.shut = False
        self._workload.feed_all()
        rules = [ending.rule] if ending.rule and ending.phase == "running" else []
        self.disk.set(*rules, *faults)
        until_stop = self._rng.uniform(0.1, 1.5)
        stopped = ending.phase == "stopping"
        seconds = ending.seconds + (until_stop if stopped else 0)
        with killed_after(self._daemon, seconds) as dead, contextlib.suppress(OSError):
            end = time.monotonic() + (until_stop if stopped else seconds + 1)
            while not dead() and time.monotonic() < end:
                self._workload.act()
                self._checks.observe()
                time.sleep(self._rng.uniform(0, 0.12))
            if stopped:
                self._stop(ending, faults)

    def _stop(self, ending: Ending, faults: list[Rule]) -> None:
        process = self._daemon.process
        assert process is not None
        self.disk.set(*([ending.rule] if ending.rule else []), *faults)
        with contextlib.suppress(TimeoutError):
            process.terminate(STOP_SECONDS)

    def _cut_start(self, ending: Ending, faults: list[Rule]) -> None:
        """Kill what runs, and a start; the disk may fail from the first call on."""
        assert self._daemon.process is not None
        self._daemon.process.kill()
        self._after_death(Ending("running", 0.0, None))
        self.disk.set(*([ending.rule] if ending.rule else []), *faults)
        self._daemon.launch()
        with killed_after(self._daemon, ending.seconds) as dead:
            while not dead():
                time.sleep(0.01)
        if self._daemon.process.status not in (0, -signal.SIGKILL):
            self.figures.count("starts refused while the disk failed")
            if not faults:
                self.figures.violation("failed starts", self._daemon.log_tail())

    def _after_death(self, ending: Ending) -> bool:
        """Count it, and decide what the disk keeps; whether there was a power cut."""
        process = self._daemon.process
        assert process is not None
        self.figures.count("lives")
        if process.status == -signal.SIGKILL:
            self.figures.kills[ending.name] += 1
        elif process.status == 0:
            self.figures.count("clean stops")
        self.disk.clear()
        self._seed.shut = True
        self._seed.hang_up()
        cut = self._rng.random() < 0.5
        if cut:
            loss = PowerCut(self.disk, self._rng).play()
            self.figures.count("power cuts")
            self.figures.count("power cuts: bytes taken back", loss.bytes)
            self.figures.count("power cuts: names taken back", loss.names)
        elif self._rng.random() < 0.5:
            self.disk.forget_journal()
        return cut

    def _transfers(self, faults: list[Rule]) -> None:
        """What peers saw of the life that ended."""
        wrong, self._leechers.wrong = self._leechers.wrong, []
        for sentence in wrong:
            self.figures.violation("wrong bytes sent", sentence)
        again = self._seed.asked_again.copy()
        self._seed.asked_again.clear()
        unreadable = any(
            rule.action == FAIL and {READ, OPEN} & set(rule.kinds) and rule.places[0] in self._data
            for rule in faults
        )
        for name, count in again.items():
            if unreadable:  # what a check cannot read has to be fetched, for all it knows
                self.figures.count("bytes fetched again, as the disk refused to read", count)
            else:
                self.figures.violation("bytes asked for again", f"{name}: {count}", count)

    # -- the end -------------------------------------------------------------------------------

    def _finish(self) -> None:
        """With a disk that works everything comes to its end."""
        if self._daemon.process is None or not self._daemon.process.running:
            self._begin(power_cut=False)
        self._seed.shut = False
        self._workload.complete_all()

        def complete() -> bool:
            rows = self._daemon.rows("left_until_done", "status", "move")
            return all(
                row["left_until_done"] == 0 and row["status"] == 6 and row["move"] is None
                for row in rows.values()
            )

        wait_until(complete, COMPLETE_SECONDS, "complete torrents", details=self._daemon.log_tail)
        self._checks.look_at_daemon(power_cut=False)
        whole_everywhere(self._expected, self.figures)
        if self._daemon.terminate() != 0:
            self.figures.violation("others", f"it ended badly{self._daemon.log_tail()}")
        self._checks.look_at_log()
