"""Upright counters agree with counting one by one."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from p2pd.base.piece_set import PieceSet
from p2pd.swarm.availability import Availability
from p2pd.swarm.piece_masks import PieceMasks

SIZE = 11


class AvailabilityMachine(RuleBasedStateMachine):
    """Peers come, gain, lose and go; every count is compared with the naive one."""

    def __init__(self) -> None:
        super().__init__()
        self.masks = PieceMasks(SIZE)
        self.availability = Availability(self.masks)
        self.peers: list[PieceSet] = []

    @rule(members=st.sets(st.integers(0, SIZE - 1)))
    def join(self, members: set[int]) -> None:
        self.peers.append(PieceSet(SIZE, sorted(members)))
        self.availability.joined(self.peers[-1])

    @rule()
    def join_as_seed(self) -> None:
        self.peers.append(PieceSet.full(SIZE))
        self.availability.joined(self.peers[-1])

    @precondition(lambda self: self.peers)
    @rule(data=st.data())
    def leave(self, data: st.DataObject) -> None:
        index = data.draw(st.integers(0, len(self.peers) - 1))
        self.availability.left(self.peers.pop(index))

    @precondition(lambda self: self.peers)
    @rule(data=st.data(), piece=st.integers(0, SIZE - 1))
    def change(self, data: st.DataObject, piece: int) -> None:
        peer = data.draw(st.sampled_from(self.peers))
        if peer.add(piece):
            self.availability.got(piece)
        else:
            peer.discard(piece)
            self.availability.lost(piece)

    @rule(members=st.sets(st.integers(0, SIZE - 1), min_size=1))
    def compare_rarest(self, members: set[int]) -> None:
        candidates = self.masks.of(PieceSet(SIZE, sorted(members)))
        counts = {piece: sum(piece in peer for peer in self.peers) for piece in members}
        for chosen, extreme in (
            (self.availability.rarest_of(candidates), min(counts.values())),
            (self.availability.commonest_of(candidates), max(counts.values())),
        ):
            expected = [piece for piece in sorted(members) if counts[piece] == extreme]
            assert list(self.masks.pieces(chosen)) == expected

    @invariant()
    def counts_agree(self) -> None:
        counts = [sum(piece in peer for peer in self.peers) for piece in range(SIZE)]
        assert [self.availability.count(piece) for piece in range(SIZE)] == counts
        present = list(self.masks.pieces(self.availability.present()))
        assert present == [piece for piece in range(SIZE) if counts[piece]]
        lowest = min(counts)
        share = sum(count > lowest for count in counts) / SIZE
        assert self.availability.distributed_copies() == pytest.approx(lowest + share)


AvailabilityMachine.TestCase.settings = settings(
    max_examples=30, stateful_step_count=30, deadline=None
)
TestAvailabilityMachine = AvailabilityMachine.TestCase


@given(st.lists(st.sets(st.integers(0, SIZE - 1)), max_size=300))
def test_many_peers_need_more_than_one_byte_a_piece(bitfields: list[set[int]]) -> None:
    availability = Availability(PieceMasks(SIZE))
    for members in [*bitfields, *[{3}] * 300]:
        availability.joined(PieceSet(SIZE, sorted(members)))
    assert availability.count(3) == 300 + sum(3 in members for members in bitfields)
    assert availability.count(4) == sum(4 in members for members in bitfields)


def test_more_peers_that_leave_than_came_count_as_nobody() -> None:
    availability = Availability(PieceMasks(4))
    availability.joined(PieceSet(4, [0, 1]))
    availability.left(PieceSet(4, [1, 2]))
    assert [availability.count(piece) for piece in range(4)] == [1, 0, 0, 0]


@pytest.mark.parametrize("piece", [-1, 4])
def test_a_piece_outside_the_torrent_is_refused(piece: int) -> None:
    availability = Availability(PieceMasks(4))
    for ask in (availability.count, availability.got, availability.lost):
        with pytest.raises(IndexError):
            ask(piece)


def test_a_torrent_without_pieces_has_as_many_copies_as_peers() -> None:
    availability = Availability(PieceMasks(0))
    availability.joined(PieceSet(0))
    assert availability.distributed_copies() == 1.0
