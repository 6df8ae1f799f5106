"""Pieces that are due come first, the soonest first, and late ones are asked for twice."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from p2pd.base.piece_set import PieceSet
from p2pd.swarm.deadlines import (
    HURRY_SECONDS,
    Deadlines,
    DeadlineWindow,
    due_in,
    window,
)
from p2pd.swarm.piece_picker import PiecePicker
from tests.swarm.small_pickers import BLOCKS, make_picker, pieces_of

PIECES = 20
FULL = PieceSet.full(PIECES)


@pytest.fixture
def picker() -> PiecePicker:
    made = make_picker(PIECES)
    made.peer_joined(FULL)
    return made


def test_a_window_is_due_one_piece_after_the_other() -> None:
    assert window(7, 3, 100.0, 0.5) == {7: 100.0, 8: 102.0, 9: 104.0}
    with pytest.raises(ValueError, match="0 pieces per second"):
        window(0, 1, 0.0, 0)


def test_windows_may_lie_over_each_other_and_the_sooner_counts() -> None:
    film, index = DeadlineWindow(2, 3, 10.0, 2.0), DeadlineWindow(4)
    assert due_in([film, index], 100.0) == {2: 110.0, 3: 110.5, 4: 100.0}
    assert due_in([index, film], 100.0) == due_in([film, index], 100.0)
    assert due_in([], 100.0) == {}


def test_what_is_due_is_told_until_it_is_here(picker: PiecePicker) -> None:
    picker.set_deadlines({9: 30.0, 4: 10.0})
    assert picker.deadlines(12.0) == [(4, -2.0), (9, 18.0)]
    picker.piece_passed(4)
    assert picker.deadlines(12.0) == [(9, 18.0)]


def test_due_pieces_come_first_the_soonest_before_the_others(picker: PiecePicker) -> None:
    picker.set_deadlines({9: 30.0, 4: 10.0, 13: 20.0})
    assert pieces_of(picker.pick("a", FULL, 4 * BLOCKS))[:3] == [4, 13, 9]


def test_they_come_before_what_the_peer_has_begun(picker: PiecePicker) -> None:
    begun = picker.pick("a", FULL, 1)[0].piece
    due = next(piece for piece in range(20) if piece != begun)
    picker.set_deadlines({due: 1.0})
    assert pieces_of(picker.pick("a", FULL, BLOCKS + 1)) == [due, begun]


def test_several_peers_share_a_piece_that_is_due(picker: PiecePicker) -> None:
    picker.set_deadlines({4: 10.0})
    first, second = picker.pick("a", FULL, 2), picker.pick("b", FULL, 2)
    assert pieces_of(first) == pieces_of(second) == [4]
    assert len({*first, *second}) == BLOCKS


def test_a_slow_peer_is_not_asked_for_what_is_due(picker: PiecePicker) -> None:
    picker.set_deadlines({4: 10.0})
    assert 4 not in pieces_of(picker.pick("a", FULL, BLOCKS, slow=True))


def test_what_is_about_to_be_late_is_asked_of_one_more_peer(picker: PiecePicker) -> None:
    picker.set_deadlines({4: 10.0})
    asked = picker.pick("a", FULL, BLOCKS)
    picker.hurry(10.0 - HURRY_SECONDS - 1)
    assert 4 not in pieces_of(picker.pick("b", FULL, BLOCKS))
    picker.hurry(10.0 - HURRY_SECONDS)
    assert picker.pick("c", FULL, BLOCKS) == asked
    assert 4 not in pieces_of(picker.pick("d", FULL, BLOCKS))
    outcome = picker.block_received("c", *asked[0])
    assert outcome.also_asked == ("a",)


def test_a_piece_that_is_here_is_due_no_more(picker: PiecePicker) -> None:
    picker.set_deadlines({4: 10.0, 5: 20.0})
    for request in picker.pick("a", FULL, BLOCKS):
        picker.block_received("a", *request)
    picker.piece_passed(4)
    assert pieces_of(picker.pick("a", FULL, BLOCKS)) == [5]


def test_what_is_unwanted_is_passed_over(picker: PiecePicker) -> None:
    picker.set_priorities([0] * 10 + [4] * 10)
    picker.set_deadlines(window(8, 4, 0.0, 1.0))
    assert pieces_of(picker.pick("a", FULL, 2 * BLOCKS)) == [10, 11]


def test_a_window_that_moves_takes_the_place_of_the_one_before(picker: PiecePicker) -> None:
    picker.set_deadlines(window(0, 3, 0.0, 1.0))
    picker.set_deadlines(window(10, 2, 0.0, 1.0))
    assert pieces_of(picker.pick("a", FULL, 2 * BLOCKS)) == [10, 11]


def test_there_are_no_deadlines_outside_the_torrent(picker: PiecePicker) -> None:
    with pytest.raises(IndexError):
        picker.set_deadlines({20: 0.0})


@given(st.dictionaries(st.integers(0, 30), st.floats(0, 100)), st.data())
def test_the_order_is_that_of_the_deadlines(due: dict[int, float], data: st.DataObject) -> None:
    deadlines = Deadlines()
    deadlines.set(due)
    for _ in range(5):
        now = data.draw(st.floats(0, 100))
        deadlines.hurry(now)
        assert [due[piece] for piece in deadlines.order] == sorted(due.values())
        assert set(deadlines.urgent) == {p for p in due if due[p] <= now + HURRY_SECONDS}
        gone = data.draw(st.integers(0, 30))
        deadlines.done(gone)
        due.pop(gone, None)
