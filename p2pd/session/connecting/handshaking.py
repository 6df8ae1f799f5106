"""A connection from its first byte to the end of the BitTorrent handshake (BEP 3, BEP 52).

The dialler says its info-hash first; who accepted looks the torrent up by it. A hybrid torrent is
dialled with its v1 info-hash and the v2 bit, and either side may answer with the truncated v2 one.
To which torrents a connection leads depends on how it came (admission.py).
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Protocol, Sequence

from p2pd.base.addresses import PeerAddress
from p2pd.base.ids import InfoHashes
from p2pd.protocols.peerwire.connection import Event, PeerWire, PeerWireError
from p2pd.protocols.peerwire.handshake import Handshake, our_reserved
from p2pd.session.connecting.admission import IN_THE_CLEAR, Entry, HandshakeTorrent
from p2pd.session.connecting.arrivals import HandshakeEnd
from p2pd.transports.interfaces import PeerStream

OTHER_WAY = "the torrent's peers are not reached in this way"


class HandshakeHost(Protocol):
    """Who starts handshakes and hears how they end."""

    @property
    def peer_id(self) -> bytes: ...

    def seconds(self) -> float:
        """Monotonic time."""

    def accepting(self, info_hash: bytes, entry: Entry) -> HandshakeTorrent | None:
        """The running torrent with this 20-byte id, for a peer that dialled us in this way."""

    def handshake_done(self, done: Handshaking, events: Sequence[Event]) -> None:
        """Both handshakes are through; `events` came behind the peer's in the same read."""

    def handshake_failed(self, failed: Handshaking, reason: str, end: HandshakeEnd) -> None:
        """The connection ended before that; it is closed already."""


class Gate(Protocol):
    """Where a peer waits after its handshake until it has proved more (proving.Proving)."""

    def received(self, events: Sequence[Event], size: int) -> None:
        """Messages came, in so many bytes."""

    def too_late(self) -> None:
        """Its time is over: it is to be refused."""


class Handshaking:
    """A stream whose peer has yet to say who it is."""

    def __init__(
        self,
        host: HandshakeHost,
        stream: PeerStream,
        *,
        torrent: HandshakeTorrent | None,
        source: str,
        dialled: PeerAddress | None = None,
    ) -> None:
        self.host = host
        self.stream = stream
        self.torrent = torrent
        self.source = source
        self.entry = IN_THE_CLEAR
        self.incoming = torrent is None
        self.address = dialled or stream.address
        self.began = host.seconds()
        self.wire = PeerWire(initiator=not self.incoming, now=self.began)
        self.v2 = False
        self.node: Any = None
        """Of who had to prove which node it is: what is known of that (peer_node.PeerNode)."""
        self._gate: Gate | None = None
        self._gate_closes = 0.0
        self._over = False
        self._behind: list[Event] | None = None
        """What came while the torrent was not ready for the peer; None: it need not wait."""

    @property
    def is_over(self) -> bool:
        """Whether it was let in, or refused."""
        return self._over

    @property
    def is_held(self) -> bool:
        """Whether hands are shaken, and it has to prove more."""
        return self._gate is not None

    @property
    def encrypted(self) -> bool:
        """Whether nobody can listen."""
        return self.entry.encrypted

    @property
    def meant_for(self) -> tuple[HandshakeTorrent | None, ...]:
        """The torrent that it is for, as far as that is known by one way or another."""
        return self.torrent, self.entry.torrent

    @property
    def remote(self) -> Handshake:
        """The peer's handshake; only after it is done."""
        assert self.wire.remote is not None
        return self.wire.remote

    def stream_received(self, data: memoryview) -> None:
        """Bytes of the handshake, and perhaps of what follows it."""
        try:
            events = self.wire.receive_data(data, self.host.seconds())
        except PeerWireError as problem:
            self.fail(str(problem), HandshakeEnd.GARBAGE)
            return
        if self._gate is not None and not self._over:
            self._gate.received(events, len(data))
        elif self._behind is not None:
            self._behind += events
        elif self.wire.remote is not None and not self._over:
            self._meet(self.wire.remote, events[1:])

    def stream_writable(self) -> None:
        """Nothing waits to be written."""

    def stream_lost(self, reason: str) -> None:
        """The peer hung up, which is how most clients refuse an info-hash."""
        self._end(reason or "the peer closed the connection", HandshakeEnd.HUNG_UP)

    def begin(self) -> bool:
        """Say which torrent it is dialled for, if that may be told here; whether it was."""
        torrent = self.torrent
        assert torrent is not None
        if self.entry.leads_to(torrent):
            self._greet(torrent.info_hashes.wire_ids[0], torrent)
            return True
        self.fail(OTHER_WAY, HandshakeEnd.OTHER_TORRENT)
        return False

    def opened(self, stream: PeerStream, encrypted: bool, binding: bytes | None) -> None:
        """It is agreed how the peers speak: what follows goes by this stream."""
        self.stream = stream
        self.entry = replace(self.entry, encrypted=encrypted, binding=binding)

    def entered(self, stream: PeerStream, entry: Entry) -> None:
        """The same, and the peer showed for what it came."""
        self.stream = stream
        self.entry = entry

    def wait(self) -> None:
        """The torrent is not ready for the peer: nothing more is read until `go_on`."""
        self._over = False
        self._behind = []
        self.stream.pause()

    def go_on(self, events: Sequence[Event]) -> None:
        """It is: the peer is let in, or hears why not."""
        if self._over:
            return
        assert self._behind is not None
        self._behind[:0] = events
        self.stream.resume()  # which may bring what waited beneath, or the end of it, at once
        if not self._over:
            self._over = True
            self.host.handshake_done(self, self._behind)

    def hold(self, gate: Gate, seconds: float) -> None:
        """Before it is let in it has to pass this, in so many seconds."""
        self._over = False
        self._gate, self._gate_closes = gate, self.host.seconds() + seconds

    def let_in(self, node: Any, events: Sequence[Event]) -> None:
        """It passed, and said this meanwhile."""
        if not self._over:
            self._over = True
            self._gate, self.node = None, node
            self.host.handshake_done(self, events)

    def tick(self, now: float) -> None:
        """End it when the peer says nothing for too long."""
        if self._gate is not None:
            if now >= self._gate_closes:
                self._gate.too_late()
            return
        deadline = self.wire.next_deadline()
        if deadline is not None and deadline <= now:
            self.fail("no handshake in time", HandshakeEnd.SILENT)

    def fail(self, reason: str, end: HandshakeEnd) -> None:
        """Close the connection and say why."""
        self.stream.abort()
        self._end(reason, end)

    def _meet(self, remote: Handshake, events: Sequence[Event]) -> None:
        if self.torrent is None:
            self.torrent = self.host.accepting(remote.info_hash, self.entry)
            if self.torrent is None:
                sentence = "the peer asked for a torrent that is not here"
                self.fail(sentence, HandshakeEnd.OTHER_TORRENT)
                return
            self._greet(self._answer_id(remote, self.torrent.info_hashes), self.torrent)
        elif remote.info_hash not in self.torrent.info_hashes.wire_ids:
            self.fail("the peer answered with another info-hash", HandshakeEnd.OTHER_TORRENT)
            return
        elif not self.entry.leads_to(self.torrent):  # it learned meanwhile what it is
            self.fail(OTHER_WAY, HandshakeEnd.OTHER_TORRENT)
            return
        hashes = self.torrent.info_hashes
        self.v2 = self.v2 or (hashes.v2 is not None and remote.info_hash == hashes.v2[:20])
        self._over = True
        self.host.handshake_done(self, events)

    def _answer_id(self, remote: Handshake, hashes: InfoHashes) -> bytes:
        """The id to answer with: v2's when the peer dialled by v1 and offers the upgrade."""
        if remote.supports_v2 and hashes.v2 is not None and remote.info_hash == hashes.v1:
            self.v2 = True
            return hashes.v2[:20]
        return remote.info_hash

    def _greet(self, info_hash: bytes, torrent: HandshakeTorrent) -> None:
        v2 = torrent.info_hashes.v2 is not None
        reserved = our_reserved(v2=v2, dht=torrent.uses_dht)
        self.wire.send_handshake(Handshake(info_hash, self.host.peer_id, reserved))
        self.stream.write([self.wire.data_to_send()])

    def _end(self, reason: str, end: HandshakeEnd) -> None:
        if not self._over:
            self._over = True
            self.host.handshake_failed(self, reason, end)
