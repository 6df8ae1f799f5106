"""Sets of pieces, held against Python's own sets."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from p2pd.base.errors import FormatError
from p2pd.base.piece_set import PieceSet

SIZES = st.integers(0, 70)
SETS = SIZES.flatmap(
    lambda size: st.tuples(st.just(size), st.sets(st.integers(0, max(0, size - 1)), max_size=size))
)


def test_the_bitfield_is_that_of_bep_3() -> None:
    assert PieceSet(10, [0, 7, 9]).to_bitfield() == bytes([0b10000001, 0b01000000])
    assert list(PieceSet.from_bitfield(bytes([0b10000001, 0b01000000]), 10)) == [0, 7, 9]


@pytest.mark.parametrize(
    ("data", "size"),
    [(b"", 1), (b"\0", 0), (b"\0\0", 8), (b"\xff", 7), (b"\0\x01", 15), (b"\0", 9)],
)
def test_a_bad_bitfield_is_refused(data: bytes, size: int) -> None:
    with pytest.raises(FormatError):
        PieceSet.from_bitfield(data, size)


def test_a_piece_outside_is_not_taken_in() -> None:
    pieces = PieceSet(3)
    for piece in (-1, 3):
        with pytest.raises(IndexError):
            pieces.add(piece)
        assert piece not in pieces
    assert not pieces


@given(SETS)
def test_a_set_survives_its_bitfield(given_set: tuple[int, set[int]]) -> None:
    size, members = given_set
    pieces = PieceSet(size, sorted(members))
    again = PieceSet.from_bitfield(pieces.to_bitfield(), size)
    assert again == pieces
    assert again.count == len(members)


@given(SETS, st.lists(st.tuples(st.booleans(), st.integers(0, 69)), max_size=30))
def test_it_behaves_as_a_set_does(
    given_set: tuple[int, set[int]], changes: list[tuple[bool, int]]
) -> None:
    size, members = given_set
    pieces = PieceSet(size, sorted(members))
    untouched, before = pieces.copy(), sorted(members)
    for adding, piece in changes:
        if piece >= size:
            continue
        if adding:
            assert pieces.add(piece) is (piece not in members)
            members.add(piece)
        else:
            assert pieces.discard(piece) is (piece in members)
            members.discard(piece)
    assert list(pieces) == sorted(members)
    assert len(pieces) == pieces.count == len(members)
    assert list(pieces.missing()) == sorted(set(range(size)) - members)
    assert pieces.is_full is (len(members) == size)
    assert list(untouched) == before


@given(SIZES)
def test_the_full_set_is_full(size: int) -> None:
    full = PieceSet.full(size)
    assert full.is_full
    assert full == PieceSet(size, range(size))
