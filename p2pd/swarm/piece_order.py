"""Which piece to open next: by priority, then random first, rarest first or in sequence.

Holds the pieces that are wanted, missing and not open, as one mask a priority. Knows nothing of
blocks or peers.
"""

from __future__ import annotations

import random
from typing import Iterator, Sequence

from p2pd.base.piece_set import PieceSet
from p2pd.swarm.availability import Availability
from p2pd.swarm.piece_masks import PieceMasks

PRIORITIES = 8
"""Priorities are 0 (unwanted) to 7 (first)."""

DEFAULT_PRIORITY = 4

RANDOM_FIRST = 4
"""Pieces to have before the rarest come first: the first ones should arrive soon, to trade with."""

_AT_LEVEL = [bytes(48 + (value == level) for value in range(256)) for level in range(PRIORITIES)]


class PieceOrder:
    """The pieces nobody has begun, and the order to begin them in."""

    __slots__ = (
        "_availability", "_have", "_levels", "_masks", "_rng", "first", "priorities", "sequential",
        "wanted",
    )  # fmt: skip

    def __init__(
        self, masks: PieceMasks, availability: Availability, have: PieceSet, rng: random.Random
    ) -> None:
        self._masks = masks
        self._availability = availability
        self._have = have
        self._rng = rng
        self._levels = [0] * PRIORITIES
        self.priorities = bytes([DEFAULT_PRIORITY]) * masks.size
        self.sequential = False
        self.first = 0
        """Where the sequence begins; the pieces before it come last."""
        self.wanted = 0
        """The mask of wanted pieces that are missing, open or not."""

    def set_priorities(self, priorities: Sequence[int], opened: int) -> None:
        """One priority a piece; `opened` is the mask of open pieces. Raises ValueError."""
        if len(priorities) != self._masks.size:
            raise ValueError(f"{len(priorities)} priorities for {self._masks.size} pieces")
        if priorities and not 0 <= min(priorities) <= max(priorities) < PRIORITIES:
            raise ValueError("a priority is not in 0..7")
        self.priorities = bytes(priorities)
        had = self._masks.from_flags(self._have.flags)
        unbegun = self._masks.everything ^ (had | opened)
        for level in range(1, PRIORITIES):
            digits = self.priorities.translate(_AT_LEVEL[level])
            self._levels[level] = int(digits or b"0", 2) & unbegun
        unwanted = int(self.priorities.translate(_AT_LEVEL[0]) or b"0", 2)
        self.wanted = self._masks.everything ^ (had | unwanted)

    def put(self, piece: int) -> None:
        """A piece that was open is not begun any more."""
        if self.priorities[piece] and not self._have.flags[piece]:
            self._levels[self.priorities[piece]] |= self._masks.bit(piece)

    def take(self, piece: int) -> None:
        """A piece is open from now on."""
        level, bit = self.priorities[piece], self._masks.bit(piece)
        self._levels[level] ^= self._levels[level] & bit

    def had(self, piece: int) -> None:
        """A piece is had from now on."""
        self.take(piece)
        self.wanted ^= self.wanted & self._masks.bit(piece)

    def unbegun(self, mask: int) -> bool:
        """Whether any piece of the mask is wanted and not begun."""
        return any(level & mask for level in self._levels)

    def is_unbegun(self, piece: int, mask: int) -> bool:
        """Whether a piece, of whatever index, is in the mask, wanted and not begun."""
        if not 0 <= piece < self._masks.size:
            return False
        return self._levels[self.priorities[piece]] & mask & self._masks.bit(piece) != 0

    def not_begun(self, mask: int) -> int:
        """Those of the mask that are wanted and not begun."""
        found = 0
        for level in self._levels:
            found |= level
        return found & mask

    def first_level(self, mask: int) -> int:
        """Of a mask of wanted pieces, begun or not, those with the highest priority."""
        for level in range(PRIORITIES - 1, 0, -1):
            digits = self.priorities.translate(_AT_LEVEL[level])
            if found := int(digits or b"0", 2) & mask:
                return found
        return mask

    def first_in_sequence(self, mask: int) -> int:
        """The first piece in sequence of a mask that is not empty."""
        later = mask & ((1 << self._masks.size - self.first) - 1)
        return self._masks.first(later or mask)

    def next_pieces(self, mask: int, *, common_first: bool = False) -> Iterator[int]:
        """The pieces of the mask that are not begun, in the order to begin them.

        The iterator stays right while its user begins the pieces it yields, and only those.
        """
        for level in range(PRIORITIES - 1, 0, -1):
            candidates = self._levels[level] & mask
            while candidates:
                ties = self._ties(candidates, common_first)
                candidates ^= ties
                while ties:
                    piece = self._one_of(ties)
                    ties ^= self._masks.bit(piece)
                    yield piece

    def place(self, piece: int) -> int:
        """Where a piece comes in the sequence."""
        return (piece - self.first) % self._masks.size

    def _ties(self, candidates: int, common_first: bool) -> int:
        if self.sequential or self._have.count < RANDOM_FIRST:
            return candidates
        if common_first:
            return self._availability.commonest_of(candidates)
        return self._availability.rarest_of(candidates)

    def _one_of(self, ties: int) -> int:
        if self.sequential:
            return self.first_in_sequence(ties)
        return self._masks.any_of(ties, self._rng)
