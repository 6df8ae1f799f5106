"""Ratings of peers: what raises and lowers them, that they fade and explain themselves."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from p2pd.swarm.reputation import HALF_LIFE, POOR, UNKNOWN, Reputation

DEEDS = ("good_piece", "suspected", "timed_out", "abused")


def after(*deeds: str, now: float = 0.0) -> Reputation:
    reputation = Reputation(0.0)
    for deed in deeds:
        getattr(reputation, deed)(now)
    return reputation


def test_of_a_stranger_nothing_is_known() -> None:
    assert after().rating(0.0) == (UNKNOWN, "nothing is known of it")
    assert not after().proved
    assert not after().suspect


def test_each_deed_counts_and_is_told() -> None:
    good, suspected, late, rude = (after(deed).rating(0.0) for deed in DEEDS)
    assert rude.score < late.score < suspected.score < UNKNOWN < good.score
    assert [each.words for each in (good, suspected, late, rude)] == [
        "1 good piece",
        "1 failed piece shared with others",
        "1 time-out",
        "1 breach of the protocol",
    ]
    both = after("good_piece", "good_piece", "timed_out", "timed_out", "abused", "abused")
    assert both.rating(0.0).words == "2 good pieces, 2 time-outs, 2 breaches of the protocol"


def test_rate_and_delay_count_and_are_told() -> None:
    known = after("good_piece")
    slow = known.rating(0.0, rate=20_000, delay=8.0)
    fast = known.rating(0.0, rate=5_000_000, delay=0.05)
    assert slow.score < fast.score
    assert fast.words == "1 good piece, 5000 kB/s, answers after 50 ms"
    assert known.rating(0.0, rate=1e12, delay=0.0).score <= 100


def test_who_often_keeps_us_waiting_is_poor_and_later_is_as_good_as_a_stranger() -> None:
    late = after("timed_out", "timed_out", "timed_out")
    assert late.rating(0.0).score < POOR
    assert late.rating(HALF_LIFE).score > POOR
    assert late.rating(10 * HALF_LIFE) == (UNKNOWN, "nothing is known of it")


def test_a_suspicion_that_is_cleared_is_as_if_it_had_never_been() -> None:
    known = after("good_piece", "suspected")
    assert known.suspect
    known.cleared()
    known.cleared()
    assert not known.suspect
    assert not known.blemished
    assert known.rating(0.0) == after("good_piece").rating(0.0)


@given(
    st.lists(st.tuples(st.sampled_from(DEEDS), st.floats(0, 1e6)), max_size=30),
    st.floats(0, 1e12),
    st.none() | st.floats(0, 1e6),
)
def test_a_rating_is_from_0_to_100_and_never_better_for_a_bad_deed(
    deeds: list[tuple[str, float]], rate: float, delay: float | None
) -> None:
    known, worse = Reputation(0.0), Reputation(0.0)
    now = 0.0
    for deed, wait in deeds:
        now += wait
        getattr(known, deed)(now)
        getattr(worse, deed)(now)
    worse.timed_out(now)
    rating = known.rating(now, rate=rate, delay=delay)
    assert 0 <= worse.rating(now, rate=rate, delay=delay).score <= rating.score <= 100
    assert rating.words
