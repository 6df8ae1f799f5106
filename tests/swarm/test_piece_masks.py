"""Masks of piece sets agree with the sets, also when these grow and shrink behind their back."""

from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from p2pd.base.piece_set import PieceSet
from p2pd.swarm import piece_masks
from p2pd.swarm.piece_masks import PieceMasks

FLAGS = st.lists(st.integers(0, 1), min_size=1, max_size=90).map(bytes)


def set_of(flags: bytes) -> PieceSet:
    return PieceSet(len(flags), [piece for piece, flag in enumerate(flags) if flag])


@given(FLAGS)
def test_a_mask_holds_the_pieces_of_its_set(flags: bytes) -> None:
    masks, pieces = PieceMasks(len(flags)), set_of(flags)
    mask = masks.of(pieces)
    assert list(masks.pieces(mask)) == list(pieces)
    assert masks.to_flags(mask) == flags
    assert mask == sum(masks.bit(piece) for piece in pieces)
    if mask:
        assert masks.first(mask) == next(iter(pieces))


@given(FLAGS, st.integers(0, 1000))
def test_a_random_piece_is_one_of_the_mask(flags: bytes, seed: int) -> None:
    masks, pieces = PieceMasks(len(flags)), set_of(flags)
    if pieces.count:
        assert masks.any_of(masks.of(pieces), random.Random(seed)) in pieces


@given(FLAGS, st.lists(st.tuples(st.integers(0, 200), st.booleans(), st.booleans()), max_size=40))
def test_a_remembered_mask_follows_its_set(
    flags: bytes, changes: list[tuple[int, bool, bool]]
) -> None:
    masks, pieces = PieceMasks(len(flags)), set_of(flags)
    for number, gains, look in changes:
        piece = number % len(flags)
        if gains:
            pieces.add(piece)
            masks.gained(piece)
        elif pieces.discard(piece):
            masks.lost()
        if look:
            assert list(masks.pieces(masks.of(pieces))) == list(pieces)
    assert list(masks.pieces(masks.of(pieces))) == list(pieces)


def test_a_set_that_grew_without_a_word_is_read_again() -> None:
    masks, pieces = PieceMasks(50), PieceSet(50, [1])
    masks.of(pieces)
    pieces.add(7)
    assert list(masks.pieces(masks.of(pieces))) == [1, 7]


def test_every_piece_can_be_the_random_one() -> None:
    masks, rng = PieceMasks(8), random.Random(5)
    mask = masks.of(PieceSet(8, [0, 3, 7]))
    assert {masks.any_of(mask, rng) for _ in range(200)} == {0, 3, 7}


def test_a_set_of_another_size_is_refused() -> None:
    with pytest.raises(ValueError, match="a set of 3 pieces in a torrent of 4"):
        PieceMasks(4).of(PieceSet(3))


@pytest.mark.parametrize("piece", [-1, 4])
def test_a_piece_outside_the_torrent_has_no_bit(piece: int) -> None:
    with pytest.raises(IndexError):
        PieceMasks(4).bit(piece)


def test_what_is_remembered_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(piece_masks, "REMEMBERED", 3)
    monkeypatch.setattr(piece_masks, "GAINED_LIMIT", 5)
    masks = PieceMasks(20)
    sets = [PieceSet(20, [index]) for index in range(10)]
    for piece in range(12):
        for pieces in sets:
            pieces.add(piece)
            masks.gained(piece)
            assert list(masks.pieces(masks.of(pieces))) == list(pieces)
    assert len(masks._remembered) <= 3
    assert len(masks._gained) <= 5


def test_a_torrent_without_pieces_has_empty_masks() -> None:
    masks = PieceMasks(0)
    assert masks.of(PieceSet(0)) == 0
    assert list(masks.pieces(0)) == []
