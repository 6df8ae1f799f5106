"""What the service manager is told (systemd's sd_notify): ready, reloading, stopping, still alive.

Nothing is sent where nobody asked for it. The manager kills a daemon whose heartbeat stays away: it
comes from the reactor, so a reactor that hangs is found out.
"""

from __future__ import annotations

import os
import socket
import time
from typing import Callable, Mapping

from p2pd.base.clock import Clock, DelayedCall

SEND_SECONDS = 1.0
"""A manager that takes no message for so long does without it."""


class ServiceManager:
    """The socket in ``NOTIFY_SOCKET``, and the heartbeat that ``WATCHDOG_USEC`` asks for."""

    def __init__(
        self,
        clock: Clock,
        environment: Mapping[str, str] = os.environ,
        monotonic_ns: Callable[[], int] = time.monotonic_ns,
    ) -> None:
        self._clock = clock
        self._environment = environment
        self._monotonic_ns = monotonic_ns
        self._socket: socket.socket | None = None
        self._beat_call: DelayedCall | None = None

    def starting(self, what: str) -> None:
        """A part of the daemon starts; the heartbeat begins with the first."""
        self._send(f"STATUS=starting: {what}")
        if self._beat_call is None:
            self._beat()

    def ready(self, status: str) -> None:
        """Everything runs."""
        self._send("READY=1", f"STATUS={status}")

    def reloading(self) -> None:
        """The configuration is read again; `ready` says when that is done."""
        # CLOCK_MONOTONIC tells the manager that this answers its signal, and not an earlier one
        self._send(
            "RELOADING=1",
            f"MONOTONIC_USEC={self._monotonic_ns() // 1000}",
            "STATUS=reading the configuration again",
        )

    def stopping(self) -> None:
        """It stops, whoever asked for that."""
        self._send("STOPPING=1", "STATUS=stopping: what is recorded is written to disk")

    def stopped(self) -> None:
        """The last message; no heartbeat any more."""
        self._send("STATUS=stopped")
        if self._beat_call is not None and self._beat_call.active():
            self._beat_call.cancel()
        if self._socket is not None:
            self._socket.close()
            self._socket = None

    def heartbeat_seconds(self) -> float | None:
        """Seconds from one sign of life to the next, half of what is allowed; None: none asked."""
        allowed = _number(self._environment.get("WATCHDOG_USEC", ""))
        whose = self._environment.get("WATCHDOG_PID", "")
        if not allowed or (whose and _number(whose) != os.getpid()):
            return None
        return allowed / 2 / 1_000_000

    def _beat(self) -> None:
        seconds = self.heartbeat_seconds()
        if seconds is not None:
            self._beat_call = self._clock.callLater(seconds, self._beat)
            self._send("WATCHDOG=1")

    def _send(self, *lines: str) -> bool:
        name = self._environment.get("NOTIFY_SOCKET", "")
        if not name.startswith(("/", "@")):
            return False
        address = name.replace("@", "\0", 1) if name[0] == "@" else name
        try:
            if self._socket is None:
                # Kept: the heartbeat has to go out also when there is no descriptor left.
                self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
                self._socket.settimeout(SEND_SECONDS)
            self._socket.sendto("\n".join(" ".join(x.split("\n")) for x in lines).encode(), address)
        except OSError:
            return False
        return True


def _number(text: str) -> int | None:
    return int(text) if text.isascii() and text.isdigit() and len(text) < 20 else None
