"""Strangers that begin handshakes at an engine's port and do not end them: ``half_open.py PLAN``.

PLAN is a JSON object with the fields of :class:`Plan`. When it is ready it prints
``{"ready": true}``; a line on stdin begins, a second one ends it, and a line of JSON tells of it:

``seconds``
    how long it lasted
``attempts``
    connections that were tried
``answered``
    of those, how many heard anything
``turned_away``
    how many were closed by the other side
``open``, ``most_open``
    how many were open at the end, and at most

`count` of them are kept under way: who is turned away comes again after `again` seconds, by the
next of the addresses. What each kind says is in `KINDS`.
"""

from __future__ import annotations

import contextlib
import heapq
import json
import random
import resource
import select
import selectors
import socket
import ssl
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

HOSTS = 4000
ONE_HOST = "127.0.0.9"
PROTOCOL = b"\x13BitTorrent protocol"
KEY = 96
MOST_PADDING = 512
CONNECTS_PER_TURN = 50
PATIENCE = 0.02
DRIP_SECONDS = 1.0


@dataclass(frozen=True, slots=True)
class Plan:
    """`hosts` addresses of loopback, `count` connections, at most `most` seconds; `kind` or all.

    `tls_port` is where TLS is spoken, 0: kinds that speak it do so at `port`.
    """

    host: str
    port: int
    tls_port: int
    info_hash: str
    kind: str
    count: int
    hosts: int
    again: float
    most: float


@dataclass(frozen=True, slots=True)
class Kind:
    """How one kind of stranger is."""

    says: Callable[[HalfOpen], bytes]
    drips: bool = False
    comes_again: bool = False
    """Hangs up when it is answered, to have the other side calculate once more."""
    tls: bool = False


def _key(strangers: HalfOpen) -> bytes:
    size = KEY + strangers.rng.randrange(MOST_PADDING + 1)
    # Below the prime, and no handshake in the clear.
    return b"\x7f" + strangers.rng.randbytes(size - 1)


def _greeting(strangers: HalfOpen) -> bytes:
    return PROTOCOL + bytes(8) + strangers.info_hash + strangers.rng.randbytes(20)


KINDS = {
    "silent": Kind(lambda _: b""),
    "mse-key": Kind(_key),
    "mse-again": Kind(_key, comes_again=True),
    "drip": Kind(_greeting, drips=True),
    "tls-part": Kind(lambda each: each.hello[: len(each.hello) // 2], tls=True),
    "tls-hello": Kind(lambda each: each.hello, tls=True),
    "tls-again": Kind(lambda each: each.hello, comes_again=True, tls=True),
}
"""``tls-hello`` has the other side exchange keys, sign and wait for the rest."""
ALL = "all"


def client_hello(name: str) -> bytes:
    """What a client of TLS 1.3 says first, to who is called so."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    said = ssl.MemoryBIO()
    with contextlib.suppress(ssl.SSLWantReadError):
        context.wrap_bio(ssl.MemoryBIO(), said, server_hostname=name).do_handshake()
    return said.read()


class _Knocking:
    """One of them."""

    __slots__ = ("connected", "kind", "left", "socket")

    def __init__(self, made: socket.socket, kind: Kind) -> None:
        self.socket = made
        self.kind = kind
        self.left = b""
        self.connected = False


class HalfOpen:
    """The strangers."""

    def __init__(self, plan: Plan, say_over: Callable[[], bool]) -> None:
        """`say_over` tells whether it is to end."""
        self.rng = random.Random(plan.port)
        self.info_hash = bytes.fromhex(plan.info_hash)
        self.hello: bytes = client_hello(plan.info_hash)
        self.attempts = self.answered = self.turned_away = 0
        self._plan = plan
        self._over = say_over
        self._kinds = list(KINDS.values()) if plan.kind == ALL else [KINDS[plan.kind]]
        self._selector = selectors.DefaultSelector()
        self._due: list[float] = []
        """When somebody is to come (again)."""
        self._drips: list[tuple[float, int, _Knocking]] = []
        self._open = self._most_open = 0

    def run(self) -> dict[str, Any]:
        """Come, and come again, until it is over."""
        began = now = time.monotonic()
        self._due = [began] * self._plan.count
        while now - began < self._plan.most and not self._over():
            self._knock_all(now)
            self._drip_all(now)
            self._listen()
            now = time.monotonic()
        return {
            "seconds": now - began,
            "attempts": self.attempts,
            "answered": self.answered,
            "turned_away": self.turned_away,
            "open": self._open,
            "most_open": self._most_open,
        }

    def close(self) -> None:
        """Hang up, all of them."""
        for key in list(self._selector.get_map().values()):
            key.data.socket.close()
        self._selector.close()

    def _knock_all(self, now: float) -> None:
        for _ in range(CONNECTS_PER_TURN):
            if not self._due or self._due[0] > now:
                return
            heapq.heappop(self._due)
            self._knock()

    def _knock(self) -> None:
        number = self.attempts % self._plan.hosts
        kind = self._kinds[self.attempts % len(self._kinds)]
        self.attempts += 1
        made = socket.socket()
        made.setblocking(False)
        host = f"127.1.{number // 250}.{number % 250 + 1}" if self._plan.hosts > 1 else ONE_HOST
        made.bind((host, 0))
        port = self._plan.tls_port if kind.tls and self._plan.tls_port else self._plan.port
        made.connect_ex((self._plan.host, port))
        self._selector.register(made, selectors.EVENT_WRITE, _Knocking(made, kind))

    def _listen(self) -> None:
        for key, events in self._selector.select(PATIENCE):
            knocking: _Knocking = key.data
            try:
                if events & selectors.EVENT_WRITE:
                    self._begin(knocking)
                else:
                    self._hear(knocking)
            except OSError:
                self.turned_away += 1
                self._leave(knocking, self._plan.again)

    def _begin(self, knocking: _Knocking) -> None:
        words = knocking.kind.says(self)
        if knocking.kind.drips:
            knocking.left, words = words, b""
            self._drip_later(knocking)
        knocking.socket.send(words)
        self._open += 1
        self._most_open = max(self._most_open, self._open)
        knocking.connected = True
        self._selector.modify(knocking.socket, selectors.EVENT_READ, knocking)

    def _hear(self, knocking: _Knocking) -> None:
        said = knocking.socket.recv(16_384)
        if not said:
            raise ConnectionResetError
        self.answered += 1
        if knocking.kind.comes_again:
            self._leave(knocking, 0.0)

    def _drip_later(self, knocking: _Knocking) -> None:
        due = time.monotonic() + DRIP_SECONDS
        heapq.heappush(self._drips, (due, id(knocking), knocking))

    def _drip_all(self, now: float) -> None:
        while self._drips and self._drips[0][0] <= now:
            knocking = heapq.heappop(self._drips)[2]
            if knocking.connected and knocking.left:
                with contextlib.suppress(OSError):  # that it is closed is heard by reading
                    knocking.socket.send(knocking.left[:1])
                knocking.left = knocking.left[1:]
                self._drip_later(knocking)

    def _leave(self, knocking: _Knocking, again: float) -> None:
        self._selector.unregister(knocking.socket)
        knocking.socket.close()
        self._open -= knocking.connected
        knocking.connected = False
        heapq.heappush(self._due, time.monotonic() + again)


def main() -> None:
    """Wait for the word, knock, tell."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    over = lambda: bool(select.select([0], [], [], 0)[0])  # noqa: E731
    strangers = HalfOpen(Plan(**json.loads(sys.argv[1])), over)
    _say({"ready": True})
    sys.stdin.readline()
    _say(strangers.run())


def _say(told: dict[str, Any]) -> None:
    print(json.dumps(told), flush=True)


if __name__ == "__main__":
    main()
