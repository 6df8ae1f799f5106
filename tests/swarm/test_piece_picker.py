"""The piece picker's policy, one behaviour a test."""

from __future__ import annotations

import random
from collections import Counter
from typing import Iterable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from p2pd.base.piece_set import PieceSet
from p2pd.base.requests import BLOCK_SIZE, Request
from p2pd.swarm.picking import DUPLICATES_AT_ONCE
from p2pd.swarm.piece_picker import PiecePicker

BLOCKS = 4


class Geometry:
    """Pieces of four blocks, the last of them short."""

    def __init__(self, piece_count: int) -> None:
        self.piece_count = piece_count

    def request_size(self, piece: int) -> int:
        whole = BLOCKS * BLOCK_SIZE
        return whole - BLOCK_SIZE - 100 if piece == self.piece_count - 1 else whole


def make_picker(piece_count: int, had: Iterable[int] = (), seed: int = 1) -> PiecePicker:
    have = PieceSet(piece_count, list(had))
    return PiecePicker(Geometry(piece_count), rng=random.Random(seed), have=have)


def past_random_first(piece_count: int) -> PiecePicker:
    """A picker that has its first four pieces, so that rarest first holds."""
    return make_picker(piece_count, range(4))


def pieces_of(requests: Iterable[Request]) -> list[int]:
    return list(dict.fromkeys(request.piece for request in requests))


def receive(picker: PiecePicker, peer: object, requests: Iterable[Request]) -> None:
    for request in list(requests):
        outcome = picker.block_received(peer, *request)
        assert outcome.accepted
        if outcome.piece_complete:
            picker.piece_passed(request.piece)


def finish(picker: PiecePicker, peer: object, pieces: PieceSet) -> None:
    for _ in range(10_000):
        requests = picker.pick(peer, pieces, 7)
        if not requests:
            return
        receive(picker, peer, requests)


# -- blocks ------------------------------------------------------------------------------------


def test_a_piece_is_asked_for_in_whole_blocks_and_a_short_last_one() -> None:
    picker = make_picker(1)
    requests = picker.pick("a", PieceSet.full(1), 99)
    assert requests == [
        Request(0, 0, BLOCK_SIZE),
        Request(0, BLOCK_SIZE, BLOCK_SIZE),
        Request(0, 2 * BLOCK_SIZE, BLOCK_SIZE - 100),
    ]
    assert all(isinstance(request, Request) for request in requests)


def test_the_last_block_completes_the_piece() -> None:
    picker = make_picker(1)
    requests = picker.pick("a", PieceSet.full(1), 99)
    outcomes = [picker.block_received("a", *request) for request in requests]
    assert [o.piece_complete for o in outcomes] == [False, False, True]
    assert picker.open_pieces == 1
    assert picker.bytes_in_open_pieces == sum(request.length for request in requests)
    picker.piece_passed(0)
    assert (picker.open_pieces, picker.bytes_in_open_pieces) == (0, 0)
    assert picker.have.is_full


def test_the_short_block_may_come_first() -> None:
    picker = make_picker(1)
    requests = picker.pick("a", PieceSet.full(1), 99)
    picker.block_received("a", *requests[-1])
    assert picker.bytes_in_open_pieces == BLOCK_SIZE - 100
    picker.abandon_piece(0)
    assert picker.bytes_in_open_pieces == 0


@given(st.integers(-(2**70), 2**70), st.integers(-(2**70), 2**70), st.integers(-(2**70), 2**70))
def test_blocks_nobody_asked_for_are_refused_without_a_fuss(p: int, b: int, n: int) -> None:
    picker = make_picker(3)
    asked = picker.pick("a", PieceSet.full(3), 5)
    if (p, b, n) not in asked:
        assert not picker.block_received("a", p, b, n).accepted
    assert not picker.block_received("b", p, b, n).accepted
    assert list(picker.peer_requests("a")) == asked
    picker.request_failed("a", Request(p, b, n))
    picker.request_failed("b", Request(p, b, n))


@pytest.mark.parametrize(
    ("begin", "length"),
    [(0, BLOCK_SIZE - 1), (0, BLOCK_SIZE + 1), (1, BLOCK_SIZE), (0, 0), (0, -1), (-BLOCK_SIZE, 1)],
)
def test_a_block_of_the_wrong_shape_is_refused(begin: int, length: int) -> None:
    picker = make_picker(2, [1])
    picker.pick("a", PieceSet.full(2), 99)
    assert not picker.block_received("a", 0, begin, length).accepted


def test_a_block_is_accepted_once() -> None:
    picker = make_picker(2)
    request = picker.pick("a", PieceSet.full(2), 1)[0]
    assert picker.block_received("a", *request).accepted
    assert not picker.block_received("a", *request).accepted


def test_a_failed_hash_asks_for_all_blocks_again() -> None:
    picker = make_picker(1)
    asked = picker.pick("a", PieceSet.full(1), 99)
    for request in asked:
        picker.block_received("a", *request)
    assert picker.pick("a", PieceSet.full(1), 99) == []
    assert picker.contributors(0) == {"a"}
    picker.piece_failed(0)
    assert picker.contributors(0) == set()
    assert picker.bytes_in_open_pieces == 0
    assert picker.pick("b", PieceSet.full(1), 99) == asked


def test_an_abandoned_piece_names_what_may_be_cancelled_and_starts_over() -> None:
    picker = make_picker(1)
    asked = picker.pick("a", PieceSet.full(1), 99)
    picker.block_received("a", *asked[0])
    assert picker.abandon_piece(0) == [("a", asked[1]), ("a", asked[2])]
    assert len(picker.peer_requests("a")) == 0
    assert not picker.block_received("a", *asked[1]).accepted
    assert picker.pick("a", PieceSet.full(1), 99) == asked
    assert picker.abandon_piece(17) == []


# -- which piece -------------------------------------------------------------------------------


def test_the_rarest_piece_comes_first_and_ties_are_random() -> None:
    chosen = Counter[int]()
    for seed in range(60):
        picker = make_picker(12, range(4), seed)
        for members in ([4, 5, 6, 7], [4, 5, 6, 7, 8], [4, 5, 6, 7, 8, 9, 10, 11]):
            picker.peer_joined(PieceSet(12, members))
        first, *rest = pieces_of(picker.pick("a", PieceSet.full(12), 8 * BLOCKS))
        assert first in (9, 10, 11)
        assert rest[2] == 8
        chosen[first] += 1
    assert len(chosen) == 3


def test_the_first_pieces_are_random_so_that_they_come_soon() -> None:
    firsts = set()
    for seed in range(40):
        picker = make_picker(6, [0, 1, 2], seed)
        picker.peer_joined(PieceSet(6, [4, 5]))
        firsts.add(picker.pick("a", PieceSet.full(6), 1)[0].piece)
    assert firsts == {3, 4, 5}


def test_in_sequence_the_lowest_comes_first() -> None:
    picker = past_random_first(20)
    picker.sequential = True
    picker.peer_joined(PieceSet(20, [4, 5, 6]))
    assert pieces_of(picker.pick("a", PieceSet.full(20), 3 * BLOCKS)) == [4, 5, 6]
    assert picker.sequential


def test_a_higher_priority_comes_before_rarity_and_sequence() -> None:
    for sequential in (False, True):
        picker = past_random_first(8)
        picker.sequential = sequential
        picker.peer_joined(PieceSet(8, [6]))
        picker.set_priorities([4, 4, 4, 4, 1, 4, 7, 0])
        assert pieces_of(picker.pick("a", PieceSet.full(8), 99)) == [6, 5, 4]


def test_unwanted_pieces_are_never_picked_nor_interesting() -> None:
    picker = make_picker(5)
    picker.set_priorities([0, 4, 0, 0, 0])
    assert not picker.wants_any_of(PieceSet(5, [0, 2, 3, 4]))
    assert picker.wants_any_of(PieceSet.full(5))
    assert pieces_of(picker.pick("a", PieceSet.full(5), 99)) == [1]
    assert picker.pick("b", PieceSet(5, [0, 2]), 99, prefer=[0, 2]) == []


def test_what_is_had_is_not_interesting() -> None:
    picker = make_picker(3, [0, 1])
    assert not picker.wants_any_of(PieceSet(3, [0, 1]))
    assert picker.wants_any_of(PieceSet(3, [2]))
    finish(picker, "a", PieceSet.full(3))
    assert not picker.wants_any_of(PieceSet.full(3))


def test_an_open_piece_that_becomes_unwanted_is_not_gone_on_with() -> None:
    picker = make_picker(3)
    asked = picker.pick("a", PieceSet.full(3), 2)
    piece = asked[0].piece
    picker.set_priorities([0, 0, 0])
    assert picker.unwanted_open_pieces() == [piece]
    assert picker.pick("a", PieceSet.full(3), 99) == []
    assert picker.block_received("a", *asked[0]).accepted
    picker.set_priorities([4, 4, 4])
    assert picker.pick("a", PieceSet.full(3), 2)[0].piece == piece


def test_wrong_priorities_are_refused() -> None:
    picker = make_picker(3)
    with pytest.raises(ValueError, match="2 priorities for 3 pieces"):
        picker.set_priorities([1, 1])
    with pytest.raises(ValueError, match=r"not in 0\.\.7"):
        picker.set_priorities([1, 8, 1])
    with pytest.raises(ValueError, match="a set of 2 pieces"):
        PiecePicker(Geometry(3), rng=random.Random(1), have=PieceSet(2))


def test_priorities_may_be_given_at_once() -> None:
    picker = PiecePicker(
        Geometry(3), rng=random.Random(1), have=PieceSet(3), priorities=bytes([0, 7, 0])
    )
    assert pieces_of(picker.pick("a", PieceSet.full(3), 99)) == [1]


def test_suggested_pieces_come_before_other_new_ones() -> None:
    picker = past_random_first(9)
    prefer = [99, -1, 3, 7, 5]
    assert pieces_of(picker.pick("a", PieceSet(9, [5, 6, 8]), 8, prefer=prefer))[0] == 5
    assert pieces_of(picker.pick("b", PieceSet.full(9), 2 * BLOCKS, prefer=prefer))[0] == 7


def test_a_choking_peer_is_asked_only_for_what_it_allows() -> None:
    picker = past_random_first(9)
    full = PieceSet.full(9)
    picker.pick("b", full, 1)
    allowed = {6, 2, 400, -3}
    assert set(pieces_of(picker.pick("a", full, 99, only=allowed))) == {6}
    assert picker.pick("a", full, 99, only=set()) == []
    assert picker.pick("a", PieceSet(9, [5]), 99, only={6}) == []


def test_allowed_pieces_may_be_any_container() -> None:
    class Even:
        def __contains__(self, piece: object) -> bool:
            return isinstance(piece, int) and piece % 2 == 0

    picker = past_random_first(9)
    assert set(pieces_of(picker.pick("a", PieceSet.full(9), 99, only=Even()))) == {4, 6, 8}


def test_no_more_pieces_are_opened_than_allowed() -> None:
    picker = past_random_first(30)
    full = PieceSet.full(30)
    assert picker.pick("a", full, 99, may_open=0) == []
    assert len(pieces_of(picker.pick("a", full, 99, may_open=3))) == 3
    assert picker.open_pieces == 3
    assert len(pieces_of(picker.pick("a", full, 99, may_open=2, prefer=[9, 8, 7]))) == 2


def test_without_room_for_new_pieces_others_tails_are_joined() -> None:
    picker = past_random_first(30)
    full = PieceSet.full(30)
    first = picker.pick("a", full, 1)
    rest = picker.pick("b", full, 99, may_open=0)
    assert pieces_of(rest) == pieces_of(first)
    assert len(rest) == BLOCKS - 1


# -- affinity ----------------------------------------------------------------------------------


def test_each_quick_peer_works_on_pieces_of_its_own() -> None:
    picker = past_random_first(40)
    full = PieceSet.full(40)
    mine: dict[str, set[int]] = {"a": set(), "b": set()}
    for _ in range(6):
        for peer, pieces in mine.items():
            pieces.update(pieces_of(picker.pick(peer, full, 3)))
    assert not mine["a"] & mine["b"]
    assert all(len(pieces) == 5 for pieces in mine.values())  # 18 blocks: none left half begun


def test_what_a_gone_peer_left_is_finished_before_new_pieces() -> None:
    picker = past_random_first(20)
    full = PieceSet.full(20)
    asked = picker.pick("a", full, BLOCKS)
    receive(picker, "a", asked[:3])
    picker.forget_peer("a")
    assert picker.pick("b", full, 2)[0] == asked[3]
    assert len(picker.peer_requests("a")) == 0


def test_the_piece_with_the_least_to_come_is_finished_first() -> None:
    picker = past_random_first(20)
    full = PieceSet.full(20)
    asked = picker.pick("a", full, 3 * BLOCKS)
    receive(picker, "a", asked[:1] + asked[BLOCKS : BLOCKS + 3] + asked[2 * BLOCKS : -2])
    picker.forget_peer("a")
    order = pieces_of(picker.pick("b", full, 6))
    assert order == [asked[BLOCKS].piece, asked[-1].piece, asked[0].piece]


def test_in_sequence_the_lowest_unfinished_piece_comes_first() -> None:
    picker = past_random_first(20)
    picker.sequential = True
    full = PieceSet.full(20)
    asked = picker.pick("a", full, 2 * BLOCKS)
    receive(picker, "a", asked[:1] + asked[BLOCKS : BLOCKS + 3])
    picker.forget_peer("a")
    assert pieces_of(picker.pick("b", full, 4)) == [4, 5]


def test_a_slow_peer_helps_others_before_it_begins_something() -> None:
    picker = past_random_first(20)
    full = PieceSet.full(20)
    first = picker.pick("a", full, 1)
    assert pieces_of(picker.pick("slow", full, 2, slow=True)) == pieces_of(first)
    assert pieces_of(picker.pick("a", full, 1)) == pieces_of(first)


def test_a_slow_peer_begins_what_is_common_and_leaves_the_rest_to_others() -> None:
    picker = past_random_first(8)
    full = PieceSet.full(8)
    picker.peer_joined(PieceSet(8, [5]))
    begun = picker.pick("slow", full, 1, slow=True)
    assert pieces_of(begun) == [5]
    assert picker.pick("a", full, 3) == [Request(5, n * BLOCK_SIZE, BLOCK_SIZE) for n in (1, 2, 3)]


def test_a_peer_with_nothing_more_to_answer_does_not_keep_its_piece() -> None:
    picker = past_random_first(20)
    full = PieceSet.full(20)
    asked = picker.pick("a", full, 1)
    receive(picker, "a", asked)
    assert pieces_of(picker.pick("b", full, 1)) == pieces_of(asked)


def test_a_piece_that_failed_comes_from_one_peer_next_time() -> None:
    picker = make_picker(1)
    full = PieceSet.full(1)
    picker.peer_joined(full)
    for request in picker.pick("a", full, 99):
        picker.block_received("a", *request)
    picker.piece_failed(0)
    assert len(picker.pick("a", full, 1)) == 1
    assert picker.pick("b", full, 99) == []
    assert picker.pick("c", full, 99, slow=True) == []
    picker.forget_peer("a")
    assert len(picker.pick("b", full, 99)) == 3


# -- failing requests --------------------------------------------------------------------------


def test_a_failed_block_is_the_next_that_others_are_asked_for() -> None:
    picker = past_random_first(20)
    full = PieceSet.full(20)
    picker.peer_joined(full)
    picker.peer_joined(full)
    asked = picker.pick("a", full, BLOCKS)
    picker.pick("b", full, 1)
    receive(picker, "a", asked[:1])
    picker.request_failed("a", asked[2])
    again = picker.pick("a", full, 2)
    assert asked[2] not in again
    picker.pick("b", full, 3)
    assert picker.pick("b", full, 1) == [asked[2]]


def test_a_failed_block_goes_to_the_same_peer_when_there_is_no_other() -> None:
    picker = past_random_first(20)
    full = PieceSet.full(20)
    asked = picker.pick("a", full, BLOCKS)
    receive(picker, "a", asked[:1])
    picker.request_failed("a", asked[2])
    assert picker.pick("a", full, 1) == [asked[2]]


def test_a_failed_block_goes_to_the_same_peer_when_nothing_else_is_left() -> None:
    picker = make_picker(2, [1])
    full = PieceSet.full(2)
    picker.peer_joined(full)
    picker.peer_joined(full)
    asked = picker.pick("a", full, 3)
    picker.pick("b", full, 1)
    picker.request_failed("a", asked[1])
    assert picker.pick("a", full, 9) == [asked[1]]


def test_a_piece_that_came_to_nothing_is_closed_and_offered_to_others_first() -> None:
    picker = past_random_first(6)
    full = PieceSet.full(6)
    asked = picker.pick("a", full, BLOCKS)
    for request in asked:
        picker.request_failed("a", request)
    assert not picker.is_open(asked[0].piece)
    assert picker.open_pieces == 0
    assert picker.pick("a", full, 1)[0].piece != asked[0].piece
    assert len(picker.pick("a", full, 99)) == 3 + BLOCKS - 1


def test_a_late_block_is_still_a_block() -> None:
    picker = make_picker(1)
    full = PieceSet.full(1)
    asked = picker.pick("a", full, 99)
    receive(picker, "a", asked[:1])
    picker.request_failed("a", asked[1])
    picker.request_failed("a", asked[2])
    assert picker.pick("b", full, 1) == [asked[1]]
    outcome = picker.block_received("a", *asked[1])
    assert (outcome.accepted, outcome.also_asked) == (True, ("b",))
    assert len(picker.peer_requests("b")) == 0
    assert picker.block_received("a", *asked[2]).piece_complete
    assert not picker.block_received("a", *asked[2]).accepted


def test_a_late_block_of_a_closed_piece_is_refused() -> None:
    picker = make_picker(1)
    asked = picker.pick("a", PieceSet.full(1), 1)
    picker.request_failed("a", asked[0])
    assert not picker.block_received("a", *asked[0]).accepted
    assert picker.open_pieces == 0


# -- the end game ------------------------------------------------------------------------------


def test_the_end_game_asks_again_and_says_whom_to_cancel() -> None:
    picker = make_picker(1)
    full = PieceSet.full(1)
    picker.peer_joined(full)
    asked = picker.pick("a", full, 99)
    again = picker.pick("b", full, 2)
    assert again == asked[:0:-1]  # the last in the other's queue would come last
    assert picker.pick("b", full, 1) == [asked[0]]
    assert picker.pick("b", full, 99) == []
    outcome = picker.block_received("b", *asked[0])
    assert outcome == (True, False, ("a",))
    assert asked[0] not in picker.peer_requests("a")
    assert not picker.block_received("a", *asked[0]).accepted
    assert picker.block_received("a", *asked[1]).also_asked == ("b",)
    assert picker.block_received("a", *asked[2]) == (True, True, ("b",))


def test_there_is_no_end_game_while_a_block_is_free() -> None:
    picker = make_picker(2)
    full = PieceSet.full(2)
    picker.peer_joined(full)
    first = picker.pick("a", full, 3, only={1})
    assert picker.pick("b", PieceSet(2, [1]), 99) == []
    assert picker.pick("a", full, 99)
    assert len(picker.pick("b", PieceSet(2, [1]), 99)) == len(first)


def test_a_piece_that_nobody_has_does_not_keep_the_end_game_away() -> None:
    picker = make_picker(2)
    some = PieceSet(2, [1])
    picker.peer_joined(some)
    asked = picker.pick("a", some, 99)
    assert sorted(picker.pick("b", some, 99)) == asked


def test_a_block_is_asked_of_two_peers_or_three_when_one_is_slow() -> None:
    picker = make_picker(1)
    full = PieceSet.full(1)
    picker.peer_joined(full)
    picker.pick("a", full, 99)
    assert len(picker.pick("b", full, 99)) == 3
    assert picker.pick("c", full, 99) == []
    picker.pick("a", full, 99, slow=True)
    assert len(picker.pick("c", full, 99)) == 3
    assert picker.pick("d", full, 99) == []


def test_the_slow_are_replaced_first_then_those_that_wait_longest() -> None:
    picker = make_picker(3)
    full = PieceSet.full(3)
    picker.peer_joined(full)
    asked = {peer: picker.pick(peer, full, 4) for peer in ("a", "b")}
    asked["slow"] = picker.pick("slow", full, 4, slow=True)
    again = picker.pick("d", full, 99)
    order = [next(p for p, requests in asked.items() if r in requests) for r in again]
    assert list(dict.fromkeys(order)) == ["slow", "a", "b"]


def test_duplicates_at_one_peer_are_few() -> None:
    picker = make_picker(50)
    full = PieceSet.full(50)
    picker.peer_joined(full)
    assert len(picker.pick("a", full, 999)) == 50 * BLOCKS - 1
    assert len(picker.pick("b", full, 999)) == DUPLICATES_AT_ONCE
    assert picker.pick("b", full, 999) == []


def test_a_failed_duplicate_stays_with_the_other_peer() -> None:
    picker = make_picker(1)
    full = PieceSet.full(1)
    picker.peer_joined(full)
    asked = picker.pick("a", full, 99)
    picker.pick("b", full, 99)
    picker.forget_peer("b")
    assert list(picker.peer_requests("a")) == asked
    picker.request_failed("a", asked[0])
    assert picker.pick("c", full, 1) == [asked[0]]


# -- odd callers -------------------------------------------------------------------------------


def test_nothing_is_picked_for_nothing() -> None:
    picker = make_picker(2)
    assert picker.pick("a", PieceSet.full(2), 0) == []
    assert picker.pick("a", PieceSet.full(2), -5) == []
    assert picker.pick("a", PieceSet(2), 5) == []
    assert make_picker(0).pick("a", PieceSet(0), 5) == []


def test_a_set_of_another_torrent_is_refused() -> None:
    picker = make_picker(2)
    for ask in (picker.peer_joined, picker.wants_any_of):
        with pytest.raises(ValueError, match="a set of 3 pieces"):
            ask(PieceSet(3, [1]))


def test_a_passed_piece_is_had_whatever_state_it_was_in() -> None:
    picker = make_picker(2)
    asked = picker.pick("a", PieceSet.full(2), 99)
    picker.piece_passed(0)
    assert 0 in picker.have
    assert not picker.is_open(0)
    assert [request.piece for request in picker.peer_requests("a")] == [1, 1, 1]
    assert len(asked) == 7
    with pytest.raises(IndexError):
        picker.piece_passed(2)
    picker.piece_failed(99)
    picker.forget_peer("nobody")


def test_the_callers_set_is_not_touched() -> None:
    have = PieceSet(1)
    picker = PiecePicker(Geometry(1), rng=random.Random(1), have=have)
    finish(picker, "a", PieceSet.full(1))
    assert picker.have.is_full
    assert have.count == 0


def test_availability_is_reported() -> None:
    picker = make_picker(4)
    leecher = PieceSet(4, [0, 1])
    picker.peer_joined(leecher)
    picker.peer_joined(PieceSet.full(4))
    leecher.add(2)
    picker.peer_got(2)
    assert [picker.availability(piece) for piece in range(4)] == [2, 2, 2, 1]
    assert picker.distributed_copies() == pytest.approx(1.75)
    leecher.discard(0)
    picker.peer_lost(0)
    picker.peer_left(PieceSet.full(4))
    assert [picker.availability(piece) for piece in range(4)] == [0, 1, 1, 0]
