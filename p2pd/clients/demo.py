"""The main job on one machine: a tracker, a seed and two leechers, each a daemon of its own.

Run as ``python -m p2pd.clients.demo``. Everything is on loopback and in a temporary folder that is
removed at the end. The daemons are driven over their control API like anybody's; how they work
inside is not known here. Exit status 0 when every file arrived with equal SHA-256 sums, else 1.
"""

from __future__ import annotations

import argparse
import signal
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from pathlib import Path

from rich.console import Console

from p2pd.base.errors import P2pdError
from p2pd.clients.demo_content import MIB, differences, file_sums, make_content
from p2pd.clients.demo_daemon import DemoDaemon, DemoError
from p2pd.clients.demo_progress import Display, display_on
from p2pd.clients.free_port import free_port
from p2pd.formats.creator import CreationOptions
from p2pd.storage.torrent_creator import create_torrent

DEFAULT_MIB = 150
DOWNLOAD_SECONDS = 120.0
POLL_SECONDS = 0.1
LEECHERS = ("anna", "boris")


class Demo:
    """The daemons and the content, and the steps from one to the other in `run`."""

    def __init__(self, folder: Path, size: int, display: Display) -> None:
        self._size = size
        self._display = display
        self._original = folder / "original" / "p2pd demo"
        port = free_port()
        self._announce = f"http://127.0.0.1:{port}/announce"
        self.tracker = DemoDaemon(
            "tracker", folder, {"tracker.enabled": "true", "tracker.port": str(port)}
        )
        self.seed = DemoDaemon("seed", folder)
        self.leechers = [DemoDaemon(name, folder) for name in LEECHERS]

    @property
    def daemons(self) -> list[DemoDaemon]:
        """All of them, in the order in which they start."""
        return [self.tracker, self.seed, *self.leechers]

    def run(self) -> None:
        """Raises DemoError or another P2pdError with what went wrong in words."""
        with ExitStack() as ending:
            for daemon in self.daemons:
                ending.callback(daemon.stop)
                daemon.start()
            torrent = self._make_torrent()
            for daemon in self.daemons:
                daemon.wait_ready()
            self._display.say(f"{len(self.daemons)} daemons run, the tracker at {self._announce}")
            self._seed(torrent)
            seconds = self._download(torrent)
            self._compare()
            self._display.say(self._summary(seconds))

    def _make_torrent(self) -> bytes:
        count = make_content(self._original, self._size)
        torrent = create_torrent(
            str(self._original),
            CreationOptions(version="hybrid", trackers=((self._announce,),)),
        )
        self._display.say(f"made {count} files, {self._size / MIB:.0f} MiB, and a torrent of them")
        return torrent

    def _seed(self, torrent: bytes) -> None:
        self.seed.add(torrent, self._original.parent)
        self._wait(lambda: self.seed.progress().finished, 60, "the seed did not verify its files")
        self._wait(self.seed.has_announced, 30, "the tracker did not answer the seed")
        self._display.say("the seed has verified its files and told the tracker")

    def _download(self, torrent: bytes) -> float:
        """Until all leechers have everything; returns how many seconds that took."""
        began = time.monotonic()
        for leecher in self.leechers:
            leecher.add(torrent, leecher.downloads)
        with self._display.bars():
            self._wait(self._all_finished, DOWNLOAD_SECONDS, "the leechers did not finish")
        return time.monotonic() - began

    def _all_finished(self) -> bool:
        reports = [leecher.progress() for leecher in self.leechers]
        for report in reports:
            self._display.show(report)
        return all(report.finished for report in reports)

    def _wait(self, question: Callable[[], bool], seconds: float, failure: str) -> None:
        deadline = time.monotonic() + seconds
        while not question():
            for daemon in self.daemons:
                daemon.check_running()
            if time.monotonic() > deadline:
                raise DemoError(f"{failure} within {seconds:.0f} s", self.daemons)
            time.sleep(POLL_SECONDS)

    def _compare(self) -> None:
        expected = file_sums(self._original)
        for leecher in self.leechers:
            found = file_sums(leecher.downloads / self._original.name)
            if wrong := differences(expected, found):
                words = "; ".join(wrong[:5])
                raise DemoError(f"{leecher.name} has not what the seed has: {words}", [leecher])
            self._display.say(f"{leecher.name}: {len(expected)} files, every SHA-256 sum is equal")

    def _summary(self, seconds: float) -> str:
        sent = ", ".join(
            f"{daemon.name} sent {daemon.uploaded() / MIB:.0f} MiB"
            for daemon in (self.seed, *self.leechers)
        )
        total = len(self.leechers) * self._size / MIB
        return f"{total:.0f} MiB in {seconds:.1f} s, {total / seconds:.0f} MiB/s in all: {sent}"


def main(arguments: Sequence[str] | None = None) -> int:
    """The exit status."""
    parser = argparse.ArgumentParser(prog="p2pd demo", description=(__doc__ or "").split("\n")[0])
    parser.add_argument(
        "--size", type=int, default=DEFAULT_MIB, metavar="MIB", help="how much data (%(default)s)"
    )
    size = max(1, parser.parse_args(arguments).size) * MIB
    signal.signal(signal.SIGTERM, _interrupt)
    display = display_on(Console())
    try:
        with tempfile.TemporaryDirectory(prefix="p2pd-demo-") as folder:
            Demo(Path(folder), size, display).run()
    except (P2pdError, OSError) as error:
        print(f"p2pd demo: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("p2pd demo: interrupted", file=sys.stderr)
        return 130
    return 0


def _interrupt(*_: object) -> None:
    raise KeyboardInterrupt


if __name__ == "__main__":
    sys.exit(main())
