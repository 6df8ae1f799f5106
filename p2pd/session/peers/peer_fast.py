"""The fast extension on one connection (BEP 6): pieces that flow although somebody chokes."""

from __future__ import annotations

from typing import AbstractSet, Protocol

from p2pd.base.addresses import PeerAddress
from p2pd.base.piece_set import PieceSet
from p2pd.protocols.peerwire import messages as wire
from p2pd.protocols.peerwire.fast import allowed_fast_set
from p2pd.session.torrents.torrent_content import TorrentContent

FEW_PIECES = 10
"""A peer with fewer has next to nothing (BEP 6)."""

OFFERED = 4
"""Pieces that such a peer may have of us at once: enough to begin to trade with."""

NEWCOMERS = 2
"""Choked peers that are served such pieces at a time: more would take from those with a slot."""

MAX_SUGGESTED = 16

NONE: frozenset[int] = frozenset()


class FastPeer(Protocol):
    """What the fast extension needs of its peer session."""

    address: PeerAddress
    supports_fast: bool
    am_choking: bool
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
        # A set each that mostly stays empty would be much of what an idle peer costs.
        self.allowed: AbstractSet[int] = NONE
        self.served: AbstractSet[int] = NONE
        self.suggested: list[int] = []

    def allow(self, piece: int) -> None:
        """The peer serves this piece, choked or not."""
        self.allowed = _with(self.allowed, piece)

    def disallow(self, piece: int) -> None:
        """The peer does not, after all."""
        if piece in self.allowed:
            self.allowed = self.allowed - {piece}

    def suggest(self, piece: int) -> None:
        """The peer can serve this piece cheaply."""
        self.suggested = [piece, *self.suggested[: MAX_SUGGESTED - 1]]

    @property
    def is_newcomer(self) -> bool:
        """Whether it is choked, has next to nothing, and may be living on what it was offered."""
        pieces = self._peer.pieces
        few = pieces is not None and pieces.count < FEW_PIECES
        return bool(self.served) and self._peer.am_choking and few

    def offer(self, content: TorrentContent) -> None:
        """Let a peer that has next to nothing start although it is choked."""
        peer, have = self._peer, content.have
        if peer.pieces is None or not peer.supports_fast or peer.address.is_ipv6:
            return
        if peer.shown is not None:
            return
        if peer.pieces.count >= FEW_PIECES or not have.count:
            return
        count = content.layout.piece_count
        for piece in allowed_fast_set(peer.address.host, peer.wire_id, count, OFFERED):
            if have.flags[piece]:
                self.served = _with(self.served, piece)
                peer.send(wire.AllowedFast(piece))


def _with(pieces: AbstractSet[int], piece: int) -> set[int]:
    """The same set with one more: for the first one it is made."""
    more = pieces if isinstance(pieces, set) else set(pieces)
    more.add(piece)
    return more
