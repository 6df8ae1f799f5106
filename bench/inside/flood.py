"""Strangers that knock at an engine's port at an even pace: ``flood.py PLAN``.

PLAN is a JSON object with the fields of :class:`Plan`. When it is ready it prints
``{"ready": true}``; a line on stdin begins the flood, a second one ends it, and a line of JSON
tells of it:

``attempts``, ``seconds``
    connections that were tried, and in which time
``answered``
    of those, how many had a handshake for an answer
``turned_away``
    how many were closed by the other side
``open``
    how many were open at the end

Each comes from one of `HOSTS` addresses of loopback. In turns they hang up at once, say nothing,
send garbage, ask for a torrent that is not there, and ask for the one that is (BEP 3) to say
nothing more.
"""

from __future__ import annotations

import json
import random
import resource
import select
import selectors
import socket
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

HOSTS = 4000
PROTOCOL = b"\x13BitTorrent protocol"
SUPPORTS_FAST = bytes((0, 0, 0, 0, 0, 0, 0, 4))
HAVE_NONE = b"\0\0\0\1\x0f"
PATIENCE = 0.02
"""Seconds that the sockets are waited for when nothing is due: how exact the pace is."""


@dataclass(frozen=True, slots=True)
class Plan:
    """`pace` is connection attempts a second; at most `most` seconds of them."""

    host: str
    port: int
    info_hash: str
    pace: float
    most: float


class Flood:
    """The strangers."""

    def __init__(self, plan: Plan, say_over: Callable[[], bool]) -> None:
        """`say_over` tells whether it is to end."""
        self._plan = plan
        self._over = say_over
        self._rng = random.Random(plan.port)
        self._selector = selectors.DefaultSelector()
        self._says = self._kinds()
        self.attempts = 0
        self.answered = 0
        self.turned_away = 0

    def _kinds(self) -> list[Callable[[], bytes | None]]:
        """What each kind says first; None hangs up instead."""
        wanted = bytes.fromhex(self._plan.info_hash)
        number = self._rng.randbytes
        return [
            lambda: None,
            lambda: b"",
            lambda: b"GET / HTTP/1.1\r\n\r\n" + number(50),
            lambda: PROTOCOL + SUPPORTS_FAST + number(40),
            lambda: PROTOCOL + SUPPORTS_FAST + wanted + number(20) + HAVE_NONE,
        ]

    def run(self) -> dict[str, Any]:
        """Knock until it is over."""
        began = time.monotonic()
        while (passed := time.monotonic() - began) < self._plan.most and not self._over():
            self._knock_all(passed)
            self._listen()
        return {
            "attempts": self.attempts,
            "seconds": time.monotonic() - began,
            "answered": self.answered,
            "turned_away": self.turned_away,
            "open": len(self._selector.get_map()),
        }

    def _knock_all(self, passed: float) -> None:
        while self.attempts < passed * self._plan.pace:
            self._knock()

    def _knock(self) -> None:
        number = self._rng.randrange(HOSTS)
        say = self._says[self.attempts % len(self._says)]
        self.attempts += 1
        made = socket.socket()
        made.setblocking(False)
        made.bind((f"127.1.{number // 250}.{number % 250 + 1}", 0))
        made.connect_ex((self._plan.host, self._plan.port))
        self._selector.register(made, selectors.EVENT_WRITE, say)

    def _listen(self) -> None:
        for key, events in self._selector.select(PATIENCE):
            knocking: Any = key.fileobj
            if events & selectors.EVENT_WRITE:
                self._say(knocking, key.data())
            else:
                self._hear(knocking)

    def _say(self, knocking: socket.socket, words: bytes | None) -> None:
        try:
            if words is None:
                self._leave(knocking)
                return
            knocking.send(words)
        except OSError:
            self.turned_away += 1
            self._leave(knocking)
        else:
            self._selector.modify(knocking, selectors.EVENT_READ)

    def _hear(self, knocking: socket.socket) -> None:
        try:
            said = knocking.recv(4096)
        except OSError:
            said = b""
        if said:
            self.answered += said.startswith(PROTOCOL)
        else:
            self.turned_away += 1
            self._leave(knocking)

    def _leave(self, knocking: socket.socket) -> None:
        self._selector.unregister(knocking)
        knocking.close()


def main() -> None:
    """Wait for the word, flood, tell."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    flood = Flood(Plan(**json.loads(sys.argv[1])), lambda: bool(select.select([0], [], [], 0)[0]))
    _say({"ready": True})
    sys.stdin.readline()
    _say(flood.run())


def _say(told: dict[str, Any]) -> None:
    print(json.dumps(told), flush=True)


if __name__ == "__main__":
    main()
