"""The pieces that are open, filed by who should go on with them.

Of the open pieces only those with free blocks matter to a pick. Each of these is either the tail
of one peer, which opened it and asked for a part, or an orphan that anyone should finish soon.
Knows nothing of priorities or requests.
"""

from __future__ import annotations

from typing import Collection, Hashable, Iterator

from p2pd.swarm.partial_piece import PartialPiece


class OpenPieces:
    """Open pieces by index; `orphans` and `tails` are those of them with free blocks."""

    __slots__ = ("_by_piece", "orphans", "tails")

    def __init__(self) -> None:
        self._by_piece: dict[int, PartialPiece] = {}
        self.orphans: dict[int, PartialPiece] = {}
        self.tails: dict[Hashable, PartialPiece] = {}

    def add(self, partial: PartialPiece) -> None:
        """A piece is opened; file it when it has an owner and requests."""
        self._by_piece[partial.piece] = partial

    def close(self, piece: int) -> PartialPiece | None:
        """A piece is not open any more."""
        partial = self._by_piece.pop(piece, None)
        if partial is not None:
            self._unfile(partial)
        return partial

    def file(self, partial: PartialPiece) -> None:
        """Its free blocks or its owner changed."""
        self._unfile(partial)
        if partial.free:
            owner = partial.owner
            if owner is None:
                self.orphans[partial.piece] = partial
            else:
                self.orphan_tail(owner)
                self.tails[owner] = partial

    def own(self, partial: PartialPiece, owner: Hashable) -> None:
        """`owner` works on it from now on."""
        self._unfile(partial)
        partial.owner = owner
        self.file(partial)

    def orphan(self, partial: PartialPiece) -> None:
        """Its owner no longer works on it."""
        self._unfile(partial)
        partial.owner = None
        if partial.free:
            self.orphans[partial.piece] = partial

    def orphan_tail(self, owner: Hashable) -> None:
        """What `owner` has begun is for anyone to finish."""
        partial = self.tails.get(owner)
        if partial is not None:
            self.orphan(partial)

    def get(self, piece: int) -> PartialPiece | None:
        """The open piece of that index."""
        return self._by_piece.get(piece)

    def with_free_blocks(self) -> Iterator[PartialPiece]:
        """Every open piece with free blocks."""
        yield from self.orphans.values()
        yield from self.tails.values()

    @property
    def indices(self) -> Collection[int]:
        """The indices of the open pieces, the one opened first in front; a live view."""
        return self._by_piece.keys()

    def __getitem__(self, piece: int) -> PartialPiece:
        return self._by_piece[piece]

    def __contains__(self, piece: object) -> bool:
        return piece in self._by_piece

    def __len__(self) -> int:
        return len(self._by_piece)

    def _unfile(self, partial: PartialPiece) -> None:
        self.orphans.pop(partial.piece, None)
        owner = partial.owner
        if owner is not None and self.tails.get(owner) is partial:
            del self.tails[owner]
