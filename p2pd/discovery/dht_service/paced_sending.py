"""What all nodes of a host may send a second, together.

Beyond that datagrams wait a moment. Our own questions go first: when many ask, they are to go on,
and when we ask much the way looks long, so less is asked. What would have to wait for too long is
dropped, and whoever asked asks somebody else.
"""

from __future__ import annotations

from collections import deque
from math import inf
from typing import Iterable

from p2pd.base.clock import Clock, DelayedCall
from p2pd.transports.datagram_batches import Datagram
from p2pd.transports.udp_socket import UdpSocket

LONGEST_WAIT = 1.0
"""Seconds' worth of bytes that wait."""

BURST_SECONDS = 0.5
"""What may be sent at once after a pause."""

WAKE_SECONDS = 0.05


QUESTION = b"1:y1:qe"
"""How a query ends (BEP 5): its keys are in order."""


class _Waiting:
    """Datagrams of one kind, in order; `room` is how many bytes may wait."""

    def __init__(self) -> None:
        self.queue: deque[tuple[UdpSocket, Datagram]] = deque()
        self.size = 0

    def add(self, by: UdpSocket, datagram: Datagram, room: float) -> bool:
        """Whether there was room for it."""
        size = self.size + len(datagram[0])
        if size > room:
            return False
        self.queue.append((by, datagram))
        self.size = size
        return True

    def take(self) -> tuple[UdpSocket, Datagram]:
        by, datagram = self.queue.popleft()
        self.size -= len(datagram[0])
        return by, datagram


class PacedSending:
    """`rate` is in bytes a second, 0 for no limit; it may be set at any time.

    `sent` and `sent_bytes` count what went, `dropped` what had to wait for too long.
    """

    def __init__(self, clock: Clock, rate: float = 0.0) -> None:
        self.rate = rate
        self.sent = 0
        self.sent_bytes = 0
        self.dropped = 0
        self._clock = clock
        self._saved = rate * BURST_SECONDS
        self._at = clock.seconds()
        self._questions = _Waiting()
        self._answers = _Waiting()
        self._call: DelayedCall | None = None

    def send(self, by: UdpSocket, datagrams: Iterable[Datagram]) -> None:
        """Send these by a socket, now or in a moment."""
        if not self.rate and not self._questions.queue and not self._answers.queue:
            self._send_all(by, list(datagrams))
            return
        room = self.rate * LONGEST_WAIT if self.rate else inf
        for each in datagrams:
            waiting = self._questions if each[0].endswith(QUESTION) else self._answers
            if not waiting.add(by, each, room):
                self.dropped += 1
        self._pump()

    def close(self) -> None:
        """Drop what waits."""
        self._questions, self._answers = _Waiting(), _Waiting()
        self._sleep(False)

    def _pump(self) -> None:
        self._fill()
        for waiting in (self._questions, self._answers):
            while waiting.queue and (self._saved > 0 or not self.rate):
                by, datagram = waiting.take()
                if not by.closed:
                    self._send(by, datagram)
        self._sleep(bool(self._questions.queue or self._answers.queue))

    def _send_all(self, by: UdpSocket, datagrams: list[Datagram]) -> None:
        """Without a limit nothing has to wait for its turn."""
        if not by.closed:
            self.sent += len(datagrams)
            self.sent_bytes += sum([len(data) for data, _ in datagrams])
            by.send_all(datagrams)

    def _send(self, by: UdpSocket, datagram: Datagram) -> None:
        size = len(datagram[0])
        self._saved -= size if self.rate else 0
        self.sent += 1
        self.sent_bytes += size
        by.send_all((datagram,))

    def _fill(self) -> None:
        now = self._clock.seconds()
        more = (now - self._at) * self.rate
        self._saved, self._at = min(self._saved + more, self.rate * BURST_SECONDS), now

    def _sleep(self, wanted: bool) -> None:
        if self._call is None and wanted:
            self._call = self._clock.callLater(WAKE_SECONDS, self._woken)
        elif self._call is not None and not wanted:
            self._call.cancel()
            self._call = None

    def _woken(self) -> None:
        self._call = None
        self._pump()
