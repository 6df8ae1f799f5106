"""Which piece the picker takes next, and with whom it shares it."""

from __future__ import annotations

import random
from collections import Counter

import pytest

from p2pd.base.piece_set import PieceSet
from p2pd.base.requests import BLOCK_SIZE, Request
from p2pd.swarm.piece_picker import PiecePicker
from tests.swarm.small_pickers import (
    BLOCKS,
    Geometry,
    finish,
    make_picker,
    past_random_first,
    pieces_of,
    receive,
)


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
    picker.set_sequence(True)
    picker.peer_joined(PieceSet(20, [4, 5, 6]))
    assert pieces_of(picker.pick("a", PieceSet.full(20), 3 * BLOCKS)) == [4, 5, 6]


def test_a_sequence_may_begin_anywhere_and_goes_on_with_what_is_before() -> None:
    picker = past_random_first(12)
    picker.set_sequence(True, 9)
    assert pieces_of(picker.pick("a", PieceSet.full(12), 5 * BLOCKS - 1)) == [9, 10, 11, 4, 5]
    picker.forget_peer("a")
    picker.set_sequence(False, 9)
    assert pieces_of(picker.pick("a", PieceSet.full(12), 5 * BLOCKS)) != [9, 10, 11, 4, 5]
    for outside in (12, -1):
        with pytest.raises(IndexError):
            picker.set_sequence(True, outside)


def test_what_was_left_unfinished_is_taken_up_in_sequence() -> None:
    picker = past_random_first(12)
    for peer, piece in (("a", 5), ("b", 10)):
        receive(picker, peer, picker.pick(peer, PieceSet(12, [piece]), BLOCKS)[:1])
        picker.forget_peer(peer)
    for first, order in ((0, [5, 10]), (8, [10, 5]), (11, [5, 10])):
        picker.set_sequence(True, first)
        assert pieces_of(picker.pick("c", PieceSet.full(12), 2 * (BLOCKS - 1)))[:2] == order
        picker.forget_peer("c")


def test_a_higher_priority_comes_before_rarity_and_sequence() -> None:
    for sequential in (False, True):
        picker = past_random_first(8)
        picker.set_sequence(sequential)
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
    picker.set_sequence(True)
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


def test_a_peer_that_begins_another_piece_leaves_the_first_to_others() -> None:
    picker = past_random_first(9)
    full = PieceSet.full(9)
    picker.pick("a", full, 1, only={5})
    picker.pick("a", full, 1, only={7})
    assert pieces_of(picker.pick("b", full, 3)) == [5]


def test_a_piece_that_failed_is_begun_before_others() -> None:
    picker = past_random_first(20)
    picker.peer_joined(PieceSet.full(20))
    for request in picker.pick("a", PieceSet(20, [17]), BLOCKS):
        picker.block_received("a", *request)
    picker.piece_failed(17)
    assert {request.piece for request in picker.pick("b", PieceSet.full(20), BLOCKS)} == {17}


def test_a_peer_on_parole_gets_a_piece_of_its_own_that_nobody_joins() -> None:
    picker = past_random_first(6)
    everything = PieceSet(6, [4, 5])
    (shared,) = {request.piece for request in picker.pick("a", everything, 2)}
    own = picker.pick("b", everything, 2, on_parole=True)
    assert {request.piece for request in own} == {4, 5} - {shared}
    joined = picker.pick("c", everything, 99)
    assert {request.piece for request in joined} == {shared}


def test_a_peer_on_parole_joins_others_when_there_is_nothing_else() -> None:
    picker = past_random_first(5)
    everything = PieceSet(5, [4])
    picker.pick("a", everything, 2)
    assert [request.piece for request in picker.pick("b", everything, 1, on_parole=True)] == [4]


def test_of_a_piece_that_is_kept_few_blocks_are_asked_for_at_a_time() -> None:
    picker = make_picker(1)
    full = PieceSet.full(1)
    picker.peer_joined(full)
    receive_all(picker, "a", picker.pick("a", full, 99))
    picker.piece_failed(0, kept=True)
    first = picker.pick("b", full, 99)
    assert len(first) == 1
    assert picker.pick("b", full, 99) == []
    receive_all(picker, "b", first)
    second = picker.pick("c", full, 99)
    assert len(second) == 1
    assert picker.is_missing(0)
    assert picker.piece_passed(0) == [("c", second[0])]
    assert not picker.wants_any_of(full)
    assert picker.peer_requests("c") == picker.peer_requests("a")


def test_whoever_lost_its_last_request_to_another_does_not_keep_its_piece() -> None:
    picker = make_picker(1)
    full = PieceSet.full(1)
    picker.peer_joined(full)
    receive_all(picker, "a", picker.pick("a", full, 99))
    picker.piece_failed(0, kept=True)
    (held,) = picker.pick("a", full, 99)
    picker.pick("a", full, 0)
    picker.pick("a", full, 1, slow=True)
    assert picker.pick("b", full, 99) == [held]
    receive_all(picker, "b", [held])
    assert len(picker.pick("b", full, 99)) == 1


def receive_all(picker: PiecePicker, peer: str, requests: list[Request]) -> None:
    for request in requests:
        assert picker.block_received(peer, *request).accepted
