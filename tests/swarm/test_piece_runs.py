"""Rows of pieces for web seeds: what is due, then the rarest, then the longest gap."""

from __future__ import annotations

import random

from p2pd.base.piece_set import PieceSet
from p2pd.swarm.piece_picker import PiecePicker
from tests.swarm.small_pickers import BLOCKS, make_picker, pieces_of, receive

SEED = "web seed"


def run_of(picker: PiecePicker, most: int = 4, peer: str = SEED) -> range:
    """What to ask it for."""
    return picker.next_run(peer, PieceSet.full(picker.have.size), most)


def take(picker: PiecePicker, most: int = 4, peer: str = SEED) -> list[int]:
    """Ask it for that."""
    run = run_of(picker, most, peer)
    everything = PieceSet.full(picker.have.size)
    asked = picker.pick(peer, everything, len(run) * BLOCKS, only=run, prefer=run)
    assert pieces_of(sorted(asked)) == list(run)
    return list(run)


def test_rows_follow_each_other() -> None:
    picker = make_picker(10)
    assert [take(picker) for _ in range(3)] == [[0, 1, 2, 3], [4, 5, 6, 7], [8, 9]]
    assert run_of(picker) == range(0)


def test_the_longest_gap_comes_first() -> None:
    picker = make_picker(20, had=(2, 3, 8, 9, 19))
    assert take(picker, 8) == [10, 11, 12, 13, 14, 15, 16, 17]
    assert take(picker, 4) == [4, 5, 6, 7]


def test_the_rarest_come_first() -> None:
    picker = make_picker(12, had=(0, 1, 2, 3))
    picker.peer_joined(PieceSet(12, [4, 5, 6, 7, 8, 9]))
    assert run_of(picker, 6) == range(10, 12)


def test_what_peers_have_begun_is_left_to_them() -> None:
    picker = make_picker(6)
    picker.pick("peer", PieceSet(6, [2]), BLOCKS)
    assert run_of(picker, 6) == range(3, 6)


def test_what_peers_left_is_filled_in() -> None:
    picker = make_picker(4)
    asked = picker.pick("peer", PieceSet(4, [1]), BLOCKS)
    receive(picker, "peer", asked[:1])
    picker.forget_peer("peer")
    assert run_of(picker) == range(4)
    requests = picker.pick(SEED, PieceSet.full(4), 100, only=range(4), prefer=range(4))
    assert asked[0] not in requests
    assert len(requests) == 4 * BLOCKS - 2  # the last piece has a block less


def test_what_is_due_comes_first() -> None:
    picker = make_picker(20)
    picker.set_deadlines({12: 5.0, 13: 6.0, 7: 9.0})
    assert run_of(picker, 3) == range(12, 15)


def test_a_sequence_is_kept() -> None:
    picker = make_picker(20, had=(1,))
    picker.set_sequence(True, 10)
    assert take(picker) == [10, 11, 12, 13]
    assert take(picker, 8) == [14, 15, 16, 17, 18, 19]
    assert take(picker) == [0]


def test_priorities_and_what_is_not_wanted() -> None:
    picker = make_picker(8)
    picker.set_priorities([4, 4, 0, 4, 7, 4, 4, 0])
    assert take(picker) == [4, 5, 6]
    assert take(picker) == [0, 1]
    assert take(picker) == [3]
    assert run_of(picker) == range(0)


def test_a_piece_that_it_has_begun_is_gone_on_with() -> None:
    picker = make_picker(8)
    picker.pick(SEED, PieceSet.full(8), 2, only=range(5, 6), prefer=range(5, 6))
    assert run_of(picker, 2) == range(5, 7)


def test_only_of_what_it_has() -> None:
    picker = make_picker(8)
    assert picker.next_run(SEED, PieceSet(8, [3, 4, 6]), 8) == range(3, 5)
    assert picker.next_run(SEED, PieceSet(8), 8) == range(0)


def test_all_of_it_comes_in_rows_whatever_peers_do() -> None:
    for number in range(30):
        rng = random.Random(number)
        picker = make_picker(rng.randint(1, 60), seed=number)
        everything = PieceSet.full(picker.have.size)
        while run := picker.next_run(SEED, everything, rng.randint(1, 9)):
            assert 0 < len(run) <= 9
            requests = picker.pick(SEED, everything, 10_000, only=run, prefer=run)
            assert requests
            receive(picker, SEED, requests)
            if rng.random() < 0.5:
                requests = picker.pick("peer", everything, rng.randint(1, 9))
                receive(picker, "peer", requests[: rng.randint(0, 9)])
                if rng.random() < 0.5:
                    picker.forget_peer("peer")
        picker.forget_peer("peer")
        while run := picker.next_run(SEED, everything, 5):
            receive(picker, SEED, picker.pick(SEED, everything, 10_000, only=run, prefer=run))
        assert picker.have.is_full
