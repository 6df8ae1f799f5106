"""Where log lines go: a thread of its own writes them, for a disk or a terminal may not take them.

As many lines wait as have a bound; what comes beyond is counted and said when there is room again.
"""

from __future__ import annotations

import os
import threading
import time
from collections import deque
from contextlib import suppress
from typing import Callable, Protocol

from twisted.python.logfile import LogFile

WAITING_LINES = 10_000
DRAIN_SECONDS = 1.0
"""For the last lines when the process ends."""

LOST = "lines lost here: {count}; the log was not taken as fast as it came\n"


class Output(Protocol):
    """A text stream; both methods may block."""

    def write(self, text: str, /) -> object:
        """Write lines."""

    def flush(self) -> None:
        """Have others see them."""


class LogOutput:
    """A stream that never makes its caller wait."""

    def __init__(self, output: Output, waiting: int = WAITING_LINES) -> None:
        self._output = output
        self._most = waiting
        self._lines: deque[str | Callable[[], object]] = deque()
        self._lost = 0
        self._changed = threading.Condition()
        self._writer: tuple[int, threading.Thread] | None = None

    def write(self, text: str) -> None:
        """Have it written soon."""
        with self._changed:
            if len(self._lines) >= self._most:
                self._lost += 1
                return
            self._append(text)

    def flush(self) -> None:
        """Lines are flushed as they are written."""

    def reopen(self) -> None:
        """Begin the file anew if it was renamed (logrotate); nothing for other streams."""
        reopen = getattr(self._output, "reopen", None)
        if reopen is not None:
            with self._changed:
                self._append(reopen)

    def drain(self, seconds: float = DRAIN_SECONDS) -> None:
        """Wait until all is written, for so many seconds at most."""
        deadline = time.monotonic() + seconds
        with self._changed:
            while self._lines and (left := deadline - time.monotonic()) > 0:
                self._changed.wait(left)

    def _append(self, item: str | Callable[[], object]) -> None:
        self._lines.append(item)
        # A daemon in the background has forked since: the thread is not in this process.
        if self._writer is None or self._writer[0] != os.getpid():
            thread = threading.Thread(target=self._write_on, name="p2pd-log", daemon=True)
            self._writer = os.getpid(), thread
            thread.start()
        self._changed.notify_all()

    def _write_on(self) -> None:
        while True:
            with self._changed:
                while not self._lines:
                    self._changed.wait()
                item, lost = self._lines[0], self._lost
                self._lost = 0
            self._take(item)
            if lost:
                self._take(LOST.format(count=lost))
            with self._changed:
                self._lines.popleft()
                self._changed.notify_all()

    def _take(self, item: str | Callable[[], object]) -> None:
        # A log that cannot be written (a full disk, a pipe that nobody reads) ends nothing.
        with suppress(OSError, ValueError):
            if callable(item):
                item()
            else:
                self._output.write(item)
                self._output.flush()


def rotating_file(path: str, mib: int, kept: int) -> LogFile:
    """A log file for its owner alone, put aside when it is so large. Raises OSError."""
    folder, name = os.path.split(os.path.abspath(path))
    return LogFile(name, folder, rotateLength=mib * 2**20, defaultMode=0o600, maxRotatedFiles=kept)
