"""Run p2pd, with a watch on its reactor: ``p2pd_launcher.py FIGURES [--answers] -- OPTIONS``.

OPTIONS are p2pd's own. A ticker of 20 ms notes by how much the reactor kept it waiting. On SIGUSR1
the file FIGURES is written anew, and what was noted is forgotten:

``asked``
    how often there was a SIGUSR1
``worst_stall``
    milliseconds by which the latest tick came too late
``ticks``
    how many there were
``since_arrival``, ``since_poll``, ``since_read``
    with ``--answers``, see :class:`AnswerTimes`: lists of milliseconds

p2pd itself has nothing of this: the transport's methods are wrapped from here.
"""

from __future__ import annotations

import json
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from time import perf_counter
from typing import Any, NamedTuple

TICK = 0.02
AT_ONCE = 50e-6
"""Seconds within which a poll returns that found something and did not have to wait."""


class Ticker:
    """Notes the worst lateness of a timer that is due every `TICK` seconds."""

    def __init__(self, reactor: Any) -> None:
        self._reactor = reactor
        self._due = 0.0
        self.worst = 0.0
        self.ticks = 0

    def start(self) -> None:
        """Begin, in the running reactor."""
        self._due = perf_counter() + TICK
        self._reactor.callLater(TICK, self._tick)

    def _tick(self) -> None:
        now = perf_counter()
        self.worst = max(self.worst, now - self._due)
        self.ticks += 1
        self.start()

    def forget(self) -> None:
        """Begin to note anew."""
        self.worst, self.ticks = 0.0, 0


class Arrival(NamedTuple):
    """When bytes came, by three readings of the clock, each later than the one before."""

    arrived: float
    polled: float
    read: float


class AnswerTimes:
    """How long bytes that came waited for their answer, for each wake-up of a connection.

    Answered is a message when its answer was handed to the transport, or the read of its blocks
    to the disk's threads; of a wake-up with several messages the last counts. The time counts

    * from the arrival, taken for as early as it can have been: a poll that had to wait returns
      when bytes arrive; what a poll finds at once may have come right after the one before it,
    * from the return of the poll that told of them, so without what kept the reactor from it,
    * from the moment they were read from the socket: what this connection alone takes.
    """

    def __init__(self) -> None:
        self.noted: list[tuple[float, float, float]] = []
        self._arrived = self._polled = 0.0
        self._unanswered: dict[object, Arrival] = {}
        self._current: object = None
        self._answered_at = 0.0

    def polled(self, asked: float, returned: float) -> None:
        """The reactor was told of what there is to read."""
        self._arrived = returned if returned - asked > AT_ONCE else self._polled
        self._polled = returned

    def received(self, stream: object, handle: Callable[[], None]) -> None:
        """Bytes were read from the socket; `handle` is what p2pd makes of them."""
        arrival = Arrival(self._arrived, self._polled, perf_counter())
        self._unanswered.setdefault(stream, arrival)
        self._current, self._answered_at = stream, 0.0
        try:
            handle()
        finally:
            self._current = None
            if self._answered_at:
                self._note(stream, self._answered_at)

    def answered(self, stream: object) -> None:
        """Something was handed to the transport for this stream."""
        if stream is self._current:
            self._answered_at = perf_counter()
        elif stream in self._unanswered:
            self._note(stream, perf_counter())

    def reading(self) -> None:
        """Blocks are asked of the disk's threads: if in answer to somebody, then to `_current`."""
        if self._current is not None:
            self.answered(self._current)

    def _note(self, stream: object, now: float) -> None:
        arrived, polled, read = self._unanswered.pop(stream)
        self.noted.append((now - arrived, now - polled, now - read))

    def milliseconds(self) -> dict[str, list[float]]:
        """What was noted since it was last asked."""
        noted, self.noted = self.noted, []
        self._unanswered.clear()
        names = ("since_arrival", "since_poll", "since_read")
        return {name: [times[n] * 1e3 for times in noted] for n, name in enumerate(names)}


class _Poller:
    """The reactor's epoll object, with a look at the clock before and after."""

    def __init__(self, poller: Any, polled: Callable[[float, float], None]) -> None:
        self._poller = poller
        self._polled = polled

    def poll(self, *args: Any) -> Any:
        asked = perf_counter()
        told = self._poller.poll(*args)
        self._polled(asked, perf_counter())
        return told

    def __getattr__(self, name: str) -> Any:
        return getattr(self._poller, name)


def watch_answers(reactor: Any, times: AnswerTimes) -> None:
    """Wrap what the reactor polls, what streams receive and write, and what the disk is asked."""
    from p2pd.storage.disk_queue import DiskQueue
    from p2pd.transports.tcp import TcpStream

    reactor._poller = _Poller(reactor._poller, times.polled)
    received, write, run = TcpStream.received, TcpStream.write, DiskQueue.run

    def watched_received(stream: Any, data: Any) -> None:
        times.received(stream, lambda: received(stream, data))

    def watched_write(stream: Any, buffers: Any) -> None:
        times.answered(stream)
        write(stream, buffers)

    def watched_run(queue: Any, kind: str, job: Any, *args: Any) -> Any:
        result = run(queue, kind, job, *args)
        if kind == "read":
            times.reading()
        return result

    changes = ((TcpStream, "received", watched_received), (TcpStream, "write", watched_write))
    for owner, name, wrapped in (*changes, (DiskQueue, "run", watched_run)):
        setattr(owner, name, wrapped)


class Watch:
    """The ticker, the answers if wanted, and the file that SIGUSR1 asks for."""

    def __init__(self, reactor: Any, target: Path, answers: AnswerTimes | None) -> None:
        self._reactor = reactor
        self._target = target
        self._ticker = Ticker(reactor)
        self._answers = answers
        self._asked = 0

    def start(self) -> None:
        """Begin, in the running reactor."""
        self._ticker.start()
        signal.signal(
            signal.SIGUSR1, lambda *_: self._reactor.callFromThread(self._tell_and_forget)
        )

    def _tell_and_forget(self) -> None:
        self._asked += 1
        figures: dict[str, Any] = {
            "asked": self._asked,
            "worst_stall": self._ticker.worst * 1e3,
            "ticks": self._ticker.ticks,
        }
        if self._answers is not None:
            figures |= self._answers.milliseconds()
        written = self._target.with_suffix(".new")
        written.write_text(json.dumps(figures))
        written.rename(self._target)
        self._ticker.forget()


def main(arguments: list[str]) -> None:
    """Start the watch and p2pd."""
    split = arguments.index("--")
    target = Path(arguments[0])
    answers = AnswerTimes() if "--answers" in arguments[:split] else None

    from twisted.internet import reactor

    from p2pd.service.main import main as run_p2pd

    if answers is not None:
        watch_answers(reactor, answers)
    watch = Watch(reactor, target, answers)
    reactor.callWhenRunning(watch.start)
    run_p2pd(arguments[split + 1 :])


if __name__ == "__main__":
    main(sys.argv[1:])
