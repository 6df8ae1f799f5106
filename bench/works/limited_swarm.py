"""A small swarm, every upload of which is limited: what choosing peers and pieces well is worth.

One seed and eight leechers, nine processes of the same engine that all know each other. The limit
is far below what the machine can do, so what counts is that no upload lies idle, and that nobody is
sent what others could have had from him. A seed sends each byte once at least: nobody has the whole
torrent sooner than it takes to do that.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Sequence
from statistics import mean

from bench.case import CPU, Case, Figure
from bench.content import Torrent
from bench.engines.engine import Engine
from bench.engines.libtorrent import Libtorrent
from bench.engines.p2pd import P2pd
from bench.errors import BenchError
from bench.figures import Sample
from bench.following import wait_checked, wait_complete
from bench.meter import Elsewhere, Meter
from bench.scratch import warm_pages
from bench.sizes import MIB, size_text
from bench.workbench import Workbench

WORK = "limited-swarm"
LEECHERS = 8
UPLOAD = 4_000_000
"""Bytes a second that each node may send: of the TCP stream, without the headers of packets."""

LARGEST = 64 * MIB
ROOM = 2 * LEECHERS * LARGEST
"""Bytes of files that there are at most: all copies, and what warms memory for them before."""

SLACK = 1.05
"""By how much a node may exceed its limit before the run has no figure."""

REDIAL_SECONDS = 2.0
SELDOM, OFTEN = 0.5, 0.05
NEARLY = 0.9
"""Seconds between questions, and the progress from which on they are asked more often."""

MEAN = Figure("mean", "mean s", 2)
LAST = Figure("last", "last s", 2)
MULTIPLE = Figure("multiple", "mean x bound", 3, compared=False)
SEED_RATE = Figure("seed_rate", "seed MB/s", 2, compared=False)
HIGHEST_RATE = Figure("highest_rate", "highest MB/s", 2, compared=False)
FIGURES = (MEAN, LAST, MULTIPLE, SEED_RATE, HIGHEST_RATE, CPU)


def cases(bench: Workbench) -> list[Case]:
    """One case, for p2pd and libtorrent."""
    options = bench.options
    piece = options.pieces[0]
    size = max(min(options.size, LARGEST), piece)

    def measure(engine: str) -> Sample:
        return measure_limited(bench, engine, bench.sources.torrent(size, piece))

    engines = tuple(name for name in bench.engines if name in (P2pd.name, Libtorrent.name))
    detail = f"{size_text(size)} to {LEECHERS} leechers, {UPLOAD / 1e6:g} MB/s each"
    return [Case(WORK, detail, engines, FIGURES, measure)]


def measure_limited(bench: Workbench, name: str, torrent: Torrent) -> Sample:
    """One swarm from the first dialling to the last leecher's end, its bytes compared."""
    with bench.run_folder() as folder, contextlib.ExitStack() as stack:
        nodes = bench.limited(name, 1 + LEECHERS, folder, UPLOAD)
        for node in nodes:
            stack.callback(node.stop)
        swarm = LimitedSwarm(torrent, nodes, bench.options.timeout)
        swarm.prepare()
        sample = swarm.run()
        stack.close()
        for leecher in nodes[1:]:
            torrent.verify(leecher.folder / "data")
    return sample


class LimitedSwarm:
    """The nodes, of which the first is the seed; `limit` is seconds for each step."""

    def __init__(self, torrent: Torrent, nodes: Sequence[Engine], limit: float) -> None:
        self._torrent = torrent
        self._nodes = nodes
        self._limit = limit
        self._redial_at = 0.0

    def prepare(self) -> None:
        """A seed that has checked everything, warm memory, leechers that wait."""
        torrent, (seed, *leechers) = self._torrent, self._nodes
        warm_pages(seed.folder, torrent.size * len(leechers))
        for node in self._nodes:
            node.start()
            data = node.folder / "data"
            data.mkdir()
            node.add(torrent, torrent.content.parent if node is seed else data)
        wait_complete(seed, torrent, self._limit)
        for leecher in leechers:
            wait_checked(leecher, torrent, self._limit)

    def run(self) -> Sample:
        """Dial, wait for the end, and count. Raises BenchError when a limit did not hold."""
        meters, elsewhere = [Meter(node) for node in self._nodes], Elsewhere(self._nodes)
        times = self._follow()
        moved = self._torrent.size * len(times)
        last = max(times)
        rates = [node.uploaded(self._torrent) / last for node in self._nodes]
        check_limits(rates, min(times), self._torrent.size)
        return {
            **completion(times, self._torrent.size),
            "seed_rate": rates[0] / 1e6,
            "highest_rate": max(rates) / 1e6,
            "elsewhere": elsewhere.share(),
            "cpu": sum(meter.sample(moved)["cpu"] for meter in meters),
        }

    def _follow(self) -> list[float]:
        """Seconds from the first dialling to the completion of each leecher."""
        began, missing, times = time.monotonic(), list(self._nodes[1:]), []
        while True:
            now = time.monotonic()
            self._dial_the_missing(now)
            told = [(leecher, leecher.status(self._torrent)) for leecher in missing]
            answered = time.monotonic() - began
            times += [answered for _, status in told if status.done]
            missing = [leecher for leecher, status in told if not status.done]
            if not missing:
                return times
            if answered > self._limit:
                raise BenchError(f"{len(missing)} were not done within {self._limit:.0f} s")
            nearly = max(status.progress for _, status in told) >= NEARLY
            time.sleep(OFTEN if nearly else SELDOM)

    def _dial_the_missing(self, now: float) -> None:
        """Every node dials those before it; anew after a while if it does not have all of them."""
        if now < self._redial_at:
            return
        again, self._redial_at = self._redial_at > 0, now + REDIAL_SECONDS
        for number, node in enumerate(self._nodes):
            status = node.status(self._torrent)
            if not again or (not status.done and status.peers < len(self._nodes) - 1):
                node.connect(self._torrent, self._nodes[:number])


def completion(times: Sequence[float], size: int) -> Sample:
    """The mean and the last of the times, in seconds; the mean in multiples of the bound."""
    return {"mean": mean(times), "last": max(times), "multiple": mean(times) / (size / UPLOAD)}


def check_limits(rates: Sequence[float], first: float, size: int) -> None:
    """Raises BenchError when limits did not hold.

    By the engine's own counts, bytes a second of each node; and by the first who was complete, in
    seconds, which was not before the seed may have sent everything once.
    """
    limit = f"{UPLOAD / 1e6:g} MB/s"
    if max(rates) > UPLOAD * SLACK:
        raise BenchError(f"a node limited to {limit} sent {max(rates) / 1e6:.2f} MB/s")
    if first < size / UPLOAD / SLACK:
        raise BenchError(f"somebody was complete after {first:.2f} s, too soon for {limit}")
