"""What all nodes of a host may send a second, together.

Beyond that datagrams wait a moment: answers come later, our own questions look as if the way were
long, so fewer are asked. What would have to wait for too long is dropped.
"""

from __future__ import annotations

from collections import deque
from typing import Iterable

from p2pd.base.clock import Clock, DelayedCall
from p2pd.transports.udp_socket import Datagram, UdpSocket

LONGEST_WAIT = 1.0
"""Seconds' worth of bytes that wait."""

BURST_SECONDS = 0.5
"""What may be sent at once after a pause."""

WAKE_SECONDS = 0.05


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
        self._queue: deque[tuple[UdpSocket, Datagram]] = deque()
        self._queued = 0
        self._call: DelayedCall | None = None

    def send(self, by: UdpSocket, datagrams: Iterable[Datagram]) -> None:
        """Send these by a socket, now or in a moment."""
        for each in datagrams:
            if self._queued + len(each[0]) > self.rate * LONGEST_WAIT and self.rate:
                self.dropped += 1
                continue
            self._queue.append((by, each))
            self._queued += len(each[0])
        self._pump()

    def close(self) -> None:
        """Drop what waits."""
        self._queue.clear()
        self._queued = 0
        self._sleep(False)

    def _pump(self) -> None:
        self._fill()
        queue = self._queue
        while queue and (self._saved > 0 or not self.rate):
            by, datagram = queue.popleft()
            size = len(datagram[0])
            self._queued -= size
            self._saved -= size if self.rate else 0
            if not by.closed:
                self.sent += 1
                self.sent_bytes += size
                by.send_all((datagram,))
        self._sleep(bool(queue))

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
