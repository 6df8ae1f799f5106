"""What of blocks that came was wanted is counted; who sent others, or was asked too, is told of."""

from __future__ import annotations

from collections.abc import Hashable

from hypothesis import given
from hypothesis import strategies as st

from p2pd.base.requests import Request
from p2pd.protocols.peerwire.messages import Block
from p2pd.session.pieces.block_tally import tally
from p2pd.swarm.piece_picker import ACCEPTED, BlockOutcome

OUTCOMES = st.just(ACCEPTED) | st.builds(
    BlockOutcome, st.booleans(), st.booleans(), st.lists(st.integers(0, 3), max_size=2).map(tuple)
)


class Taker:
    """Notes what it hears."""

    def __init__(self) -> None:
        self.wasted: list[int] = []
        self.cancelled: list[tuple[Hashable, Request]] = []

    def block_wasted(self, length: int) -> None:
        self.wasted.append(length)

    def cancel_at(self, peer: Hashable, request: Request) -> None:
        self.cancelled.append((peer, request))


@given(st.lists(st.tuples(OUTCOMES, st.integers(0, 9)), max_size=20))
def test_each_block_counts_once(came: list[tuple[BlockOutcome, int]]) -> None:
    taker = Taker()
    blocks = [Block(at, 16384 * at, bytes(length)) for at, (_, length) in enumerate(came)]
    outcomes = [outcome for outcome, _ in came]
    wanted = [length for outcome, length in came if outcome.accepted]
    assert tally(outcomes, blocks, taker) == (len(wanted), sum(wanted))
    assert taker.wasted == [length for outcome, length in came if not outcome.accepted]
    assert taker.cancelled == [
        (other, Request(at, 16384 * at, length))
        for at, (outcome, length) in enumerate(came)
        if outcome.accepted
        for other in outcome.also_asked
    ]
