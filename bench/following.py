"""Waiting for engines to be done with a torrent, and timing them."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence

from bench.content import Torrent
from bench.engines.engine import Engine, Status
from bench.errors import BenchError
from bench.polling import TransferClock
from bench.processes import wait_until


def downloaded(status: Status) -> float:
    """How much of a torrent came from peers: while a check is under way, nothing has yet."""
    return 0.0 if status.checking else status.progress


def checked(status: Status) -> float:
    """How much of a torrent was checked."""
    return status.progress


def follow(
    engines: Sequence[Engine],
    torrent: Torrent,
    progress_of: Callable[[Status], float],
    limit: float,
    meanwhile: Callable[[float], None] = lambda now: None,
) -> TransferClock:
    """Ask the engines until all are done; `meanwhile` is called with the time after each round.

    Raises BenchError after `limit` seconds.
    """
    clock = TransferClock(time.monotonic())
    while True:
        told = [_status(engine, torrent) for engine in engines]
        progress = sum(map(progress_of, told)) / len(told)
        now = time.monotonic()
        pause = clock.saw(now, progress)
        if all(one.done for one in told):
            return clock
        if now - clock.asked > limit:
            raise BenchError(f"only {progress:.0%} was done within {limit:.0f} s")
        meanwhile(now)
        time.sleep(pause)


def _status(engine: Engine, torrent: Torrent) -> Status:
    try:
        return engine.status(torrent)
    except OSError:
        engine.child.check_running()
        raise


def wait_complete(seed: Engine, torrent: Torrent, seconds: float) -> None:
    """Until it has checked every piece and seeds. Raises BenchError."""
    complete = f"complete {seed.name}"
    wait_until(lambda: seed.status(torrent).done, seconds, complete, seed.child)


def wait_checked(leecher: Engine, torrent: Torrent, seconds: float) -> None:
    """Until it found that there is nothing yet. Raises BenchError."""
    start = f"start of the torrent in {leecher.name}"
    wait_until(lambda: not leecher.status(torrent).checking, seconds, start, leecher.child)
