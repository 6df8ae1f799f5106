"""The fast extension on one connection (BEP 6): pieces that flow although somebody chokes."""

from __future__ import annotations

from typing import Protocol

from p2pd.base.addresses import PeerAddress
from p2pd.base.piece_set import PieceSet
from p2pd.protocols.peerwire import messages as wire
from p2pd.protocols.peerwire.fast import allowed_fast_set
from p2pd.session.torrent_content import TorrentContent

ALLOWED_COUNT = 10
"""Pieces that a peer with next to nothing may have of us at once."""

MAX_SUGGESTED = 16


class FastPeer(Protocol):
    """What the fast extension needs of its peer session."""

    address: PeerAddress
    supports_fast: bool
    shown: set[int] | None

    @property
    def pieces(self) -> PieceSet | None: ...
    @property
    def wire_id(self) -> bytes: ...
    def send(self, message: wire.AllowedFast) -> None: ...


class PeerFast:
    """`allowed`: what the peer serves although it chokes us. `served`: what we serve it although
    we choke it. `suggested`: what it says it can serve cheaply, the newest first."""

    __slots__ = ("_peer", "allowed", "served", "suggested")

    def __init__(self, peer: FastPeer) -> None:
        self._peer = peer
        self.allowed: set[int] = set()
        self.served: set[int] = set()
        self.suggested: list[int] = []

    def allow(self, piece: int) -> None:
        """The peer serves this piece, choked or not."""
        self.allowed.add(piece)

    def suggest(self, piece: int) -> None:
        """The peer can serve this piece cheaply."""
        self.suggested = [piece, *self.suggested[: MAX_SUGGESTED - 1]]

    def offer(self, content: TorrentContent) -> None:
        """Let a peer that has next to nothing start although it is choked."""
        peer, have = self._peer, content.have
        if peer.pieces is None or not peer.supports_fast or peer.address.is_ipv6:
            return
        if peer.shown is not None:
            return
        if peer.pieces.count >= ALLOWED_COUNT or not have.count:
            return
        count = content.layout.piece_count
        for piece in allowed_fast_set(peer.address.host, peer.wire_id, count, ALLOWED_COUNT):
            if have.flags[piece]:
                self.served.add(piece)
                peer.send(wire.AllowedFast(piece))
