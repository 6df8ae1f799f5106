"""Child processes and polling for the interop tests.

Every process is started by `ChildProcess` in a session of its own and ended by its own pid; nothing
that the tests did not start is ever touched. Waiting is polling with a deadline.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import signal
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TypeVar

T = TypeVar("T")

POLL_SECONDS = 0.03

PATIENCE = 4
"""How much longer than a machine with nothing else to do one may take for anything."""


def wait_until(
    question: Callable[[], T],
    seconds: float,
    what: str,
    *,
    details: Callable[[], str] = str,
    every: float = POLL_SECONDS,
    exactly: bool = False,
) -> T:
    """Poll `question` until its answer is true, and return the answer.

    `seconds` is what a machine at rest needs at most; how long something did not happen is measured
    `exactly`. An OSError while asking counts as "not yet". Raises TimeoutError naming `what`.
    """
    seconds *= 1 if exactly else PATIENCE
    deadline = time.monotonic() + seconds
    trouble: OSError | None = None
    while True:
        try:
            if answer := question():
                return answer
        except OSError as error:
            trouble = error
        if time.monotonic() > deadline:
            raise TimeoutError(f"no {what} after {seconds:g} s ({trouble or ''}) {details()}")
        time.sleep(every)


_LIBC = ctypes.CDLL(None)
_PR_SET_PDEATHSIG = 1


def end_with_the_tests() -> None:
    """In the child: be killed when the tests are, so that a run that is cut off leaves nothing."""
    _LIBC.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


class ChildProcess:
    """One program that a test started; `stop` ends it and everything in its own session."""

    def __init__(
        self,
        command: Sequence[str],
        folder: Path,
        *,
        name: str,
        environment: Mapping[str, str] | None = None,
    ) -> None:
        self.name = name
        self.log_path = folder / f"{name}.log"
        with self.log_path.open("ab") as log:
            self._process = subprocess.Popen(
                command,
                cwd=folder,
                env={**os.environ, **(environment or {})},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
                preexec_fn=end_with_the_tests,
            )

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def running(self) -> bool:
        return self._process.poll() is None

    @property
    def status(self) -> int | None:
        """Its exit status, -9 when it was killed; None while it runs."""
        return self._process.poll()

    def log_tail(self, lines: int = 30) -> str:
        """The last lines it wrote, for the message of a failed test."""
        text = self.log_path.read_text(errors="replace")
        return f"\n--- last lines of {self.name}:\n" + "\n".join(text.splitlines()[-lines:])

    def check_running(self) -> None:
        """Raises RuntimeError with its last words when it has ended by itself."""
        status = self._process.poll()
        if status is not None:
            raise RuntimeError(f"{self.name} ended with status {status}{self.log_tail()}")

    def signal(self, number: int) -> None:
        """Send it a signal."""
        self._process.send_signal(number)

    def terminate(self, seconds: float) -> int:
        """SIGTERM, then wait; returns the exit status. Raises TimeoutError when it stays."""
        self._process.terminate()
        try:
            return self._process.wait(seconds)
        except subprocess.TimeoutExpired:
            raise TimeoutError(
                f"{self.name} did not end within {seconds:g} s of SIGTERM{self.log_tail()}"
            ) from None

    def kill(self) -> None:
        """SIGKILL to it and to what it started, as a power cut would."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait(10)

    def stop(self, seconds: float = 5) -> None:
        """End it kindly, else by force."""
        if self.running:
            try:
                self.terminate(seconds)
            except TimeoutError:
                self.kill()
