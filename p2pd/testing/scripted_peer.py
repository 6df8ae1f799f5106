"""A peer that does as a test tells it to, and speaks the real protocol."""

from __future__ import annotations

from typing import Callable, TypeVar

from p2pd.base.addresses import PeerAddress
from p2pd.protocols.peerwire.connection import Event, PeerWire
from p2pd.protocols.peerwire.handshake import Handshake, our_reserved
from p2pd.protocols.peerwire.messages import Block, Message
from p2pd.testing.virtual_time import VirtualNetwork
from p2pd.transports.interfaces import PeerStream

T = TypeVar("T")


class ScriptedPeer:
    """A peer that says what a test tells it to; it shakes hands by itself unless it is `mute`.

    `received` is every event that came, blocks copied; `answer`, when set, is called with each.
    """

    def __init__(
        self,
        network: VirtualNetwork,
        host: str,
        info_hash: bytes,
        *,
        peer_id: bytes | None = None,
        fast: bool = True,
        mute: bool = False,
        dht: bool = False,
    ) -> None:
        self.network = network
        self.address = PeerAddress(host, 6881)
        self.peer_id = peer_id or f"-TS0001-{host}".encode().ljust(20, b".")
        self.received: list[Event] = []
        self.answer: Callable[[Event], None] | None = None
        self.closed: str | None = None
        self.connections = 0
        self.mute = mute
        self._info_hash = info_hash
        reserved = our_reserved(dht=dht)
        self._reserved = reserved if fast else reserved[:7] + bytes([reserved[7] & ~4])
        self._stream: PeerStream | None = None
        self._wire = PeerWire(initiator=True, now=0.0)

    def listen(self) -> PeerAddress:
        """Be there for others to dial."""
        self.network.transport(self.address.host).listen(self.address.port, self._connected)
        return self.address

    def dial(self, address: PeerAddress) -> None:
        """Connect to a node, and wait for its handshake."""
        self.network.transport(self.address.host).dial(
            address, self._connected, lambda reason: self.stream_lost(reason), 15.0
        )
        self.network.run(4 * self.network.latency)

    def send(self, *messages: Message) -> None:
        """Send messages in one go."""
        for message in messages:
            self._wire.send(message)
        self._flush()

    def send_raw(self, data: bytes) -> None:
        """Send bytes as they are."""
        if self._stream is not None:
            self._stream.write([data])

    def hang_up(self) -> None:
        """Close the connection."""
        if self._stream is not None:
            self._stream.abort()

    def of_kind(self, kind: type[T]) -> list[T]:
        """What came of one kind of message."""
        return [event for event in self.received if isinstance(event, kind)]

    def stream_received(self, data: memoryview) -> None:
        """Keep what came, and answer it."""
        for event in self._wire.receive_data(data, self.network.clock.seconds()):
            kept = event._replace(data=bytes(event.data)) if isinstance(event, Block) else event
            self.received.append(kept)
            if self.answer is not None:
                self.answer(kept)

    def stream_writable(self) -> None:
        """Nothing waits."""

    def stream_lost(self, reason: str) -> None:
        """Keep why."""
        self.closed = reason

    def _connected(self, stream: PeerStream) -> ScriptedPeer:
        self._stream = stream
        self.connections += 1
        self.closed = None
        self._wire = PeerWire(initiator=True, now=self.network.clock.seconds())
        if not self.mute:
            self._wire.send_handshake(Handshake(self._info_hash, self.peer_id, self._reserved))
            self._flush()
        return self

    def _flush(self) -> None:
        self.send_raw(self._wire.data_to_send())
