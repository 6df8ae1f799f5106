"""Slots over several torrents: never more than there are, shared by need; and their number."""

from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from p2pd.swarm.choking.slot_count import LEAST_SLOTS, MOST_SPARE, SlotCount, slots_carried
from p2pd.swarm.choking.slot_shares import SlotShares


def settled(limit: int, needs: dict[str, int], rounds: int = 3) -> dict[str, int]:
    """What each has after some rounds of ten seconds."""
    shares = SlotShares(limit)
    granted: dict[str, int] = {}
    for now in range(rounds):
        for key, need in needs.items():
            granted[key] = shares.ask(key, need, 10.0 * now)
    return granted


def test_without_a_limit_everyone_has_what_it_needs() -> None:
    shares = SlotShares()
    assert shares.ask("a", 7, 0.0) == 7
    assert shares.ask("b", 1000, 0.0) == 1000
    assert shares.taken == 1007


@pytest.mark.parametrize(
    ("limit", "needs", "expected"),
    [
        (10, {"a": 3, "b": 4}, [3, 4]),
        (10, {"a": 9, "b": 9}, [5, 5]),
        (10, {"a": 2, "b": 9, "c": 9}, [2, 4, 4]),
        (12, {"a": 1, "b": 3, "c": 100}, [1, 3, 8]),
        (4, {"a": 0, "b": 9}, [0, 4]),
        (0, {"a": 5}, [0]),
    ],
)
def test_who_needs_little_leaves_the_rest_to_others(
    limit: int, needs: dict[str, int], expected: list[int]
) -> None:
    assert list(settled(limit, needs).values()) == expected


def test_what_cannot_be_split_goes_round() -> None:
    shares = SlotShares(2)
    had = Counter[str]()
    for now in range(0, 3000, 10):
        for key in "abcde":
            had[key] += shares.ask(key, 3, float(now))
    assert min(had.values()) > 0.7 * max(had.values())


def test_a_torrent_that_leaves_leaves_its_slots() -> None:
    shares = SlotShares(6)
    assert shares.ask("a", 6, 0.0) == 6
    assert shares.ask("b", 6, 1.0) == 0, "they are all taken until a asks again"
    assert shares.ask("a", 6, 10.0) == 3
    assert shares.ask("b", 6, 11.0) == 3
    shares.leave("a")
    shares.leave("a")
    assert shares.ask("b", 6, 21.0) == 6
    assert shares.taken == 6


def test_a_lower_limit_holds_at_once_for_who_asks() -> None:
    shares = SlotShares(8)
    shares.ask("a", 8, 0.0)
    shares.set_limit(3)
    assert shares.ask("a", 8, 0.1) == 3
    shares.set_limit(None)
    assert shares.ask("a", 8, 0.2) == 8


steps = st.lists(
    st.tuples(st.sampled_from("abcdef"), st.integers(0, 12), st.floats(0, 20)), max_size=60
)


@given(st.integers(0, 20), steps)
def test_there_are_never_more_than_the_limit(
    limit: int, asked: list[tuple[str, int, float]]
) -> None:
    shares, now, granted = SlotShares(limit), 0.0, Counter[str]()
    for key, need, passed in asked:
        now += passed
        granted[key] = shares.ask(key, need, now)
        assert 0 <= granted[key] <= need
        assert granted.total() == shares.taken <= limit


@given(st.integers(0, 20), st.dictionaries(st.sampled_from("abcdef"), st.integers(1, 12)))
def test_none_is_left_that_anybody_needs(limit: int, needs: dict[str, int]) -> None:
    granted = settled(limit, needs)
    assert sum(granted.values()) == min(limit, sum(needs.values()))
    wanting = [granted[key] for key, need in needs.items() if granted[key] < need]
    assert not wanting or max(wanting) - min(wanting) <= 1
    assert all(held <= min(wanting, default=0) + 1 for held in granted.values() if wanting)


def test_slots_grow_with_the_square_root_of_the_rate() -> None:
    assert slots_carried([]) == 1
    assert slots_carried([500.0] * 10) == 1
    assert slots_carried([5120.0] * 3) == 4
    assert slots_carried([5000.0] * 10) == 3
    assert slots_carried([1e9] * 30) == 31


def test_the_count_is_found_from_what_few_slots_show() -> None:
    """An uplink of 10 MB/s, split evenly: the number settles where another would be too slow."""
    count = SlotCount()
    for _ in range(50):
        count.review([10e6 / count.count] * count.count, None)
    assert 65 <= count.count <= 75
    for _ in range(20):
        count.review([100.0] * count.count, None)
    assert count.count == LEAST_SLOTS


def test_slow_peers_get_company_while_a_limit_is_not_used_up() -> None:
    count = SlotCount()
    for _ in range(20):
        count.review([2000.0] * count.count, 100_000.0)
    assert count.count >= 0.8 * 100_000 / 2000 - 1 or count.count == LEAST_SLOTS + 20
    for _ in range(200):
        count.review([2000.0] * count.count, 100_000.0)
    assert 40 <= count.count <= 48
    for _ in range(200):
        count.review([2000.0] * count.count, 1e9)
    assert count.count == LEAST_SLOTS + MOST_SPARE
    for _ in range(MOST_SPARE):
        count.review([2000.0] * count.count, None)
    assert count.count == LEAST_SLOTS


def test_slots_that_nobody_takes_are_no_reason_for_more() -> None:
    count = SlotCount()
    for _ in range(20):
        count.review([2000.0], 1e6)
    assert count.count == LEAST_SLOTS
