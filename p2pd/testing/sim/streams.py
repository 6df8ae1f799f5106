"""One end of a simulated connection (transports.interfaces.PeerStream)."""

from __future__ import annotations

from collections import deque
from typing import Sequence

from p2pd.base.addresses import PeerAddress
from p2pd.testing.sim.event_clock import EventClock
from p2pd.testing.sim.links import SPARSE, Downlink, Uplink, joined
from p2pd.transports.interfaces import Buffer, Landing, StreamReceiver

SOCKET_BUFFER = 32 * 1024
"""Bytes that count as taken by the network while they still wait for their turn."""

LOW_WATER = 256 * 1024
"""Bytes pending at which the receiver is told that it may write more, as in transports/tcp.py."""

LEAST_WINDOW = 64 * 1024
"""Bytes on their way that every stream may have."""


class Silent:
    """Listens while nobody else does."""

    def stream_received(self, data: memoryview) -> None:
        """Nobody hears."""

    def stream_writable(self) -> None:
        """Nobody hears."""

    def stream_lost(self, reason: str) -> None:
        """Nobody hears."""


class SimStream:
    """One end; `address` is that of the other one.

    `window` is how many bytes may be under way to the other end, not yet read there.
    """

    __slots__ = (
        "address", "in_turn", "landing", "lost", "other", "receiver", "window", "_blocked",
        "_clock", "_closing", "_down", "_flying", "_inbox", "_last_arrival", "_last_delivery",
        "_latency", "_outbox", "_paused", "_queued", "_up", "_wanted",
    )  # fmt: skip

    binding: bytes | None = None

    def __init__(
        self, clock: EventClock, address: PeerAddress, up: Uplink, down: Downlink, latency: float
    ) -> None:
        self.address = address
        self.receiver: StreamReceiver = Silent()
        self.landing: Landing | None = None
        self.other: SimStream = self
        self.in_turn = False
        self.lost = False
        self.window = LEAST_WINDOW
        self._clock = clock
        self._up = up
        self._down = down
        self._latency = latency
        self._outbox: deque[Buffer] = deque()
        self._queued = 0
        self._flying = 0
        self._blocked = False
        self._wanted = False
        self._closing = False
        self._paused = False
        self._inbox: list[tuple[list[Buffer], int]] = []
        self._last_arrival = 0.0
        self._last_delivery = 0.0

    # -- PeerStream ----------------------------------------------------------------------------

    @property
    def pending(self) -> int:
        """Bytes that the network has yet to take."""
        beyond = self._queued - SOCKET_BUFFER
        return beyond if beyond > 0 else 0

    def write(self, buffers: Sequence[Buffer]) -> None:
        """Send; few bytes behind nothing else at once, others in turn."""
        if self.lost or self._closing:
            return
        size = len(buffers[0]) if len(buffers) == 1 else sum(map(len, buffers))
        if not size:
            return
        if size <= SPARSE and not self._queued and self._flying + size <= self.window:
            self._flying += size
            self.fly(list(buffers), size, self._up.passes(size))
            return
        self._outbox.extend(buffers)
        self._queued += size
        self._wanted = self._wanted or self._queued > SOCKET_BUFFER
        if not self.in_turn and not self._blocked:
            self.in_turn = True
            self._up.join(self)

    def call_when_writable(self) -> None:
        """The receiver hears of it when the network takes more."""
        self._wanted = True
        if self._queued <= SOCKET_BUFFER:
            self._clock.at(self._clock.now, self.taken)

    def pause(self) -> None:
        """Keep what arrives until `resume`; the other end soon has to wait."""
        self._paused = True

    def resume(self) -> None:
        """Deliver what arrived."""
        self._paused = False
        waiting, self._inbox = self._inbox, []
        for buffers, size in waiting:
            self._receive(buffers, size)

    def close(self) -> None:
        """Close behind what is queued."""
        if not self._closing and not self.lost:
            self._closing = True
            if not self._queued:
                self._hang_up()

    def abort(self) -> None:
        """Close now; both ends hear of it."""
        if not self.lost:
            self._hang_up()

    # -- what the network does -----------------------------------------------------------------

    @property
    def may_send(self) -> bool:
        """Whether it has something for its next turn."""
        if self._queued and self._flying >= self.window:
            self._blocked = True
        return self._queued > 0 and not self._blocked

    def take(self, chunk: int) -> tuple[list[Buffer], int]:
        """Whole buffers of about `chunk` bytes for the uplink; none when the window is full."""
        if not self.may_send:
            self.in_turn = False
            return [], 0
        outbox, taken, size = self._outbox, [], 0
        while outbox and size < chunk:
            buffer = outbox.popleft()
            if len(buffer) > 2 * chunk:
                view = memoryview(buffer)
                outbox.appendleft(view[chunk:])
                buffer = view[:chunk]
            taken.append(buffer)
            size += len(buffer)
        self._queued -= size
        self._flying += size
        return taken, size

    def taken(self) -> None:
        """The network took something: whoever waits for that hears of it."""
        if self._closing:
            if not self._queued and not self.lost:
                self._hang_up()
        elif self._wanted and not self.lost:
            pending = self.pending
            if pending <= LOW_WATER:
                self._wanted = pending > 0
                self.receiver.stream_writable()

    def fly(self, buffers: list[Buffer], size: int, departed: float) -> None:
        """These left at that time; nothing overtakes what left before."""
        arrival = departed + self._latency
        if arrival < self._last_arrival:
            arrival = self._last_arrival
        self._last_arrival = arrival
        self._clock.at(arrival, self.other.arrive, buffers, size)

    def arrive(self, buffers: list[Buffer], size: int) -> None:
        """These are at this end's door."""
        if self.lost:
            return
        delivery = self._down.arrives(size)
        if delivery < self._last_delivery:
            delivery = self._last_delivery
        if delivery <= self._clock.now:
            self._receive(buffers, size)
        else:
            self._last_delivery = delivery
            self._clock.at(delivery, self._receive, buffers, size)

    def break_off(self, reason: str) -> None:
        """The connection breaks: this end hears of it now."""
        if not self.lost:
            self._forget()
            self.receiver.stream_lost(reason)

    def vanish(self) -> None:
        """The node is gone without a word: nobody hears of it, and nothing goes through."""
        self._forget()

    def _receive(self, buffers: list[Buffer], size: int) -> None:
        if self.lost:
            return
        if self._paused:
            self._inbox.append((buffers, size))
            return
        other = self.other
        other._flying -= size
        if other._blocked:
            other.has_room()
        self.receiver.stream_received(joined(buffers))

    def has_room(self) -> None:
        """The other end read something: if the window was full, it may not be any more."""
        if self._flying < self.window:
            self._blocked = False
            if self._queued and not self.in_turn and not self.lost:
                self.in_turn = True
                self._up.join(self)

    def _hang_up(self) -> None:
        self._forget()
        now = self._clock.now
        self._clock.at(now, self.receiver.stream_lost, "closed here")
        gone = max(now + self._latency, self._last_arrival)
        self._clock.at(gone, self.other.break_off, "closed by the other end")

    def _forget(self) -> None:
        self.lost = True
        self._outbox.clear()
        self._inbox.clear()
        self._queued = 0
