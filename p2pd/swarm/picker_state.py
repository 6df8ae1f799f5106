"""What a pick works on: open pieces, order, availability, requests. No policy of its own."""

from __future__ import annotations

import random
from typing import Protocol

from p2pd.base.piece_set import PieceSet
from p2pd.swarm.asked_blocks import AskedPeers
from p2pd.swarm.availability import Availability
from p2pd.swarm.deadlines import Deadlines
from p2pd.swarm.open_pieces import OpenPieces
from p2pd.swarm.partial_piece import PartialPiece
from p2pd.swarm.piece_masks import PieceMasks
from p2pd.swarm.piece_order import PieceOrder


class PieceGeometry(Protocol):
    """How many pieces there are and how large each is."""

    @property
    def piece_count(self) -> int:
        """Pieces of the torrent."""

    def request_size(self, piece: int) -> int:
        """Bytes to ask peers for, at least one."""


class PickerState:
    """The parts of a piece picker; `serial` numbers the picks."""

    __slots__ = (
        "asked", "availability", "deadlines", "failed_before", "geometry", "masks", "open_pieces",
        "order", "serial",
    )  # fmt: skip

    def __init__(self, geometry: PieceGeometry, have: PieceSet, rng: random.Random) -> None:
        self.geometry = geometry
        self.masks = PieceMasks(geometry.piece_count)
        self.availability = Availability(self.masks)
        self.order = PieceOrder(self.masks, self.availability, have, rng)
        self.deadlines = Deadlines()
        self.open_pieces = OpenPieces()
        self.asked = AskedPeers()
        self.failed_before: dict[int, bool] = {}
        """Pieces that failed their hash; whether what came of them was kept."""
        self.serial = 0

    def open_piece(self, piece: int) -> PartialPiece:
        """Begin a piece."""
        size = self.geometry.request_size(piece)
        failed = self.failed_before.get(piece)
        few = failed is True
        partial = PartialPiece(piece, size, exclusive=failed is not None, few_at_once=few)
        self.order.take(piece)
        self.open_pieces.add(partial)
        return partial

    def close_piece(self, piece: int) -> PartialPiece | None:
        """A piece is not open any more: it may be begun again, unless it is had."""
        partial = self.open_pieces.close(piece)
        if partial is not None:
            self.order.put(piece)
        return partial

    def more_will_come(self) -> bool:
        """Some wanted piece is at nobody yet: whatever we wait for now, the end is not near."""
        return self.order.wanted & ~self.availability.present() != 0

    def nothing_to_ask(self, mask: int) -> bool:
        """Of these pieces all is here or asked for, and nothing of it is to be asked twice yet.

        Cheap, and on the safe side: most picks in a busy swarm end so.
        """
        if self.order.unbegun(mask) or self.deadlines.urgent or self.asked.any_slow():
            return False
        bit = self.masks.bit
        if any(bit(partial.piece) & mask for partial in self.open_pieces.with_free_blocks()):
            return False
        return self.more_will_come()

    def everything_is_asked(self) -> bool:
        """Every block that is wanted and that somebody has is asked for, or here."""
        present = self.availability.present()
        if self.order.unbegun(present):
            return False
        priorities, bit = self.order.priorities, self.masks.bit
        return not any(
            partial.askable and priorities[partial.piece] and bit(partial.piece) & present
            for partial in self.open_pieces.with_free_blocks()
        )
