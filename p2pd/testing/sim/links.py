"""Links with rates: what a node sends goes out in turns, what it gets comes in through one door.

An uplink gives each stream that has something to send a chunk in its turn, as fair queueing does.
Few bytes behind nothing else (a have, some requests) do not wait for their turn, as in fq_codel,
but their time is taken from the link all the same. A stream has a bounded window on its way, as in
TCP: where the receiver's downlink or the receiver itself is slow, the sender waits. So a chunk is
two events, or three where the downlink is slow. Lost packets and slow start are not modelled.
"""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING

from p2pd.testing.sim.event_clock import EventClock
from p2pd.transports.interfaces import Buffer

if TYPE_CHECKING:
    from p2pd.testing.sim.streams import SimStream

CHUNK = 16 * 1024
"""Bytes of a stream in its turn: one block."""

SPARSE = 1500
"""Bytes that go out between two turns: one packet."""

NO_DELAY = 0.002
"""Seconds at a downlink that are not worth an event."""


class Uplink:
    """What a node sends: `rate` in bytes per second, 0 for no bound."""

    __slots__ = ("rate", "sent", "_clock", "_free_at", "_ring", "_turning")

    def __init__(self, clock: EventClock, rate: float = 0.0) -> None:
        self.rate = rate
        self.sent = 0
        self._clock = clock
        self._free_at = 0.0
        self._ring: deque[SimStream] = deque()
        self._turning = False

    def departs(self, size: int) -> float:
        """Send so many bytes from now on: when the last of them is out."""
        self.sent += size
        now = self._clock.now
        start = self._free_at if self._free_at > now else now
        self._free_at = start + size / self.rate if self.rate else start
        return self._free_at

    def passes(self, size: int) -> float:
        """Send a packet before others that wait: when it is out."""
        self.sent += size
        if not self.rate:
            return self._clock.now
        now, seconds = self._clock.now, size / self.rate
        self._free_at = (self._free_at if self._free_at > now else now) + seconds
        return now + seconds

    def join(self, stream: SimStream) -> None:
        """The stream has something to send."""
        self._ring.append(stream)
        if not self._turning:
            self._turn()

    def _turn(self) -> None:
        """Send one chunk, and come back when it is out. HOT."""
        ring = self._ring
        while ring:
            stream = ring.popleft()
            buffers, size = stream.take(CHUNK)
            if not size:
                continue
            if stream.may_send:
                ring.append(stream)
            else:
                stream.in_turn = False
            departed = self.departs(size)
            self._turning = True
            self._clock.at(departed, self._turn)
            stream.fly(buffers, size, departed)
            stream.taken()
            return
        self._turning = False


class Downlink:
    """What a node receives: `rate` in bytes per second, 0 for no bound."""

    __slots__ = ("rate", "received", "_clock", "_free_at")

    def __init__(self, clock: EventClock, rate: float = 0.0) -> None:
        self.rate = rate
        self.received = 0
        self._clock = clock
        self._free_at = 0.0

    def arrives(self, size: int) -> float:
        """So many bytes are at the door: when the last of them is in."""
        self.received += size
        now = self._clock.now
        if not self.rate:
            return now
        start = self._free_at if self._free_at > now else now
        self._free_at = start + size / self.rate
        if size <= SPARSE or self._free_at - now < NO_DELAY:
            return now
        return self._free_at


def joined(buffers: list[Buffer]) -> memoryview:
    """What arrives together, in one piece."""
    return memoryview(buffers[0] if len(buffers) == 1 else b"".join(buffers))
