"""Candidates: whom to dial, in which order, and who is kept."""

from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from p2pd.base.addresses import PeerAddress
from p2pd.swarm import peer_pool
from p2pd.swarm.bans import Bans
from p2pd.swarm.peer_pool import (
    ATTEMPT_SECONDS,
    FIRST_RETRY,
    LONGEST_RETRY,
    LOSES_ITS_NAME,
    PER_HOST,
    PeerPool,
    rank,
)
from p2pd.swarm.preference import Distance, Preferences
from tests.swarm.numbered_peers import address, ban


def make_pool(limit: int = 1000, bans: Bans | None = None) -> PeerPool:
    return PeerPool(random.Random(1), limit=limit, bans=bans)


def test_a_candidate_is_given_out_once() -> None:
    pool = make_pool()
    assert pool.add(address(1), "tracker", 0.0)
    assert not pool.add(address(1), "dht", 0.0)
    assert pool.next_candidates(9, 0.0) == [address(1)]
    assert pool.next_candidates(9, 0.0) == []
    assert pool.next_candidates(0, 9e9) == []
    assert (len(pool), address(1) in pool) == (1, True)


def test_an_attempt_nobody_reported_on_is_over_some_time() -> None:
    pool = make_pool()
    pool.add(address(1), "tracker", 0.0)
    pool.next_candidates(1, 0.0)
    assert pool.next_candidates(1, ATTEMPT_SECONDS - 1) == []
    assert pool.next_candidates(1, ATTEMPT_SECONDS) == [address(1)]


def test_who_is_connected_is_not_dialled() -> None:
    pool = make_pool()
    pool.add(address(1), "tracker", 0.0)
    pool.next_candidates(1, 0.0)
    pool.connected(address(1))
    assert pool.next_candidates(1, 1e6) == []
    assert pool.next_due(5.0) is None


def test_a_failing_address_waits_about_twice_as_long_each_time() -> None:
    pool, now, waits = make_pool(), 0.0, []
    pool.add(address(1), "tracker", now)
    for _ in range(10):
        assert pool.next_candidates(1, now) == [address(1)]
        pool.failed(address(1), now)
        due = pool.next_due(now)
        assert due is not None
        assert pool.next_candidates(1, due - 0.001) == []
        waits.append(due - now)
        now = due
    for count, wait in enumerate(waits):
        base = min(FIRST_RETRY * 2**count, LONGEST_RETRY)
        assert 0.75 * base <= wait <= 1.25 * base
    assert len({wait / LONGEST_RETRY for wait in waits[6:]}) > 1  # jitter


def test_a_useful_peer_is_tried_again_soon_and_before_others() -> None:
    pool = make_pool()
    for number in range(5):
        pool.add(address(number), "tracker", 0.0)
    pool.connected(address(3))
    pool.closed(address(3), 0.0, useful=True)
    assert address(3) not in pool.next_candidates(1, 20.0)
    assert pool.next_candidates(1, 60.0) == [address(3)]


def test_a_useless_peer_waits_like_one_that_failed() -> None:
    pool = make_pool()
    pool.add(address(1), "tracker", 0.0)
    pool.connected(address(1))
    pool.closed(address(1), 0.0, useful=False)
    assert pool.next_candidates(1, 0.74 * FIRST_RETRY) == []
    assert pool.next_candidates(1, 1.26 * FIRST_RETRY) == [address(1)]


def test_those_that_failed_less_come_first_then_by_source() -> None:
    pool = make_pool()
    for number, source in enumerate(["dht", "tracker", "lsd", "surprise", "tracker"]):
        pool.add(address(number), source, 0.0)
    pool.failed(address(4), 0.0)
    order = [pool.next_candidates(1, 100.0)[0] for _ in range(5)]
    assert order == [address(n) for n in (2, 1, 0, 3, 4)]


def test_an_unknown_peer_that_was_useful_becomes_a_candidate() -> None:
    pool = make_pool()
    pool.closed(address(7), 0.0, useful=True)
    assert pool.source_of(address(7)) == "incoming"
    assert pool.next_candidates(1, 100.0) == [address(7)]
    pool.closed(address(8), 0.0, useful=False)
    pool.failed(address(8), 0.0)
    assert address(8) not in pool
    pool.connected(address(9))
    assert pool.next_candidates(1, 0.0) == []


def test_a_banned_host_is_gone_until_the_ban_is_lifted() -> None:
    bans = Bans()
    pool = make_pool(bans=bans)
    for port in (1, 2, 3):
        pool.add(address(1, port), "pex", 0.0)
    pool.connected(address(1, 2))
    ban(bans, pool, 1)
    assert pool.is_banned(address(1).host)
    assert not pool.is_banned(address(2).host)
    assert len(pool) == 0
    assert not pool.add(address(1, 4), "tracker", 0.0)
    pool.closed(address(1, 2), 0.0, useful=True)
    assert pool.next_candidates(9, 1e9) == []
    bans.lift(address(1).host)
    assert pool.add(address(1, 4), "tracker", 0.0)


def test_of_a_host_that_is_shared_one_port_is_banned() -> None:
    bans = Bans()
    pool = make_pool(bans=bans)
    for port in (1, 2):
        pool.add(address(1, port), "pex", 0.0)
    ban(bans, pool, 1, port=2)
    assert not pool.is_banned(address(1).host)
    assert pool.is_banned(*address(1, 2))
    assert pool.next_candidates(9, 0.0) == [address(1, 1)]
    assert not pool.add(address(1, 2), "tracker", 0.0)


def test_we_do_not_dial_ourselves() -> None:
    pool = make_pool()
    pool.add(address(1), "tracker", 0.0)
    pool.mark_self(address(1))
    pool.mark_self(address(2))
    assert not pool.add(address(1), "tracker", 0.0)
    assert not pool.add(address(2), "tracker", 0.0)
    assert pool.next_candidates(9, 0.0) == []


@pytest.mark.parametrize(
    "bad",
    [
        PeerAddress("10.0.0.1", 0),
        PeerAddress("10.0.0.1", 65536),
        PeerAddress("0.0.0.0", 1),
        PeerAddress("::", 1),
        PeerAddress("224.0.0.1", 1),
        PeerAddress("255.255.255.255", 1),
        PeerAddress("ff02::1", 1),
        PeerAddress("fe80::1", 1),
        PeerAddress("example.org", 1),
        PeerAddress("", 1),
    ],
)
def test_what_cannot_be_a_peer_is_refused(bad: PeerAddress) -> None:
    assert not make_pool().add(bad, "dht", 0.0)


def test_one_host_cannot_fill_the_pool_save_our_own() -> None:
    pool = make_pool()
    assert sum(pool.add(address(1, port), "pex", 0.0) for port in range(1, 100)) == PER_HOST
    local = (PeerAddress("127.0.0.1", port) for port in range(1, 100))
    assert sum(pool.add(one, "lsd", 0.0) for one in local) == 99
    pool.mark_self(address(1, 1))
    assert pool.add(address(1, 1000), "pex", 0.0)


def test_no_source_crowds_out_the_others() -> None:
    pool = make_pool(limit=20)
    added = [pool.add(address(number), "pex", 0.0) for number in range(50)]
    assert added == [True] * 20 + [False] * 30
    assert all(pool.add(address(100 + number), "tracker", 0.0) for number in range(10))
    assert pool.source_counts() == {"pex": 10, "tracker": 10}
    assert len(pool) == 20


def test_what_failed_makes_room_first() -> None:
    pool = make_pool(limit=3)
    for number in range(3):
        pool.add(address(number), "tracker", 0.0)
    pool.failed(address(1), 0.0)
    assert pool.add(address(9), "tracker", 0.0)
    assert address(1) not in pool
    assert not pool.add(address(10), "tracker", 0.0)


def test_a_pool_of_connected_peers_has_no_room() -> None:
    pool = make_pool(limit=2)
    for number in range(2):
        pool.add(address(number), "tracker", 0.0)
        pool.connected(address(number))
    assert not pool.add(address(9), "dht", 0.0)
    assert make_pool(limit=0).add(address(1), "dht", 0.0) is False


def test_own_addresses_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(peer_pool, "SELVES_LIMIT", 3)
    pool = make_pool()
    for number in range(10):
        pool.mark_self(address(100 + number))
    assert [n for n in range(10) if not pool.add(address(100 + n), "dht", 0.0)] == [7, 8, 9]


def test_what_a_person_names_again_is_due_at_once() -> None:
    pool = PeerPool(random.Random(1))
    address = PeerAddress("10.0.0.1", 6881)
    pool.add(address, "tracker", 0.0)
    assert pool.next_candidates(1, 0.0) == [address]
    pool.failed(address, 0.0)
    assert not pool.add(address, "tracker", 1.0)
    assert pool.next_candidates(1, 1.0) == []
    assert not pool.add(address, "manual", 1.0)
    assert pool.next_candidates(1, 1.0) == [address]
    assert not pool.add(address, "manual", 1.0)
    assert pool.next_candidates(1, 1.0) == [], "it is being dialled already"


def dialled_in_turn(pool: PeerPool, now: float = 1000.0) -> list[PeerAddress]:
    return [found[0] for _ in range(len(pool)) if (found := pool.next_candidates(1, now))]


def test_an_address_keeps_every_source_that_told_of_it() -> None:
    pool = make_pool()
    pool.add(address(1), "dht", 0.0)
    pool.add(address(1), "tracker", 0.0)
    pool.add(address(2), "dht", 0.0)
    assert pool.source_of(address(1)) == "dht"
    assert pool.sources_of(address(1)) == {"dht", "tracker"}
    assert pool.source_counts() == {"dht": 2, "tracker": 1}
    assert pool.next_candidates(1, 0.0) == [address(1)], "a tracker's word counts for more"
    assert pool.sources_of(address(9)) == frozenset()


def test_those_that_were_best_come_first() -> None:
    pool = make_pool()
    for number in range(6):
        pool.add(address(number), "lsd", 0.0)
    pool.remember(address(4), 500_000.0, 0.0)
    pool.remember(address(9), 2_000_000.0, 0.0)
    pool.connected(address(2))
    pool.closed(address(2), 0.0, useful=True, rate=10.0)
    assert dialled_in_turn(pool)[:3] == [address(9), address(4), address(2)]
    assert pool.source_of(address(9)) == "resume"


def test_a_good_name_is_lost_after_some_failures() -> None:
    pool, now = make_pool(), 0.0
    pool.remember(address(1), 1e6, now)
    for _ in range(LOSES_ITS_NAME):
        now += 1e5
        assert pool.next_candidates(1, now) == [address(1)]
        pool.failed(address(1), now)
    pool.add(address(2), "manual", now)
    pool.add(address(1), "manual", now)
    pool.remember(address(2), 1.0, now)
    assert dialled_in_turn(pool, now) == [address(2), address(1)]


def test_a_good_peer_does_not_make_room_while_others_can() -> None:
    pool = make_pool(limit=3)
    pool.remember(address(1), 1e6, 0.0)
    pool.add(address(2), "resume", 0.0)
    pool.add(address(3), "tracker", 0.0)
    pool.failed(address(1), 0.0)
    assert pool.add(address(4), "dht", 0.0)
    assert address(1) in pool
    assert address(2) not in pool


def test_near_addresses_are_dialled_first() -> None:
    preferences = Preferences(random.Random(1), lambda host: "DE" if host < "5" else "US")
    pool = PeerPool(random.Random(1), preferences=preferences)
    near, land, far = (PeerAddress(host, 1) for host in ("91.1.2.9", "4.1.1.1", "8.1.1.1"))
    for one in (far, land, near):
        pool.add(one, "tracker", 0.0)
    assert pool.next_candidates(1, 0.0)
    for teller in ("8.8.8.8", "9.9.9.9"):
        preferences.own.told("91.1.2.3", teller)
    assert dialled_in_turn(pool) == [near, far, land], "91 is in the US here"


def test_among_equals_the_canonical_priority_decides() -> None:
    preferences = Preferences(random.Random(1))
    pool = PeerPool(random.Random(1), preferences=preferences)
    for number in range(40):
        pool.add(PeerAddress(f"8.{number}.1.1", 1), "tracker", 0.0)
    priorities = [preferences.priority(one) for one in pool.next_candidates(40, 0.0)]
    assert priorities == sorted(priorities, reverse=True)


def test_seeds_are_not_dialled_while_we_seed() -> None:
    pool = make_pool()
    for number in (1, 2):
        pool.add(address(number), "tracker", 0.0)
        pool.connected(address(number))
        pool.closed(address(number), 0.0, useful=True, seed=number == 1)
    pool.set_seeding(True)
    assert dialled_in_turn(pool) == [address(2)]
    assert pool.next_candidates(1, 1e9) == [address(2)]
    pool.set_seeding(False)
    assert pool.next_candidates(9, 1e9) == [address(1)]
    pool.set_seeding(True)
    pool.failed(address(1), 0.0)
    assert pool.next_due(1e9) is not None
    assert pool.next_candidates(9, 2e9) == [address(2)]
    pool.add(address(1), "manual", 0.0)
    assert pool.next_due(1e9) == 1e9


def test_seeds_are_visited_once_when_there_is_something_to_tell() -> None:
    pool = make_pool()
    for number in range(1, 6):
        pool.add(address(number), "tracker", 0.0, seed=True)
    pool.set_seeding(True)
    assert pool.next_candidates(9, 100.0) == []
    assert pool.visit_seeds(3, 100.0) == 3
    visited = pool.next_candidates(9, 100.0)
    assert len(visited) == 3
    pool.closed(visited[0], 110.0, useful=False, seed=True)
    pool.failed(visited[1], 110.0)
    # Who was not reached is dialled again, who was is not.
    assert pool.next_candidates(9, 150.0) == [visited[1]]
    assert pool.visit_seeds(9, 150.0) == 3


ranked = st.tuples(
    st.integers(0, 300), st.integers(0, 64), st.sampled_from(Distance), st.integers(0, 3),
    st.integers(0, 2**32 - 1),
)  # fmt: skip


@given(ranked, ranked)
def test_a_rank_compares_in_the_order_that_is_told(
    one: tuple[int, int, Distance, int, int], other: tuple[int, int, Distance, int, int]
) -> None:
    def in_words(of: tuple[int, int, Distance, int, int]) -> tuple[int, ...]:
        failures, worth, distance, source, priority = of
        return min(failures, 255), -worth, distance, source, -priority

    assert (rank(*one) < rank(*other)) == (in_words(one) < in_words(other))
