"""Which node a peer is: what both ends of one connection prove to each other, once each.

Only over a connection that is encrypted and bound (transports.interfaces): in the clear, also after
a handshake of message stream encryption, whoever is on the way reads every key, and could go on in
the place of who proved his. So there nothing is offered, and nothing believed.

Who shows himself to all sends his proof when the peer says that it speaks the extension; who does
so to trusted nodes alone sends hints, and his proof once he knows that the peer is one: by a hint
that nobody else can make, or by its proof. Hints or a proof for a second time break the rules.
"""

from __future__ import annotations

from typing import Any, Protocol

from twisted.python.failure import Failure

from p2pd.base.addresses import PeerAddress
from p2pd.base.errors import FormatError
from p2pd.protocols.peerwire.connection import PeerWire
from p2pd.protocols.peerwire.extensions.p2pd_node import NAME, NodeHints, NodeProof, parse
from p2pd.protocols.peerwire.node_proofs import Channel, Role
from p2pd.session.nodes.session_nodes import REFUSED, TOO_MANY, SessionNodes


class NodePeer(Protocol):
    """The peer."""

    address: PeerAddress
    wire: PeerWire
    encrypted: bool
    binding: bytes | None
    extensions: Any

    @property
    def closed(self) -> bool: ...

    def drop(self, reason: str, *, misbehaved: bool = True) -> None: ...
    def flush(self) -> None: ...
    def node_proved(self) -> None:
        """It is known which node it is."""


class PeerNode:
    """What is known of it: `key` is the empty string until it was proved."""

    __slots__ = (
        "_began", "_channel", "_heard_hint", "_heard_proof", "_nodes", "_peer", "_private",
        "_proved_ours", "key",
    )  # fmt: skip

    def __init__(self, peer: NodePeer, nodes: SessionNodes, *, private: bool) -> None:
        self.key = b""
        self._peer = peer
        self._nodes = nodes
        self._private = private
        self._channel = _channel(peer) if nodes.speaks else None
        self._began = self._heard_hint = self._heard_proof = self._proved_ours = False

    def moved_to(self, peer: NodePeer) -> PeerNode:
        """Of the same connection another has to do with it from now on."""
        self._peer = peer
        return self

    @property
    def offers(self) -> bool:
        """Whether the extension is spoken on this connection."""
        return self._channel is not None

    @property
    def name(self) -> str:
        """What the user calls it; empty for who is not trusted."""
        return self._nodes.name_of(self.key)

    def begin(self) -> None:
        """The peer told its extensions: say who we are if it is to know, and speaks this one."""
        channel, nodes = self._channel, self._nodes
        if channel is None or self._began or not nodes.speaks:
            return
        if not self._peer.extensions.speaks(NAME):
            return
        self._began = True
        if nodes.shows_itself(private=self._private):
            self._prove(channel)
        elif len(nodes.trusted) and self._may_work():
            nodes.hint(channel).addCallback(self._send)

    def received(self, payload: bytes) -> None:
        """A message of the peer. Raises FormatError."""
        channel = self._channel
        if channel is None or not self._nodes.speaks:
            return
        message = parse(payload)
        if isinstance(message, NodeHints):
            self._hinted(message, channel)
        elif isinstance(message, NodeProof):
            self._proof_came(message, channel)

    def _hinted(self, hints: NodeHints, channel: Channel) -> None:
        if self._heard_hint:
            raise FormatError("it hints at its identity a second time")
        self._heard_hint = True
        if len(self._nodes.trusted) and not self._proved_ours and self._may_work():
            found = self._nodes.recognize(hints, channel)
            found.addCallback(lambda key: self._prove(channel) if key is not None else None)

    def _proof_came(self, proof: NodeProof, channel: Channel) -> None:
        if self._heard_proof:
            raise FormatError("it proves its identity a second time")
        self._heard_proof = True
        own = self._nodes.own
        if own is not None and proof.key == own.public:
            self._nodes.outcomes[REFUSED] += 1
            raise FormatError("it shows our own key")
        if self._may_work():
            checked = self._nodes.check(proof, channel)
            checked.addCallbacks(lambda old: self._proved(proof.key, old, channel), self._wrong)

    def _may_work(self) -> bool:
        if self._nodes.has_room:
            return True
        self._nodes.outcomes[TOO_MANY] += 1
        return False

    def _proved(self, key: bytes, old_key: bytes | None, channel: Channel) -> None:
        peer, nodes = self._peer, self._nodes
        if peer.closed:
            return
        self.key = key
        nodes.proved(key, old_key, peer.address.host)
        peer.node_proved()
        if nodes.is_trusted(key) and not self._peer.closed:
            self._prove(channel)

    def _wrong(self, failure: Failure) -> None:
        failure.trap(FormatError)
        self._nodes.outcomes[REFUSED] += 1
        self._peer.drop(str(failure.value))

    def _prove(self, channel: Channel) -> None:
        """Show our key, once."""
        if self._peer.closed or self._proved_ours or not self._nodes.speaks:
            return
        if self._may_work():
            self._proved_ours = True
            self._nodes.prove(channel).addCallback(self._send)

    def _send(self, message: NodeHints | NodeProof) -> None:
        if not self._peer.closed:
            self._peer.extensions.send(NAME, message.encode())
            self._peer.flush()


def _channel(peer: NodePeer) -> Channel | None:
    """The connection, as both ends know it; None for one that is not bound."""
    first = peer.wire.local if peer.wire.initiator else peer.wire.remote
    if peer.binding is None or not peer.encrypted or first is None:
        return None
    role = Role.DIALLED if peer.wire.initiator else Role.ACCEPTED
    return Channel(peer.binding, first.info_hash, role)
