"""One run: life after life of one daemon, each cut off, and a look at what is left after each."""

from __future__ import annotations

import contextlib
import signal
import time
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from tests.torture.bad_database import OLD_SETTING, damage, is_kept_beside, make_old
from tests.torture.broken_disk import DATABASE, FAIL, KILL_AFTER, OPEN, READ, SYNC, WRITE, Rule
from tests.torture.daemon import NotStartedError
from tests.torture.expected import Maybe
from tests.torture.figures import Figures
from tests.torture.killer import Ending, draw_ending, draw_faults, killed_after
from tests.torture.power_cut import PowerCut
from tests.torture.scene import Scene

STOP_SECONDS = 12
UPGRADES = 3


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
    """A context: its processes are gone when it ends."""

    def __init__(
        self, folder: Path, options: RunOptions, *, tell: Callable[[str], None] = print
    ) -> None:
        self.options = options
        self._tell = tell
        self._scene = Scene(folder, seed=options.seed, torrents=options.torrents)
        self._rng = self._scene.rng
        self._daemon = self._scene.daemon
        self._checks = self._scene.checks
        self._latest = "before the first life"
        self.disk = self._scene.disk
        self.figures = self._scene.figures

    def __enter__(self) -> TortureRun:
        return self

    def __exit__(self, *problem: object) -> None:
        self._scene.close()

    def run(self) -> Figures:
        """All of it; violations are in the figures."""
        try:
            self._lives()
        except NotStartedError as problem:
            self.figures.violation("failed starts", f"{self._latest}: {problem}")
        except (OSError, RuntimeError) as problem:
            where = "".join(traceback.format_exception(problem)[-3:])
            self.figures.violation("others", f"{self._latest}: {where}{self._daemon.log_tail()}")
        self.figures.count("bytes sent by the seed", self._scene.seed.sent)
        self.figures.count("bytes fetched from the daemon", self._scene.leechers.received)
        return self.figures

    def _lives(self) -> None:
        deadline = time.monotonic() + self.options.seconds
        self._upgrade()
        self._begin(power_cut=False)
        while self.figures.kills.total() < self.options.kills and time.monotonic() < deadline:
            self._one_more()
            if self.options.first and self.figures.violations:
                return
        self._scene.finish()
        self._scene.end_daemon()
        self._transfers([])

    def _upgrade(self) -> None:
        """Some starts on a database of an earlier version, each cut off."""
        make_old(self._daemon.state_folder, self._rng)
        name, value = OLD_SETTING
        self._scene.expected.settings[name] = Maybe([value])
        for _ in range(UPGRADES):
            skip = self._rng.randint(0, 25)
            kill = Rule(KILL_AFTER, (WRITE, SYNC), (DATABASE,), skip=skip)
            self.disk.set(kill)
            self._daemon.launch()
            with killed_after(self._daemon, 1.0) as dead:
                while not dead():
                    time.sleep(0.01)
            self._after_death(Ending("upgrading", 1.0, kill))

    # -- one life ------------------------------------------------------------------------------

    def _one_more(self) -> None:
        before = len(self.figures.violations)
        ending = draw_ending(self._rng, list(self._scene.data))
        faults = draw_faults(self._rng, list(self._scene.data))
        power_cut = False
        if ending.phase in ("starting", "rebuilding"):
            power_cut = self._cut_start(ending, faults)
        else:
            self._live(ending, faults)
        power_cut |= self._after_death(ending)
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
        self._daemon.start()
        self.figures.count("restarts")
        self._checks.look_at_daemon(power_cut=power_cut)
        if self._rng.random() < 0.5:
            self._checks.tidy()

    def _live(self, ending: Ending, faults: list[Rule]) -> None:
        self._scene.seed.shut = False
        self._scene.workload.feed_all()
        rules = [ending.rule] if ending.rule and ending.phase == "running" else []
        self.disk.set(*rules, *faults)
        until_stop = self._rng.uniform(0.1, 1.5)
        stopped = ending.phase == "stopping"
        seconds = ending.seconds + (until_stop if stopped else 0)
        with killed_after(self._daemon, seconds) as dead, contextlib.suppress(OSError):
            end = time.monotonic() + (until_stop if stopped else seconds + 1)
            while not dead() and time.monotonic() < end:
                self._scene.workload.act()
                self._checks.observe()
                time.sleep(self._rng.uniform(0, 0.12))
            if stopped:
                self._stop(ending, faults)

    def _stop(self, ending: Ending, faults: list[Rule]) -> None:
        assert self._daemon.process is not None
        self.disk.set(*([ending.rule] if ending.rule else []), *faults)
        with contextlib.suppress(TimeoutError):
            self._daemon.process.terminate(STOP_SECONDS)

    def _cut_start(self, ending: Ending, faults: list[Rule]) -> bool:
        """Kill what runs, and a start; the disk may fail from the first call on.

        Whether there was a power cut between the two.
        """
        if ending.phase == "rebuilding":
            self._damage()
            faults = []
        else:
            assert self._daemon.process is not None
            self._daemon.process.kill()
        power_cut = self._after_death(Ending("running", 0.0, None))
        self.disk.set(*([ending.rule] if ending.rule else []), *faults)
        self._daemon.launch()
        with killed_after(self._daemon, ending.seconds) as dead:
            while not dead():
                time.sleep(0.01)
        if self._daemon.process.status not in (0, -signal.SIGKILL):
            self.figures.count("starts refused while the disk failed")
            if not faults:
                self.figures.violation("failed starts", self._daemon.log_tail())
        return power_cut

    def _damage(self) -> None:
        """End it well, and harm its database, if all that counts is kept beside that."""
        assert self._daemon.process is not None
        state = self._daemon.state_folder
        if self._daemon.process.terminate(STOP_SECONDS) == 0 and is_kept_beside(state):
            self.disk.forget_journal()
            damage(state, self._rng)
            self._checks.database_damaged()
            self.figures.count("databases damaged")

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
        self._daemon.note("---", f"life {self.figures.counts['lives']} ends,", ending.name)
        self._scene.seed.shut = True
        self._scene.seed.hang_up()
        cut = self._rng.random() < 0.5
        if cut:
            loss = PowerCut(self.disk, self._rng).play()
            self._daemon.note("--- power cut:", loss)
            self.figures.count("power cuts")
            self.figures.count("power cuts: bytes taken back", loss.bytes)
            self.figures.count("power cuts: names taken back", loss.names)
        elif self._rng.random() < 0.5:
            self.disk.forget_journal()
        return cut

    def _transfers(self, faults: list[Rule]) -> None:
        """What peers saw of the life that ended."""
        leechers, seed = self._scene.leechers, self._scene.seed
        wrong, leechers.wrong = leechers.wrong, []
        for sentence in wrong:
            self.figures.violation("wrong bytes sent", sentence)
        again = seed.asked_again.copy()
        seed.asked_again.clear()
        unreadable = any(
            rule.action == FAIL
            and {READ, OPEN} & set(rule.kinds)
            and rule.places[0] in self._scene.data
            for rule in faults
        )
        for name, count in again.items():
            if unreadable:  # what a check cannot read has to be fetched, for all it knows
                self.figures.count("bytes fetched again, as the disk refused to read", count)
            else:
                self.figures.violation("bytes asked for again", f"{name}: {count}", count)
