"""The choker: tit for tat, the optimistic slot, seeding."""

from __future__ import annotations

import itertools
import random
from collections import Counter
from dataclasses import dataclass

from hypothesis import given, settings
from hypothesis import strategies as st

from p2pd.swarm.choker import Choker
from p2pd.swarm.choking.optimistic import OPTIMISTIC_SECONDS
from p2pd.swarm.choking.seeding_modes import SEEDING_MODES
from p2pd.swarm.choking.snubbing import SNUBBED_SECONDS


@dataclass
class Peer:
    """A peer as the choker sees it."""

    key: str
    interested: bool = True
    download_rate: float = 0.0
    upload_rate: float = 0.0
    connected_at: float = -1000.0
    upload_only: bool = False
    unchoked: bool = False
    received: int = 0
    progress: float = 0.0
    owes: bool = False
    last_block_at: float = -1000.0


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


def only(choker: Choker) -> object:
    """The one that has the one optimistic slot."""
    (key,) = choker.optimistic
    return key


def test_who_sends_most_is_served_and_one_more() -> None:
    choker, peers = make_choker(), traders(10)
    chosen = decide(choker, peers)
    assert {"p7", "p8", "p9"} < chosen
    assert len(chosen) == 4
    assert chosen - {"p7", "p8", "p9"} == choker.optimistic


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
        held.append(only(choker))
    terms = held[::3]
    assert [key for key in terms for _ in range(3)] == held
    assert all(a != b for a, b in itertools.pairwise(terms))
    assert set(terms) == {f"p{n}" for n in range(7)}
    assert OPTIMISTIC_SECONDS == 30


def test_an_optimistic_peer_that_pays_gets_a_regular_slot_and_makes_room() -> None:
    choker, peers = make_choker(), traders(10)
    decide(choker, peers)
    lucky = next(peer for peer in peers if peer.key == only(choker))
    lucky.download_rate = 1e6
    assert lucky.key in decide(choker, peers, 10.0)
    assert only(choker) != lucky.key


def test_an_optimistic_peer_that_left_is_replaced_at_once() -> None:
    choker, peers = make_choker(), traders(10)
    decide(choker, peers)
    gone = only(choker)
    decide(choker, [peer for peer in peers if peer.key != gone], 10.0)
    assert only(choker) != gone
    decide(choker, [], 20.0)
    assert not choker.optimistic


def test_one_slot_of_five_is_optimistic_where_there_are_many() -> None:
    choker, peers = make_choker(20), traders(60)
    chosen = decide(choker, peers)
    assert len(chosen) == 20
    assert len(choker.optimistic) == 4
    assert chosen - choker.optimistic == {f"p{n}" for n in range(44, 60)}


def test_a_snubbing_peer_has_no_regular_slot_until_it_sends() -> None:
    choker, peers = make_choker(), traders(10)
    best = peers[9]
    best.owes, best.last_block_at = True, 0.0
    for now in range(0, 600, 10):
        chosen = decide(choker, peers, float(now))
        regular = chosen - choker.optimistic
        assert ("p9" in regular) == (now < SNUBBED_SECONDS)
        assert len(chosen) == 4
    best.last_block_at = 595.0
    assert "p9" in decide(choker, peers, 600.0) - choker.optimistic


def test_who_lets_us_ask_only_now_has_a_minute_from_now_on() -> None:
    choker, peers = make_choker(), traders(10)
    decide(choker, peers, 1000.0)
    peers[9].owes = True
    assert "p9" in decide(choker, peers, 1010.0) - choker.optimistic
    assert "p9" in decide(choker, peers, 1060.0) - choker.optimistic
    assert "p9" not in decide(choker, peers, 1070.0) - choker.optimistic


def test_slots_that_nobody_earned_are_given_to_trials_and_kept_that_long() -> None:
    choker = make_choker()
    peers = [Peer(f"p{n}") for n in range(9)]
    first = decide(choker, peers)
    assert len(first) == 4
    assert decide(choker, peers, 10.0) == first
    assert decide(choker, peers, 20.0) == first
    assert not decide(choker, peers, 30.0) & first


def sending(choker: Choker, peers: list[Peer], rounds: int, uplink: float) -> Counter[str]:
    """An uplink that is shared evenly, and peers of which the traders give: what each was sent."""
    sent = Counter[str]()
    for now in range(0, 10 * rounds, 10):
        decide(choker, peers, float(now))
        served = [peer for peer in peers if peer.unchoked]
        for peer in peers:
            peer.upload_rate = uplink / len(served) if peer.unchoked else 0.0
            peer.received += int(peer.download_rate * 10)
            sent[peer.key] += int(peer.upload_rate * 10)
    return sent


def test_who_only_takes_has_one_slot_of_a_busy_uplink_though_others_are_free() -> None:
    choker = make_choker(5)
    peers = [Peer("gives", download_rate=1000.0), *(Peer(f"takes{n}") for n in range(9))]
    sent = sending(choker, peers, 60, uplink=1e6)
    assert sum(peer.unchoked for peer in peers) == 2
    assert 0.4 < sent["gives"] / sent.total() < 0.5


def test_an_uplink_that_is_not_busy_is_for_takers_too() -> None:
    """The giver takes little itself: without the others most of the uplink would be idle."""
    choker, counts = make_choker(5), []
    peers = [Peer("gives", download_rate=1000.0), *(Peer(f"takes{n}") for n in range(9))]
    for now in range(0, 600, 10):
        counts.append(len(decide(choker, peers, float(now))))
        for peer in peers:
            peer.upload_rate = (100.0 if peer.key == "gives" else 1e5) * peer.unchoked
            peer.received += 10_000 * (peer.key == "gives")
    assert sum(counts) / len(counts) > 3


def test_a_peer_is_no_taker_when_it_gives_again() -> None:
    choker = make_choker(5)
    peers = [Peer("gives", download_rate=1000.0), *(Peer(f"takes{n}") for n in range(9))]
    sending(choker, peers, 30, uplink=1e6)
    peers[1].received = peers[2].received = 50_000
    for now in range(300, 330, 10):
        chosen = decide(choker, peers, float(now))
    assert {"gives", "takes0", "takes1"} < chosen
    assert len(chosen) == 4


def test_who_is_alone_keeps_its_slot() -> None:
    choker, peers = make_choker(), [Peer("a"), Peer("b")]
    for now in range(0, 300, 10):
        assert decide(choker, peers, float(now)) == {"a", "b"}


def test_one_slot_is_for_who_sends_most_and_for_a_trial_now_and_then() -> None:
    choker, peers = make_choker(1), traders(5)
    held = Counter(str(next(iter(decide(choker, peers, float(n))))) for n in range(0, 3000, 10))
    assert held["p4"] >= 0.8 * held.total()
    assert len(held) == 5


def test_a_seed_with_one_slot_gives_it_to_one_after_the_other() -> None:
    choker, peers = make_choker(1), traders(5)
    held = [decide(choker, peers, float(now), seeding=True) for now in range(0, 900, 10)]
    assert all(len(chosen) == 1 for chosen in held)
    assert len(set().union(*held)) == 5


def test_without_slots_nobody_is_served() -> None:
    choker, peers = make_choker(), traders(5)
    decide(choker, peers)
    choker.slots = 0
    assert decide(choker, peers, 10.0) == set()
    assert not choker.optimistic
    assert choker.decide(peers, seeding=False, now=20.0, slots=2) != set()


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
    assert "d" in choker.optimistic


KINDS = ("gone", "not interested", "upload only", *["wants a slot"] * 5)
some_rate = st.integers(0, 10**9)
peer_facts = st.tuples(some_rate, some_rate, st.integers(0, 100), st.integers(0, 8 * 4 * 100 - 1))


def peers_of(facts: list[tuple[int, int, int, int]]) -> list[Peer]:
    """Peers of four draws each, for it is draws that take the time; their keys are their places."""
    peers = []
    for place, (download, upload, progress, rest) in enumerate(facts):
        kind, rest = KINDS[rest % 8], rest // 8
        peer = Peer(str(place), kind != "not interested", download, upload)
        peer.upload_only = kind == "upload only"
        peer.unchoked, peer.owes = rest % 4 > 1, rest % 2 > 0
        peer.connected_at, peer.last_block_at = rest // 4, rest * 7 % 100
        peer.received, peer.progress = download * 7 % 10**9, progress / 100
        if kind != "gone":
            peers.append(peer)
    return peers


some_peers = st.lists(peer_facts, max_size=12).map(peers_of)


@given(
    st.lists(st.tuples(some_peers, st.integers(0, 6)), max_size=6),
    st.booleans(),
    st.sampled_from(sorted(SEEDING_MODES)),
)
def test_there_are_never_more_than_the_slots_and_a_seed_uses_them_all(
    rounds: list[tuple[list[Peer], int]], seeding: bool, mode: str
) -> None:
    choker = Choker(random.Random(1), seeding_mode=mode)
    for number, (peers, slots) in enumerate(rounds):
        chosen = choker.decide(peers, seeding=seeding, now=100.0 + 10 * number, slots=slots)
        willing = {peer.key for peer in peers if peer.interested and not peer.upload_only}
        assert chosen <= willing
        assert choker.optimistic <= chosen
        assert len(chosen) <= min(slots, len(willing))
        assert bool(chosen) == bool(min(slots, len(willing)))
        if seeding:
            assert len(chosen) == min(slots, len(willing))


@given(some_peers, st.integers(1, 6), st.randoms(use_true_random=False), st.booleans())
def test_the_order_in_which_peers_are_told_of_does_not_matter(
    peers: list[Peer], slots: int, rng: random.Random, seeding: bool
) -> None:
    for number, peer in enumerate(peers):
        peer.received = peer.received * 12 + number  # two that are alike in all can change places
        peer.connected_at = float(number)
    shuffled = peers[:]
    rng.shuffle(shuffled)
    one, other = make_choker(slots), make_choker(slots)
    for now in range(200, 400, 10):
        first = one.decide(peers, seeding=seeding, now=float(now))
        second = other.decide(shuffled, seeding=seeding, now=float(now))
        assert first == second
        assert one.optimistic == other.optimistic


@settings(max_examples=20)
@given(
    st.integers(1, 10), st.integers(1, 8), st.booleans(), st.sampled_from(sorted(SEEDING_MODES)),
    st.integers(0, 100),
)  # fmt: skip
def test_everyone_is_served_within_bounded_time(
    count: int, slots: int, seeding: bool, mode: str, seed: int
) -> None:
    """Even who gives nothing, whatever the others give, and wherever it takes least."""
    choker = Choker(random.Random(seed), slots, mode)
    peers = traders(count)
    peers[0].download_rate = 0.0
    served_at = {peer.key: 0.0 for peer in peers}
    terms = 5 if slots == 1 else 1  # a single slot is optimistic for one term in five
    bound = 10 * OPTIMISTIC_SECONDS * count * terms
    for now in range(0, int(1.5 * bound), 10):
        for key in decide(choker, peers, float(now), seeding=seeding):
            served_at[str(key)] = float(now)
        for number, peer in enumerate(peers):
            peer.upload_rate = 100.0 * number if peer.unchoked else 0.0
            peer.received += int(peer.download_rate)
        assert min(served_at.values()) >= now - bound
