"""What one peer says it has: bitfield, have, have all, have none, and BEP 54's no longer.

While the torrent has no metadata nobody can say what a piece index means; what the peer said is
kept, within a bound, and read again when the metadata is here.
"""

from __future__ import annotations

from typing import Protocol, Sequence

from p2pd.base.errors import FormatError
from p2pd.base.piece_set import PieceSet
from p2pd.protocols.peerwire import messages as wire
from p2pd.session.torrents.torrent_content import TorrentContent

EARLY_LIMIT = 10_000
"""Messages kept of a peer while there is no metadata."""

Told = wire.Bitfield | wire.HaveAll | wire.HaveNone | wire.Have


class PeerPieces:
    """The pieces of one peer, counted in the torrent's availability."""

    __slots__ = ("_content", "_early", "have")

    def __init__(self) -> None:
        self.have: PieceSet | None = None
        self._content: TorrentContent | None = None
        self._early: list[Told] = []

    def attach(self, content: TorrentContent) -> None:
        """The metadata is known. Raises FormatError if what the peer said does not fit it."""
        self._content = content
        early, self._early = self._early, []
        for message in early:
            self.told(message)

    def told(self, message: Told) -> int | None:
        """Take the peer's word. A single new piece is answered by its index.

        Raises FormatError when it does not fit the torrent.
        """
        content = self._content
        if content is None:
            if not isinstance(message, wire.Have):
                self._early.clear()  # it says all; a bitfield is long, and may come many times
            if len(self._early) < EARLY_LIMIT:
                self._early.append(message)
            return None
        size = content.layout.piece_count
        if isinstance(message, wire.Have):
            return self._got(content, message.piece, size)
        if isinstance(message, wire.Bitfield):
            told = PieceSet.from_bitfield(message.data, size)
        else:
            told = PieceSet.full(size) if isinstance(message, wire.HaveAll) else PieceSet(size)
        self.leave()
        self.have = told
        content.pieces.picker.peer_joined(told)
        return None

    def lost(self, piece: int) -> None:
        """The peer no longer has a piece (BEP 54)."""
        content, have = self._content, self.have
        if content is None or have is None or piece >= have.size:
            return
        if have.discard(piece):
            content.pieces.picker.peer_lost(piece)

    def leave(self) -> None:
        """The peer counts no more."""
        if self._content is not None and self.have is not None:
            self._content.pieces.picker.peer_left(self.have)
            self.have = None

    @property
    def is_full(self) -> bool:
        """Whether the peer has everything."""
        have = self.have
        return have is not None and have.count == have.size

    def lacks_any_of(self, pieces: Sequence[int]) -> bool:
        """Whether the peer, by what it said, lacks one of these pieces."""
        if self.have is None:
            return True
        flags = self.have.flags
        for piece in pieces:  # noqa: SIM110 - it is mostly one, and told to every peer
            if not flags[piece]:
                return True
        return False

    def _got(self, content: TorrentContent, piece: int, size: int) -> int | None:
        if piece >= size:
            raise FormatError(f"have of piece {piece}, there are {size}")
        if self.have is None:
            self.have = PieceSet(size)
            content.pieces.picker.peer_joined(self.have)
        if not self.have.add(piece):
            return None
        content.pieces.picker.peer_got(piece)
        return piece


class PieceTeller(Protocol):
    """Who can be told what we have."""

    supports_fast: bool

    def send(self, message: object) -> None: ...


def announce_pieces(to: PieceTeller, have: PieceSet | None) -> None:
    """Our first word after the handshake: the shortest that says it (BEP 3, BEP 6)."""
    count = have.count if have is not None else 0
    if to.supports_fast and not count:
        to.send(wire.HaveNone())
    elif to.supports_fast and have is not None and have.is_full:
        to.send(wire.HaveAll())
    elif have is not None and count:
        to.send(wire.Bitfield(have.to_bitfield()))
