"""A peer of a torrent that is for trusted nodes alone, until it proved that it is one.

The handshake of BitTorrent is through, and the peer hears no more than that we speak p2pd_node:
not what we have, not whom we know, no metadata. What it says meanwhile is kept, in bounds, and
heard when it is let in. Who cannot prove anything, proves to be somebody else, or takes too long is
told nothing: until then it is a handshake, and counts as one.
"""

from __future__ import annotations

from typing import Protocol, Sequence

from p2pd.base.addresses import PeerAddress
from p2pd.base.errors import FormatError
from p2pd.protocols.peerwire.connection import Event, PeerWire
from p2pd.protocols.peerwire.extensions.p2pd_node import NAME
from p2pd.protocols.peerwire.extensions.registry import (
    HANDSHAKE_ID,
    ExtensionHandshake,
    ExtensionRegistry,
    names_by_id,
)
from p2pd.protocols.peerwire.messages import Block, Extended, KeepAlive
from p2pd.session.connecting.arrivals import HandshakeEnd
from p2pd.session.connecting.handshaking import Handshaking
from p2pd.session.nodes.session_nodes import SessionNodes
from p2pd.session.peers.partings import NOT_TRUSTED
from p2pd.session.peers.peer_extensions import LOCAL_IDS
from p2pd.session.peers.peer_node import PeerNode

PROOF_SECONDS = 15.0
"""What a peer has to prove who it is, after its handshake."""
MOST_EVENTS = 512
MOST_BYTES = 256 * 1024
"""What it may say before that: the bitfield of two million pieces, and more than clients say."""

OFF = "this node tells nobody who it is (peer_identity), so nobody tells it"
NOBODY_TRUSTED = "the torrent is for trusted nodes alone, and none is trusted"
NOT_BOUND = "the torrent is for trusted nodes alone: who it is cannot be proved without encryption"
NO_IDENTITY = "the torrent is for trusted nodes alone, and it does not say which node it is"
TOO_LATE = "it did not prove in time to be a trusted node"
TOO_MUCH = "it says too much before it has proved who it is"


class ProvingTorrent(Protocol):
    """What is asked of the torrent."""

    @property
    def may_be_private(self) -> bool:
        """BEP 27, or not known."""


class Proving:
    """One peer (peer_node.NodePeer). When it proved enough its handshake goes on."""

    def __init__(self, done: Handshaking, torrent: ProvingTorrent, nodes: SessionNodes) -> None:
        self.address: PeerAddress = done.address
        self.wire: PeerWire = done.wire
        self.encrypted = done.encrypted
        self.binding = done.entry.binding
        self.extensions = self
        self._done = done
        self._nodes = nodes
        self._registry = ExtensionRegistry(_NAMES)
        self._kept: list[Event] = []
        self._size = 0
        self._reading = self._is_trusted = False
        self._node = PeerNode(self, nodes, private=torrent.may_be_private)

    @property
    def closed(self) -> bool:
        """Whether it is over, in one way or the other."""
        return self._done.is_over

    def begin(self, events: Sequence[Event]) -> None:
        """Say that we listen; `events` came behind the peer's handshake."""
        if reason := self._why_not():
            in_clear = reason is NOT_BOUND
            self._done.fail(reason, HandshakeEnd.NOT_BOUND if in_clear else HandshakeEnd.NOT_PROVED)
            return
        mine = ExtensionHandshake(messages={NAME: LOCAL_IDS[NAME]})
        self.wire.send(Extended(HANDSHAKE_ID, mine.encode()))
        self.flush()
        self.received(events, 0)

    def _why_not(self) -> str:
        if not self._nodes.speaks:
            return OFF
        if not len(self._nodes.trusted):
            return NOBODY_TRUSTED
        if not self._node.offers:
            return NOT_BOUND
        return "" if self._done.remote.supports_extensions else NO_IDENTITY

    # -- what comes (handshaking.Gate) -----------------------------------------------------------

    def received(self, events: Sequence[Event], size: int) -> None:
        """Messages, in `size` bytes."""
        self._size += size
        self._reading = True
        try:
            if self._size > MOST_BYTES:  # also of one message that does not come to an end
                raise FormatError(TOO_MUCH)
            for event in events:
                self._read(event)
                if self.closed:
                    return
        except FormatError as problem:
            self.drop(str(problem))
            return
        finally:
            self._reading = False
        if self._is_trusted:
            self._done.let_in(self._node, self._kept)

    def too_late(self) -> None:
        """It took too long."""
        self._done.fail(TOO_LATE, HandshakeEnd.NOT_PROVED)

    def _read(self, event: Event) -> None:
        if isinstance(event, Extended) and event.id == LOCAL_IDS[NAME]:
            self._node.received(event.payload)
            return
        if isinstance(event, KeepAlive):
            return
        if len(self._kept) >= MOST_EVENTS or isinstance(event, Block):
            raise FormatError(TOO_MUCH)
        self._kept.append(event)
        if isinstance(event, Extended) and event.id == HANDSHAKE_ID:
            self._registry.learn(ExtensionHandshake.parse(event.payload))
            if self._registry.speaks(NAME):
                self._node.begin()
            else:
                self._done.fail(NO_IDENTITY, HandshakeEnd.NOT_PROVED)

    # -- what PeerNode asks ----------------------------------------------------------------------

    def speaks(self, name: str) -> bool:
        """Whether the peer takes messages of this extension."""
        return self._registry.speaks(name)

    def send(self, name: str, payload: bytes) -> None:
        """Send a message of an extension that the peer speaks."""
        message = self._registry.message(name, payload)
        if message is not None:
            self.wire.send(message)

    def flush(self) -> None:
        """Give what is queued to the stream."""
        data = self.wire.data_to_send()
        if data and not self.closed:
            self._done.stream.write([data])

    def drop(self, reason: str, *, misbehaved: bool = True) -> None:
        """Close the connection because of something the peer did."""
        self._done.fail(reason, HandshakeEnd.GARBAGE if misbehaved else HandshakeEnd.NOT_PROVED)

    def node_proved(self) -> None:
        """It is known which node it is: what else came in the same read is heard first."""
        if not self._nodes.is_trusted(self._node.key):
            self._done.fail(NOT_TRUSTED, HandshakeEnd.NOT_PROVED)
        elif self._reading:
            self._is_trusted = True
        else:
            self._done.let_in(self._node, self._kept)


_NAMES = names_by_id(LOCAL_IDS)
