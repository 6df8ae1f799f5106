"""Blocks of the piece picker: asked for, received, failed, late, made up."""

from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from p2pd.base.piece_set import PieceSet
from p2pd.base.requests import BLOCK_SIZE, Request
from p2pd.swarm.partial_piece import RECEIVED, UNTOLD, PartialPiece
from p2pd.swarm.piece_picker import PiecePicker
from tests.swarm.small_pickers import (
    BLOCKS,
    Geometry,
    finish,
    make_picker,
    past_random_first,
    receive,
)


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


def test_who_sent_each_block_is_known_also_of_late_ones() -> None:
    picker = make_picker(1)
    asked = picker.pick("a", PieceSet.full(1), 99)
    picker.block_received("a", *asked[2])
    picker.request_failed("a", asked[0])
    picker.pick("b", PieceSet.full(1), 99)
    picker.block_received("b", *asked[1])
    picker.block_received("a", *asked[0])
    assert picker.block_senders(0) == ["a", None, "a"]


def test_of_more_senders_than_there_are_numbers_the_last_are_not_told() -> None:
    partial = PartialPiece(0, 4 * BLOCK_SIZE)
    states = [partial.sender(number) for number in range(300)]
    assert states[:191] == list(range(RECEIVED, UNTOLD))
    assert set(states[191:]) == {UNTOLD}
    assert partial.sender(5) == states[5]


def test_an_abandoned_piece_names_what_may_be_cancelled_and_starts_over() -> None:
    picker = make_picker(1)
    asked = picker.pick("a", PieceSet.full(1), 99)
    picker.block_received("a", *asked[0])
    assert picker.abandon_piece(0) == [("a", asked[1]), ("a", asked[2])]
    assert len(picker.peer_requests("a")) == 0
    assert not picker.block_received("a", *asked[1]).accepted
    assert picker.pick("a", PieceSet.full(1), 99) == asked
    assert picker.abandon_piece(17) == []


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


def test_a_late_block_is_no_longer_free() -> None:
    picker = make_picker(1)
    full = PieceSet.full(1)
    picker.peer_joined(full)
    asked = picker.pick("a", full, 99)
    receive(picker, "a", asked[:1])
    picker.request_failed("a", asked[1])
    picker.request_failed("a", asked[2])
    assert picker.pick("b", full, 1) == [asked[1]]
    assert picker.block_received("a", *asked[2]).accepted
    assert picker.pick("c", full, 99) == [asked[1]]  # nothing is free: the end game


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
