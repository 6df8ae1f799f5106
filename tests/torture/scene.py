"""What a run needs: a daemon on a disk that fails on demand, torrents, peers, clients."""

from __future__ import annotations

import random
import shutil
import tempfile
from pathlib import Path

from peers.processes import wait_until

from tests.torture.broken_disk import BrokenDisk, build, same_device
from tests.torture.checks import Checks, whole_everywhere
from tests.torture.contents import make_contents
from tests.torture.daemon import RECORD_SECONDS, TorturedDaemon
from tests.torture.expected import Expected, ExpectedTorrent
from tests.torture.figures import Figures
from tests.torture.swarm import Leechers, Seed
from tests.torture.workload import Workload

COMPLETE_SECONDS = 90
FIRST_DATA_PLACE = 2
OTHER_FILE_SYSTEM = Path("/dev/shm")
SEEDING = 6


class Scene:
    """Made in `folder`, and in one on another file system if there is one. `close` ends it."""

    def __init__(
        self,
        folder: Path,
        *,
        seed: int,
        torrents: int,
        journal: bool = True,
        record_seconds: float = RECORD_SECONDS,
    ) -> None:
        """`journal`: for power cuts; `record_seconds`: how often the daemon records pieces."""
        self.rng = random.Random(seed)
        self.figures = Figures()
        self._elsewhere = elsewhere_than(folder)
        volumes = [folder / "one", folder / "two"]
        volumes += [self._elsewhere / "three"] if self._elsewhere else []
        for place in (folder / "state", *volumes):
            place.mkdir(parents=True)
        self.disk = BrokenDisk(
            folder, build(folder), [folder / "state", *volumes], seed=seed, journal=journal
        )
        self.data = range(FIRST_DATA_PLACE, FIRST_DATA_PLACE + len(volumes))
        """The places of the download folders."""
        self.contents = make_contents(folder / "original", self.rng, torrents)
        self.expected = Expected(
            {each.hash_string: ExpectedTorrent(each) for each in self.contents}
        )
        self.seed = Seed(self.contents)
        self.leechers = Leechers(self.rng)
        self.daemon = TorturedDaemon(folder / "daemon", self.disk, record_seconds=record_seconds)
        self.checks = Checks(self.daemon, self.expected, self.seed, self.figures)
        self.workload = Workload(
            self.daemon, self.expected, self.seed, self.leechers, self.figures, self.rng
        )

    def finish(self) -> None:
        """With a disk that works every torrent comes to be whole, and the daemon ends well."""
        self.seed.shut = False
        self.workload.complete_all()
        wait_until(
            self._all_seed, COMPLETE_SECONDS, "complete torrents", details=self.daemon.log_tail
        )
        self.checks.look_at_daemon(power_cut=False)
        whole_everywhere(self.expected, self.figures)

    def end_daemon(self) -> None:
        """A clean stop."""
        if self.daemon.terminate() != 0:
            self.figures.violation("others", f"it ended badly{self.daemon.log_tail()}")
        self.checks.look_at_log()

    def _all_seed(self) -> bool:
        rows = self.daemon.rows("left_until_done", "status", "move").values()
        return all(
            (row["left_until_done"], row["status"], row["move"]) == (0, SEEDING, None)
            for row in rows
        )

    def close(self) -> None:
        """End its processes, and remove what is not in its folder."""
        self.seed.stop()
        if self.daemon.process is not None and self.daemon.process.running:
            self.daemon.process.kill()
        if self._elsewhere is not None:
            shutil.rmtree(self._elsewhere, ignore_errors=True)


def elsewhere_than(folder: Path) -> Path | None:
    """A new folder on another file system, if there is one that anybody may write to."""
    if not OTHER_FILE_SYSTEM.is_dir() or same_device(OTHER_FILE_SYSTEM, folder):
        return None
    return Path(tempfile.mkdtemp(prefix="p2pd-torture-", dir=OTHER_FILE_SYSTEM))
