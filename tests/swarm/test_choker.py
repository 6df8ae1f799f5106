"""The choker: tit for tat, the optimistic slot, seeding."""

from __future__ import annotations

import itertools
import random
from collections import Counter
from dataclasses import dataclass

import pytest
from hypothesis import given
from hypothesis import strategies as st

from p2pd.swarm.choker import GRACE_SECONDS, OPTIMISTIC_SECONDS, Choker


@dataclass
class Peer:
    """A peer as the choker sees it."""

    key: str
    interested: bool = True
    download_rate: float = 0.0
    upload_rate: float = 0.0
    snubbed: bool = False
    connected_at: float = -1000.0
    upload_only: bool = False
    unchoked: bool = False


def make_choker(slots: int = 4, seed: int = 1) -> Choker:
    return Choker(random.Random(seed), slots=slots)


def decide(
    choker: Choker, peers: list[Peer], now: float = 0.0, *, seeding: bool = False
) -> set[object]:
    """A round, whose outcome the peers show at the next."""
    chosen: set[object] = set(choker.decide(peers, seeding=seeding, now=now))
    for peer in peers:
        peer.unchoked = peer.key in chosen
    return chosen


def traders(count: int) -> list[Peer]:
    """p0 sends least."""
    return [Peer(f"p{n}", download_rate=1000.0 * (n + 1)) for n in range(count)]


def test_who_sends_most_is_served_and_one_more() -> None:
    choker, peers = make_choker(), traders(10)
    chosen = decide(choker, peers)
    assert {"p7", "p8", "p9"} < chosen
    assert len(chosen) == 4
    assert chosen - {"p7", "p8", "p9"} == {choker.optimistic}


def test_only_the_interested_are_served() -> None:
    peers = traders(4)
    peers[3].interested = False
    peers[2].upload_only = True
    assert decide(make_choker(), peers) == {"p0", "p1"}


def test_the_optimistic_slot_goes_round_every_thirty_seconds() -> None:
    choker, peers = make_choker(), traders(10)
    held = []
    for now in range(0, 1200, 10):
        decide(choker, peers, float(now))
        held.append(choker.optimistic)
    terms = held[::3]
    assert [key for key in terms for _ in range(3)] == held
    assert all(a != b for a, b in itertools.pairwise(terms))
    assert set(terms) == {f"p{n}" for n in range(7)}
    assert OPTIMISTIC_SECONDS == 30


def test_an_optimistic_peer_that_pays_gets_a_regular_slot_and_makes_room() -> None:
    choker, peers = make_choker(), traders(10)
    decide(choker, peers)
    lucky = next(peer for peer in peers if peer.key == choker.optimistic)
    lucky.download_rate = 1e6
    chosen = decide(choker, peers, 10.0)
    assert lucky.key in chosen
    assert choker.optimistic != lucky.key
    assert "p7" not in chosen or choker.optimistic == "p7"


def test_an_optimistic_peer_that_left_is_replaced_at_once() -> None:
    choker, peers = make_choker(), traders(10)
    decide(choker, peers)
    gone = choker.optimistic
    decide(choker, [peer for peer in peers if peer.key != gone], 10.0)
    assert choker.optimistic not in (gone, None)
    decide(choker, [], 20.0)
    assert choker.optimistic is None


def test_the_new_are_three_times_as_likely_to_be_the_optimistic_one() -> None:
    counts = Counter[str]()
    for seed in range(2000):
        peers = [*traders(3), Peer("new", connected_at=990.0), Peer("old")]
        choker = make_choker(4, seed)
        decide(choker, peers, 1000.0)
        counts[str(choker.optimistic)] += 1
    assert counts["new"] / counts["old"] == pytest.approx(3, rel=0.2)
    assert len(counts) == 2


def test_a_snubbed_peer_has_no_regular_slot() -> None:
    peers = traders(10)
    peers[9].snubbed = True
    choker = make_choker()
    assert {"p6", "p7", "p8"} < decide(choker, peers)
    for now in range(10, 600, 10):
        assert ("p9" in decide(choker, peers, float(now))) == (choker.optimistic == "p9")


def test_slots_that_nobody_earned_are_given_away_and_kept() -> None:
    choker = make_choker()
    peers = [Peer(f"p{n}") for n in range(9)]
    first = decide(choker, peers)
    assert len(first) == 4
    second = decide(choker, peers, 10.0)
    assert second == first  # nothing changed: no slot moves for nothing


def test_free_slots_go_to_the_snubbed_last() -> None:
    peers = [Peer("slow", snubbed=True, unchoked=True), *(Peer(f"p{n}") for n in range(4))]
    for seed in range(20):
        chosen = make_choker(4, seed).decide(peers, seeding=False, now=0.0)
        assert len(chosen) == 4
    assert make_choker(9).decide(peers, seeding=False, now=0.0) == {p.key for p in peers}


@pytest.mark.parametrize("seeding", [False, True])
def test_with_one_slot_there_is_one_peer(seeding: bool) -> None:
    choker, peers = make_choker(1), traders(5)
    for now in range(0, 100, 10):
        chosen = decide(choker, peers, float(now), seeding=seeding)
        assert len(chosen) == 1
        assert seeding or chosen == {"p4"}


def test_without_slots_nobody_is_served() -> None:
    choker, peers = make_choker(), traders(5)
    decide(choker, peers)
    choker.slots = 0
    assert decide(choker, peers, 10.0) == set()
    assert choker.optimistic is None
    assert choker.decide(peers, seeding=False, now=20.0, slots=2) != set()


def test_a_seed_serves_who_takes_most() -> None:
    choker, peers = make_choker(), [Peer(f"p{n}", upload_rate=float(n)) for n in range(10)]
    for peer in peers:
        peer.unchoked = True
    assert {"p7", "p8", "p9"} < decide(choker, peers, seeding=True)


def test_a_seed_takes_the_slot_of_who_takes_nothing_but_not_at_once() -> None:
    choker = make_choker(3)
    peers = [Peer(f"idle{n}") for n in range(3)]
    assert decide(choker, peers, 0.0, seeding=True) == {"idle0", "idle1", "idle2"}
    peers += [Peer(f"new{n}") for n in range(3)]
    within = decide(choker, peers, GRACE_SECONDS - 1, seeding=True)
    assert len(within & {"idle0", "idle1", "idle2"}) >= 2
    after = decide(choker, peers, GRACE_SECONDS, seeding=True)
    assert after & {"new0", "new1", "new2"}


def test_every_peer_of_a_seed_is_served_some_time() -> None:
    choker, peers = make_choker(), [Peer(f"p{n}") for n in range(12)]
    served: set[object] = set()
    for now in range(0, 1500, 10):
        served |= decide(choker, peers, float(now), seeding=True)
        for number, peer in enumerate(peers):
            peer.upload_rate = 100.0 * number if peer.unchoked else 0.0
    assert len(served) == 12


def test_a_free_slot_is_filled_between_rounds() -> None:
    choker = make_choker(2)
    peers = [Peer("a", unchoked=True), Peer("b", interested=False), Peer("c", upload_only=True)]
    assert choker.fill_free_slot(peers, now=5.0) is None
    peers[1].interested = True
    assert choker.fill_free_slot(peers, now=5.0) == "b"
    peers[1].unchoked = True
    peers.append(Peer("d"))
    assert choker.fill_free_slot(peers, now=5.0) is None
    assert choker.fill_free_slot(peers, now=5.0, slots=3) == "d"


rates = st.floats(0, 1e9)
some_peers = st.lists(
    st.builds(
        Peer,
        key=st.integers(0, 10**9).map(str),
        interested=st.booleans(),
        download_rate=rates,
        upload_rate=rates,
        snubbed=st.booleans(),
        connected_at=st.floats(0, 100),
        upload_only=st.booleans(),
        unchoked=st.booleans(),
    ),
    max_size=12,
    unique_by=lambda peer: peer.key,
)


@given(st.lists(some_peers, max_size=6), st.integers(0, 6), st.booleans())
def test_every_slot_is_used_and_none_twice(
    rounds: list[list[Peer]], slots: int, seeding: bool
) -> None:
    choker = make_choker(slots)
    for number, peers in enumerate(rounds):
        chosen = choker.decide(peers, seeding=seeding, now=100.0 + 10 * number)
        willing = {peer.key for peer in peers if peer.interested and not peer.upload_only}
        assert chosen <= willing
        assert len(chosen) == min(slots, len(willing))
        assert choker.optimistic is None or choker.optimistic in chosen
