"""Memory that is free inside the process goes back to the system.

The C library keeps what was freed between things that are still in use. In a daemon whose torrents
and peers come and go that grows, to tens of MiB, though no more is in use than before. Where the
library has no such call (it is glibc's), or the system does not tell what is resident, nothing is
done.
"""

from __future__ import annotations

import ctypes
import os
from contextlib import suppress
from typing import Any, Callable, Protocol

from p2pd.base.clock import Clock, DelayedCall

LOOK_SECONDS = 30.0

GROWN = 2 * 1024 * 1024
"""Bytes by which the process has to grow before it is worth the work: some milliseconds."""


class Crew(Protocol):
    """Threads."""

    def run(self, kind: str, job: Callable[..., Any], *args: Any) -> Any:
        """Run `job(*args)` in a thread; see storage.disk_queue.DiskQueue."""


class SpareMemory:
    """Looks now and then, and has the C library give back what it need not keep, in a thread."""

    def __init__(
        self,
        clock: Clock,
        crew: Crew,
        *,
        trim: Callable[[], Any] | None = None,
        resident: Callable[[], int] | None = None,
    ) -> None:
        self._clock = clock
        self._crew = crew
        self._trim = trim or _trim_of_libc()
        self._resident = resident or _resident
        self._after_last = 0
        self._call: DelayedCall | None = None

    def start(self) -> None:
        """Look from now on."""
        if self._trim is not None:
            self._call = self._clock.callLater(LOOK_SECONDS, self._look)

    def stop(self) -> None:
        """Look no more."""
        if self._call is not None and self._call.active():
            self._call.cancel()

    def _look(self) -> None:
        self._call = self._clock.callLater(LOOK_SECONDS, self._look)
        if self._resident() >= self._after_last + GROWN:
            self._crew.run("check", self._give_back)

    def _give_back(self) -> None:
        """In a thread."""
        if self._trim is not None:
            self._trim()
        self._after_last = self._resident()


def _trim_of_libc() -> Callable[[], Any] | None:
    with suppress(OSError, AttributeError):
        trim = ctypes.CDLL(None).malloc_trim
        trim.argtypes, trim.restype = [ctypes.c_size_t], ctypes.c_int
        return lambda: trim(0)
    return None


def _resident() -> int:
    """Bytes; 0 where that is not told."""
    with suppress(OSError, ValueError, IndexError), open("/proc/self/statm", "rb") as file:
        return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    return 0
