"""Which limit holds for a seed, whether it is reached, and when to look again."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from p2pd.swarm.share_limits import (
    ACTIONS,
    AS_OTHERS,
    ETA_NONE,
    ETA_UNKNOWN,
    KINDS,
    LEAST_WAIT,
    LimitsInForce,
    SeedState,
    ShareLimits,
    eta,
    eta_idle,
    limits_in_force,
    next_look,
    reached,
    still_reached,
)

NOW = 1_700_000_000.0
SEED = SeedState(uploaded=100, size=100, idle_since=NOW - 50, seconds_seeding=70, rate=10.0)

MODES = st.integers(0, 2)
MINUTES = st.integers(0, 10_000)
SAYINGS = st.builds(
    ShareLimits, MODES, st.floats(0, 100), MODES, MINUTES, MODES, MINUTES,
    st.sampled_from([AS_OTHERS, *ACTIONS]),
)  # fmt: skip
SECONDS = st.none() | st.floats(0, 1e6)
LIMITS = st.builds(
    LimitsInForce, st.none() | st.floats(0, 100), SECONDS, SECONDS, st.sampled_from(ACTIONS)
)
SEEDS = st.builds(
    SeedState, st.integers(0, 10**9), st.integers(0, 10**7),
    st.floats(0, 1e6).map(lambda ago: NOW - ago), st.integers(0, 10**6), st.floats(0, 1e6),
)  # fmt: skip


def test_the_first_that_says_anything_decides_of_each_kind() -> None:
    session = LimitsInForce(ratio=1.0, idle=60.0, time=None, action="stop")
    torrent = ShareLimits(seed_ratio_mode=2)
    label = ShareLimits(
        seed_ratio_mode=1, seed_ratio_limit=3.0, seed_time_mode=1, seed_time_limit=5
    )
    other = ShareLimits(seed_time_mode=1, seed_time_limit=9, seed_limit_action="remove")
    found = limits_in_force([torrent, label, other], session)
    assert found == LimitsInForce(None, 60.0, 300.0, "remove")
    assert limits_in_force([], session) == session
    assert limits_in_force([ShareLimits()], session) == session


@given(st.lists(SAYINGS, max_size=4), LIMITS)
def test_who_is_asked_later_never_overrules(
    asked: list[ShareLimits], session: LimitsInForce
) -> None:
    one_by_one = session
    for limits in reversed(asked):
        one_by_one = limits_in_force([limits], one_by_one)
    assert limits_in_force(asked, session) == one_by_one


@pytest.mark.parametrize(
    ("limits", "kinds"),
    [
        (LimitsInForce(), ()),
        (LimitsInForce(ratio=1.0), ("ratio",)),
        (LimitsInForce(ratio=1.01), ()),
        (LimitsInForce(idle=50.0), ("idle",)),
        (LimitsInForce(idle=51.0, time=70.0), ("time",)),
        (LimitsInForce(0.0, 0.0, 0.0), KINDS),
    ],
)
def test_a_limit_is_reached_when_nothing_is_left_of_it(
    limits: LimitsInForce, kinds: tuple[str, ...]
) -> None:
    assert reached(limits, SEED, NOW) == kinds
    assert limits.exist == (limits != LimitsInForce())


def test_time_left_is_what_comes_first() -> None:
    assert eta(LimitsInForce(ratio=2.0), SEED) == 10
    assert eta(LimitsInForce(ratio=2.0, time=75.0), SEED) == 5
    assert eta(LimitsInForce(ratio=2.0), SEED._replace(rate=0.0)) == ETA_UNKNOWN
    assert eta(LimitsInForce(ratio=1.0), SEED._replace(rate=0.0)) == 0
    assert eta(LimitsInForce(idle=60.0), SEED) == ETA_NONE
    assert eta_idle(LimitsInForce(idle=60.0), SEED, NOW) == 10
    assert eta_idle(LimitsInForce(ratio=2.0), SEED, NOW) == ETA_NONE


def test_what_only_uploading_changes_is_not_waited_for() -> None:
    idle_seed = SEED._replace(rate=0.0)
    assert next_look(LimitsInForce(ratio=2.0), idle_seed, NOW) is None
    assert next_look(LimitsInForce(ratio=2.0), SEED, NOW) == 5.0
    assert next_look(LimitsInForce(ratio=2.0, idle=60.0), idle_seed, NOW) == 10.0
    assert next_look(LimitsInForce(ratio=1.01), SEED, NOW) == LEAST_WAIT


@given(LIMITS, SEEDS)
def test_time_alone_reaches_nothing_before_the_next_look(
    limits: LimitsInForce, seed: SeedState
) -> None:
    """And the look finds what is reached by then: no timer that goes off for ever."""
    seed = seed._replace(rate=0.0)
    before, wait = reached(limits, seed, NOW), next_look(limits, seed, NOW)

    def after(seconds: float) -> tuple[str, ...]:
        later = seed._replace(seconds_seeding=seed.seconds_seeding + seconds)
        return reached(limits, later, NOW + seconds)

    if wait is None:
        assert after(1e9) == before
        return
    if wait > LEAST_WAIT + 1:
        assert after(wait - 1) == before
    assert len(after(wait + 1)) > len(before)


@given(st.sets(st.sampled_from(KINDS)), LIMITS, SEEDS, st.booleans())
def test_of_what_was_acted_on_only_that_counts_which_still_holds(
    marked: set[str], limits: LimitsInForce, seed: SeedState, running: bool
) -> None:
    kept = still_reached(sorted(marked), limits, seed, NOW, running=running)
    assert {*kept} <= marked
    assert {*kept} - {"idle"} == {*reached(limits, seed, NOW)} & (marked - {"idle"})
    if not running and "idle" in marked:
        assert ("idle" in kept) == (limits.idle is not None)
