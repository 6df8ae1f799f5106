"""Who sent the bad block of a failed piece, by comparing blocks when it comes right."""

from __future__ import annotations

import random

from hypothesis import given
from hypothesis import strategies as st

from p2pd.base.requests import BLOCK_SIZE
from p2pd.swarm.smart_ban import DIGEST_SIZE, SmartBan, Verdict, block_digests

BLOCKS = 4
SIZE = (BLOCKS - 1) * BLOCK_SIZE + 100
RIGHT = random.Random(1).randbytes(SIZE)


def with_bad(*blocks: int) -> bytes:
    """The piece with some of its blocks wrong."""
    data = bytearray(RIGHT)
    for block in blocks:
        data[block * BLOCK_SIZE + 7] ^= 1
    return bytes(data)


def digests(*bad: int) -> bytes:
    return block_digests(with_bad(*bad), SIZE)


def test_a_digest_is_made_of_each_block_and_not_of_the_padding() -> None:
    assert len(digests()) == BLOCKS * DIGEST_SIZE
    assert block_digests(RIGHT + bytes(50), SIZE) == digests()
    assert [
        digests()[at : at + DIGEST_SIZE] == digests(2)[at : at + DIGEST_SIZE]
        for at in range(0, BLOCKS * DIGEST_SIZE, DIGEST_SIZE)
    ] == [True, True, False, True]


def test_who_sent_a_failed_piece_alone_is_guilty_at_once() -> None:
    bans = SmartBan()
    assert bans.failed(0, ["a"] * BLOCKS, digests(1)) == Verdict(guilty=frozenset("a"))
    assert not bans.remembers(0)


def test_of_several_the_one_whose_block_differs_is_guilty_and_the_others_are_cleared() -> None:
    bans = SmartBan()
    assert bans.failed(0, ["a", "b", "c", "c"], digests(1)) == Verdict()
    assert bans.remembers(0)
    assert bans.suspects() == {"a", "b", "c"}
    assert bans.passed(0, digests()) == Verdict(frozenset("b"), frozenset("ac"))
    assert not bans.remembers(0)
    assert (len(bans), bans.suspects()) == (0, set())


def test_who_was_right_once_and_wrong_once_is_guilty() -> None:
    bans = SmartBan()
    bans.failed(0, ["a", "b", "b", "b"], digests(1))
    bans.failed(0, ["b", "a", "c", "c"], digests(1))
    assert bans.passed(0, digests()) == Verdict(frozenset("ab"), frozenset("c"))


def test_nobody_is_blamed_for_a_block_of_which_it_is_not_known_who_sent_it() -> None:
    bans = SmartBan()
    assert bans.failed(0, [None] * BLOCKS, digests(1)) == Verdict()
    bans.failed(0, ["a", None, "b", "b"], digests(1))
    assert bans.passed(0, digests()) == Verdict(cleared=frozenset("ab"))


def test_a_piece_that_never_failed_says_nothing() -> None:
    assert SmartBan().passed(3, digests()) == Verdict()
    assert SmartBan().failed(3, [], b"") == Verdict()


def test_failed_pieces_are_remembered_of_a_bounded_number() -> None:
    bans = SmartBan(limit=3 * BLOCKS)
    for piece in (*range(10), 9, 9):
        bans.failed(piece, ["a", "b", "b", "b"], digests(0))
        assert len(bans) <= 3 * BLOCKS
    assert [piece for piece in range(10) if bans.remembers(piece)] == [9]
    assert bans.passed(9, digests()).guilty == {"a"}


def test_a_piece_larger_than_the_bound_is_remembered_alone() -> None:
    bans = SmartBan(limit=1)
    bans.failed(0, ["a", "b"], digests(0))
    bans.failed(1, ["a", "b"], digests(0))
    assert [bans.remembers(piece) for piece in (0, 1)] == [False, True]


@given(st.data())
def test_every_liar_of_a_piece_that_comes_right_is_found_and_nobody_else(
    data: st.DataObject,
) -> None:
    """Peers share a piece, again and again; some lie now and then, until all blocks are right."""
    peers = [f"peer {number}" for number in range(data.draw(st.integers(1, 6)))]
    liars = data.draw(st.sets(st.sampled_from(peers)))
    bans, banned, lied, cleared = SmartBan(), set(), set(), set()
    for _ in range(data.draw(st.integers(1, 6))):
        senders = data.draw(st.lists(st.sampled_from(peers), min_size=BLOCKS, max_size=BLOCKS))
        bad = [n for n, peer in enumerate(senders) if peer in liars and data.draw(st.booleans())]
        if bad:
            lied.update(senders[n] for n in bad)
            banned |= bans.failed(0, senders, digests(*bad)).guilty
        else:
            verdict = bans.passed(0, digests())
            banned |= verdict.guilty
            cleared |= verdict.cleared
            assert not verdict.guilty & verdict.cleared
            assert lied <= banned
        assert banned <= liars
    assert (banned | set(bans.suspects())) >= lied
