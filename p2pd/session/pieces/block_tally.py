"""Counting what became of blocks that came, whoever sent them."""

from __future__ import annotations

from typing import Hashable, Protocol, Sequence

from p2pd.base.requests import Request
from p2pd.protocols.peerwire.messages import Block
from p2pd.swarm.piece_picker import ACCEPTED, BlockOutcome


class Taker(Protocol):
    """Whom they came to."""

    def block_wasted(self, length: int) -> None:
        """One came that is not wanted."""

    def cancel_at(self, peer: Hashable, request: Request) -> None:
        """One came that a peer was asked for, too."""


def tally(
    outcomes: Sequence[BlockOutcome], blocks: Sequence[Block], taker: Taker
) -> tuple[int, int]:
    """How many of these blocks were wanted, and how many bytes; the taker hears of the others.

    HOT: once per wake-up of a peer.
    """
    size, unwanted = 0, 0
    for outcome, (piece, begin, data) in zip(outcomes, blocks, strict=True):
        length = len(data)
        if outcome is ACCEPTED:  # as nearly all are
            size += length
        elif outcome.accepted:
            size += length
            for other in outcome.also_asked:
                taker.cancel_at(other, Request(piece, begin, length))
        else:
            unwanted += 1
            taker.block_wasted(length)
    return len(blocks) - unwanted, size
