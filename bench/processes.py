"""Child processes: started in sessions of their own, waited for with a limit, always ended.

Only what was started here is ever ended, by its pid or its own process group.
"""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import IO, TypeVar

from bench.errors import BenchError

HOST = "127.0.0.1"
LOG_LINES = 12
T = TypeVar("T")

_running: list[Child] = []


class Child:
    """A program in a session of its own; what it says goes to a log file."""

    def __init__(
        self,
        name: str,
        command: Sequence[str],
        folder: Path,
        *,
        pipes: bool = False,
        environment: Mapping[str, str] | None = None,
    ) -> None:
        self.name = name
        self.log = folder / f"{name}.log"
        self.started_at = time.monotonic()
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                command,
                cwd=folder,
                stdin=subprocess.PIPE if pipes else subprocess.DEVNULL,
                stdout=subprocess.PIPE if pipes else log,
                stderr=log,
                bufsize=0,
                start_new_session=True,
                env={**os.environ, **(environment or {})},
            )
        _running.append(self)

    @property
    def pid(self) -> int:
        """The process that is accounted."""
        return self._process.pid

    @property
    def stdin(self) -> IO[bytes]:
        """The pipe to it."""
        assert self._process.stdin is not None
        return self._process.stdin

    @property
    def stdout(self) -> IO[bytes]:
        """The pipe from it."""
        assert self._process.stdout is not None
        return self._process.stdout

    def check_running(self) -> None:
        """Raises BenchError with its last words when it has ended by itself."""
        status = self._process.poll()
        if status is not None:
            raise BenchError(f"{self.name} ended with status {status}{self.last_words()}")

    def last_words(self) -> str:
        """The end of its log."""
        lines = self.log.read_text(errors="replace").splitlines()[-LOG_LINES:]
        return "".join(f"\n    {self.name}: {line}" for line in lines)

    def send_signal(self, number: int) -> None:
        """Send it a signal."""
        self._process.send_signal(number)

    def wait(self, seconds: float) -> int:
        """Its exit status. Raises BenchError when it does not end in time."""
        try:
            return self._process.wait(seconds)
        except subprocess.TimeoutExpired:
            raise BenchError(f"{self.name} did not end within {seconds:.0f} s") from None

    def end(self, patience: float = 15.0) -> None:
        """SIGTERM; after `patience` seconds by force, with all of its process group."""
        if self._process.poll() is None:
            self._process.terminate()
            try:
                self._process.wait(patience)
            except subprocess.TimeoutExpired:
                # It was not waited for yet, so the number of the group is still its own.
                os.killpg(self.pid, signal.SIGKILL)
                self._process.wait()
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe is not None:
                pipe.close()
        if self in _running:
            _running.remove(self)


@contextlib.contextmanager
def all_ended() -> Iterator[None]:
    """Leave no child behind, whatever happens; a signal that ends us is an exception inside."""

    def leave(number: int, frame: object) -> None:
        raise SystemExit(128 + number)

    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, leave)
    try:
        yield
    finally:
        for child in list(_running):
            child.end(2.0)


def wait_until(
    check: Callable[[], T], seconds: float, what: str, child: Child, pause: float = 0.02
) -> T:
    """The first true result of `check`; while it raises, the child is not ready.

    Raises BenchError when `child` ends, or when it takes longer than `seconds`.
    """
    deadline = time.monotonic() + seconds
    while True:
        problem = ""
        try:
            if result := check():
                return result
        except (OSError, ValueError, LookupError) as error:
            problem = f" ({type(error).__name__}: {error})"
        child.check_running()
        if time.monotonic() > deadline:
            raise BenchError(f"no {what} within {seconds:.0f} s{problem}{child.last_words()}")
        time.sleep(pause)


def is_listening(port: int) -> bool:
    """Whether somebody accepts connections there. Raises OSError when not."""
    with socket.create_connection((HOST, port), 1):
        return True
