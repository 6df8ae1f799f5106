"""Spare buffers: given again last one first, bounded over all sizes."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from p2pd.session.pieces.piece_buffers import PieceBuffers


def test_the_buffer_used_last_is_given_first() -> None:
    buffers = PieceBuffers(100)
    first, second = buffers.take(10), buffers.take(10)
    buffers.give(first)
    buffers.give(second)
    assert buffers.take(10) is second
    assert buffers.take(10) is first
    assert buffers.spare_bytes == 0


def test_only_a_buffer_of_the_very_size_is_given() -> None:
    buffers = PieceBuffers(100)
    buffers.give(bytearray(20))
    assert len(buffers.take(10)) == 10
    assert buffers.spare_bytes == 20


def test_a_buffer_beyond_the_limit_is_let_go_and_pushes_nothing_out() -> None:
    buffers = PieceBuffers(100)
    kept = bytearray(60)
    buffers.give(kept)
    buffers.give(bytearray(101))
    assert buffers.spare_bytes == 60
    assert buffers.take(60) is kept


def test_other_sizes_go_before_the_same_size() -> None:
    buffers = PieceBuffers(100)
    same = [bytearray(30), bytearray(30)]
    buffers.give(same[0])
    buffers.give(bytearray(40))
    buffers.give(same[1])
    assert buffers.spare_bytes == 100
    last = bytearray(30)
    buffers.give(last)
    assert buffers.spare_bytes == 90
    taken = [buffers.take(30) for _ in range(3)]
    assert list(map(id, taken)) == [id(last), id(same[1]), id(same[0])]
    assert buffers.spare_bytes == 0, "the forty bytes are gone"


def test_of_one_size_the_one_used_longest_ago_goes() -> None:
    buffers = PieceBuffers(20)
    first, second, third = bytearray(10), bytearray(10), bytearray(10)
    for buffer in (first, second, third):
        buffers.give(buffer)
    assert buffers.spare_bytes == 20
    assert buffers.take(10) is third
    assert buffers.take(10) is second
    assert buffers.take(10) is not first


def test_clear_keeps_nothing() -> None:
    buffers = PieceBuffers(20)
    kept = bytearray(10)
    buffers.give(kept)
    buffers.clear()
    assert buffers.spare_bytes == 0
    assert buffers.take(10) is not kept


STEPS = st.lists(st.tuples(st.booleans(), st.integers(1, 40)), max_size=60)


@given(limit=st.integers(0, 120), steps=STEPS)
def test_spare_bytes_is_the_sum_of_what_can_be_taken(
    limit: int, steps: list[tuple[bool, int]]
) -> None:
    buffers = PieceBuffers(limit)
    ours: dict[int, bytearray] = {}
    for gives, size in steps:
        if gives:
            given_one = bytearray(size)
            ours[id(given_one)] = given_one
            buffers.give(given_one)
        else:
            before = buffers.spare_bytes
            taken = buffers.take(size)
            assert len(taken) == size
            assert buffers.spare_bytes == before - (size if id(taken) in ours else 0)
        assert 0 <= buffers.spare_bytes <= limit
    left = 0
    for size in range(1, 41):
        while id(taken := buffers.take(size)) in ours:
            left += size
            before = buffers.spare_bytes
            assert before >= 0
            ours[id(taken)] = taken
            del ours[id(taken)]
    assert buffers.spare_bytes == 0
