"""Which mixtures of what came and what came again may be right."""

from __future__ import annotations

import random

from hypothesis import given
from hypothesis import strategies as st

from p2pd.base.requests import BLOCK_SIZE
from p2pd.swarm.failed_piece import DIFFERING_MOST, FailedPiece, mixed

BLOCKS = 7
SIZE = (BLOCKS - 1) * BLOCK_SIZE + 100
RIGHT = random.Random(1).randbytes(SIZE)
some_blocks = st.sets(st.integers(0, BLOCKS - 1))


def with_bad(blocks: set[int], mark: int) -> bytearray:
    """The piece with some of its blocks wrong, in one of many ways."""
    data = bytearray(RIGHT)
    for block in blocks:
        data[block * BLOCK_SIZE + 7] ^= mark
    return data


def come_again(failed: FailedPiece, data: bytes | bytearray, blocks: set[int]) -> set[int]:
    """These blocks come as they are in `data`; those that were not like that before."""
    begins = {block: block * BLOCK_SIZE for block in blocks}
    return {
        block
        for block, begin in begins.items()
        if failed.came_again(begin, memoryview(data)[begin : begin + BLOCK_SIZE])
    }


def test_a_block_that_is_as_it_was_changes_nothing() -> None:
    failed = FailedPiece(with_bad({2}, 1))
    assert come_again(failed, RIGHT, {0, 1, BLOCKS - 1}) == set()
    assert failed.renewed() == []


def test_the_block_that_differs_is_put_in_its_place() -> None:
    failed = FailedPiece(with_bad({BLOCKS - 1}, 1))
    assert come_again(failed, RIGHT, {BLOCKS - 1}) == {BLOCKS - 1}
    (patches,) = failed.renewed()
    assert mixed(failed.data, patches) == RIGHT
    assert failed.data == with_bad({BLOCKS - 1}, 1)


def test_where_much_differs_nothing_is_tried() -> None:
    failed = FailedPiece(with_bad(set(range(DIFFERING_MOST + 1)), 1))
    come_again(failed, RIGHT, set(range(DIFFERING_MOST)))
    assert len(failed.renewed()) == 1
    come_again(failed, RIGHT, {DIFFERING_MOST})
    assert failed.renewed() == failed.mixtures() == []


@given(some_blocks, some_blocks)
def test_a_piece_that_failed_twice_is_mixed_from_both_if_it_can_be(
    bad: set[int], bad_again: set[int]
) -> None:
    """Each of its blocks was right once, and few were wrong: one mixture is right."""
    failed = FailedPiece(with_bad(bad, 1))
    second = with_bad(bad_again, 2)
    assert come_again(failed, second, set(range(BLOCKS))) == bad | bad_again
    tried = [mixed(failed.data, patches) for patches in failed.mixtures()]
    assert failed.data not in tried
    assert second not in tried
    few = len(bad | bad_again) <= DIFFERING_MOST
    possible = bool(bad and bad_again) and not bad & bad_again
    assert (RIGHT in tried) == (few and possible)
    assert len(tried) < 2**DIFFERING_MOST
