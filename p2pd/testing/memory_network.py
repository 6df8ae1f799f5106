"""Streams between nodes on a virtual clock, in place of sockets: one latency, no other bounds."""

from __future__ import annotations

from typing import Any, Sequence

from twisted.internet.task import Clock

from p2pd.base.addresses import PeerAddress
from p2pd.testing.virtual_time import VirtualNetwork
from p2pd.transports.interfaces import (
    Admits,
    Buffer,
    Connected,
    Failed,
    Landing,
    StreamReceiver,
    everybody,
)


class MemoryStream:
    """One end of a link."""

    binding: bytes | None = None

    def __init__(self, network: MemoryNetwork, address: PeerAddress) -> None:
        self.receiver: StreamReceiver = _Silent()
        self.landing: Landing | None = None
        self.other: MemoryStream | None = None
        self.sent = 0
        self._network = network
        self._address = address
        self._pending = 0
        self._closing = False
        self._open = True
        self._paused = False
        self._inbox: list[bytes] = []

    @property
    def address(self) -> PeerAddress:
        """The other end."""
        return self._address

    @property
    def pending(self) -> int:
        """Bytes on their way."""
        return self._pending

    def write(self, buffers: Sequence[Buffer]) -> None:
        """Send; arrives after the network's latency."""
        if not self._open or self._closing:
            return
        data = b"".join(bytes(buffer) for buffer in buffers)
        self.sent += len(data)
        self._pending += len(data)
        self._network.clock.callLater(self._network.latency, self._arrive, data)

    def call_when_writable(self) -> None:
        """The receiver hears of it in the next turn."""
        self._network.clock.callLater(0, self._writable)

    def pause(self) -> None:
        """Keep what arrives until `resume`."""
        self._paused = True

    def resume(self) -> None:
        """Deliver what arrived."""
        self._paused = False
        waiting, self._inbox = self._inbox, []
        for data in waiting:
            self.deliver(memoryview(data))

    def _writable(self) -> None:
        if self._open and not self._closing:
            self.receiver.stream_writable()

    def close(self) -> None:
        """Close behind what is on its way."""
        self._closing = True
        self._network.clock.callLater(self._network.latency, self.abort)

    def abort(self) -> None:
        """Close now; both ends hear of it on their next turn."""
        if self._open:
            self._open = False
            self._network.clock.callLater(0, self.receiver.stream_lost, "closed here")
            if self.other is not None:
                self._network.clock.callLater(self._network.latency, self.other.hung_up)

    def hung_up(self) -> None:
        """The other end closed."""
        if self._open:
            self._open = False
            self.receiver.stream_lost("closed by the other end")

    def deliver(self, data: memoryview) -> None:
        """Bytes arrive: as many as fit go where they are expected, like in a scattered read."""
        while data and self._open:
            if self._paused:
                self._inbox.append(bytes(data))
                return
            places = self.landing.buffers() if self.landing is not None else ()
            if self.landing is None or not places:
                self.receiver.stream_received(data)
                return
            filled = 0
            for place in places:
                part = data[: len(place)]
                place[: len(part)] = part
                data = data[len(part) :]
                filled += len(part)
            self.landing.filled(filled)

    def _arrive(self, data: bytes) -> None:
        self._pending -= len(data)
        other = self.other
        if other is not None and other._open:
            other.deliver(memoryview(data))
        self._writable()


class _Silent:
    def stream_received(self, data: memoryview) -> None:
        pass

    def stream_writable(self) -> None:
        pass

    def stream_lost(self, reason: str) -> None:
        pass


class MemoryNetwork(VirtualNetwork):
    """Nodes with addresses, links with one latency (seconds), a virtual clock."""

    clock: Clock

    def __init__(self, clock: Clock, latency: float = 0.01) -> None:
        self.clock = clock
        self.latency = latency
        self.listeners: dict[PeerAddress, tuple[Connected, Admits]] = {}

    def transport(self, host: str) -> MemoryTransport:
        """A transport for the node at this IP address."""
        return MemoryTransport(self, host)

    def next_due(self) -> float | None:
        """When the first call is due."""
        return min((call.getTime() for call in self.clock.getDelayedCalls()), default=None)

    def advance_to(self, moment: float) -> None:
        """Let time pass until then."""
        self.clock.advance(max(0.0, moment - self.clock.seconds()))


class MemoryTransport:
    """A StreamTransport on a MemoryNetwork."""

    name = "memory"

    def __init__(self, network: MemoryNetwork, host: str) -> None:
        self._network = network
        self._host = host
        self._next_port = 40_000

    def dial(
        self, address: PeerAddress, connected: Connected, failed: Failed, timeout: float
    ) -> _Dial:
        """Connect after one latency, or fail."""
        self._next_port += 1
        here = PeerAddress(self._host, self._next_port)

        def arrive() -> None:
            listener = self._network.listeners.get(address)
            if listener is None:
                failed("connection refused")
                return
            accept, admits = listener
            ours, theirs = MemoryStream(self._network, address), MemoryStream(self._network, here)
            ours.other, theirs.other = theirs, ours
            if admits(self._host):
                theirs.receiver = accept(theirs)
            else:
                theirs.abort()
            ours.receiver = connected(ours)

        return _Dial(self._network.clock.callLater(self._network.latency, arrive))

    def listen(self, port: int, connected: Connected, admits: Admits = everybody) -> _Listening:
        """Accept at this node's address."""
        address = PeerAddress(self._host, port or 6881)
        self._network.listeners[address] = connected, admits
        return _Listening(self._network, address)


class _Dial:
    def __init__(self, call: Any) -> None:
        self._call = call

    def cancel(self) -> None:
        if self._call.active():
            self._call.cancel()


class _Listening:
    def __init__(self, network: MemoryNetwork, address: PeerAddress) -> None:
        self._network = network
        self._address = address

    @property
    def port(self) -> int:
        return self._address.port

    async def close(self) -> None:
        self._network.listeners.pop(self._address, None)
