"""What a super-seed shows to whom."""

from __future__ import annotations

import random
from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from p2pd.base.piece_set import PieceSet
from p2pd.swarm.availability import Availability
from p2pd.swarm.piece_masks import PieceMasks
from p2pd.swarm.super_seeding import LOST_SECONDS, SuperSeeding


class Crowd:
    """Peers of a super-seed, and what they have; they do as a test says."""

    def __init__(self, pieces: int, *names: str, seed: int = 1) -> None:
        self.size = pieces
        self.availability = Availability(PieceMasks(pieces))
        self.policy = SuperSeeding(self.availability, random.Random(seed))
        self.peers: dict[str, PieceSet] = {}
        self.shown: dict[str, set[int]] = {}
        for name in names:
            self.join(name)

    def join(self, name: str, *has: int) -> None:
        self.peers[name] = PieceSet(self.size, list(has))
        self.availability.joined(self.peers[name])
        self.shown[name] = self.policy.joined(name, self.peers[name])

    def leave(self, name: str) -> None:
        self.policy.left(name)
        self.availability.left(self.peers.pop(name))

    def got(self, name: str, piece: int, now: float = 0.0) -> None:
        if self.peers[name].add(piece):
            self.availability.got(piece)
            self.policy.got(name, piece, now)


def test_as_many_pieces_are_shown_as_may_be_on_their_way_each_to_another_peer() -> None:
    crowd = Crowd(10, *"abcd")
    shown = crowd.policy.show(3, 0.0)
    assert len({peer for peer, _ in shown}) == len({piece for _, piece in shown}) == 3
    assert crowd.policy.show(3, 0.0) == []
    assert all(piece in crowd.shown[peer] for peer, piece in shown)


def test_a_piece_that_came_makes_room_for_another() -> None:
    crowd = Crowd(10, "a", "b", "c")
    (first, piece), _ = crowd.policy.show(2, 0.0)
    crowd.got(first, piece, 1.0)
    ((_, third),) = crowd.policy.show(2, 1.0)
    assert third != piece


def test_who_passed_on_what_it_was_shown_comes_first() -> None:
    crowd = Crowd(10, "a", "b", "c")
    shown = dict(crowd.policy.show(3, 0.0))
    for peer, piece in shown.items():
        crowd.got(peer, piece, 1.0)
    crowd.got("c", shown["b"], 2.0)
    assert crowd.policy.show(1, 2.0)[0][0] == "b"


def test_nobody_is_waited_for() -> None:
    crowd = Crowd(10, "a")
    for now in range(5):
        ((peer, piece),) = crowd.policy.show(1, now)
        crowd.got(peer, piece, now + 0.5)
    assert len(crowd.shown["a"]) == 5


def test_what_was_on_its_way_to_one_who_left_is_shown_to_another() -> None:
    crowd = Crowd(1, "a")
    assert crowd.policy.show(1, 0.0) == [("a", 0)]
    crowd.leave("a")
    crowd.join("b")
    assert crowd.policy.show(1, 0.0) == [("b", 0)]


def test_what_only_one_who_left_had_is_shown_to_another() -> None:
    crowd = Crowd(1, "a", "b")
    ((peer, _),) = crowd.policy.show(1, 0.0)
    crowd.got(peer, 0)
    crowd.leave(peer)
    assert crowd.policy.show(1, 0.0) == [("ab".replace(peer, ""), 0)]


def test_a_peer_that_does_not_fetch_holds_up_nothing_and_loses_its_piece() -> None:
    crowd = Crowd(2, "a", "b")
    first = crowd.policy.show(1, 0.0)
    second = crowd.policy.show(1, 30.0)
    assert first[0][0] != second[0][0]
    assert first[0][1] != second[0][1]
    again = crowd.policy.show(9, LOST_SECONDS + 1)
    assert dict(again) == {second[0][0]: first[0][1], first[0][0]: second[0][1]}


def test_what_somebody_has_is_shown_last_the_rarest_first() -> None:
    crowd = Crowd(4, "new")
    for name in "abc":
        crowd.join(name, 0, 1)
        crowd.policy.left(name)
    crowd.availability.got(2)
    order = []
    for _ in range(4):
        ((_, piece),) = crowd.policy.show(1, 0.0)
        crowd.got("new", piece)
        order.append(piece)
    assert order[:2] == [3, 2]
    assert set(order[2:]) == {0, 1}


def test_the_swarm_is_whole_when_its_peers_have_a_copy_among_them() -> None:
    crowd = Crowd(3, "a", "b")
    crowd.got("a", 0)
    crowd.got("b", 2)
    assert not crowd.policy.swarm_is_whole
    crowd.got("b", 1)
    assert crowd.policy.swarm_is_whole


@given(st.integers(1, 60), st.integers(1, 12), st.integers(1, 8), st.randoms(use_true_random=False))
def test_a_swarm_is_whole_after_each_piece_was_shown_once(
    pieces: int, peers: int, window: int, rng: random.Random
) -> None:
    """Peers fetch what they are shown in any order, and pass it on when they like."""
    names = [f"peer {number}" for number in range(peers)]
    crowd = Crowd(pieces, *names, seed=rng.getrandbits(32))
    shown: Counter[int] = Counter()
    waiting: list[tuple[str, int]] = []
    while not crowd.policy.swarm_is_whole:
        fresh = [(str(peer), piece) for peer, piece in crowd.policy.show(window, 0.0)]
        shown.update(piece for _, piece in fresh if not crowd.availability.count(piece))
        waiting += fresh
        assert waiting
        crowd.got(*waiting.pop(rng.randrange(len(waiting))))
        if rng.random() < 0.5:
            giver, taker = rng.choice(names), rng.choice(names)
            for piece in list(crowd.peers[giver])[:1]:
                crowd.got(taker, piece)
    assert set(shown.values()) == {1}
    assert len(shown) == pieces


@given(st.data())
def test_whatever_peers_do_nothing_is_shown_that_the_peer_has(data: st.DataObject) -> None:
    crowd = Crowd(6, "a")
    now = 0.0
    for _ in range(30):
        act = data.draw(st.sampled_from(["join", "leave", "got", "show", "wait"]))
        name = data.draw(st.sampled_from("abc"))
        if act == "join" and name not in crowd.peers:
            crowd.join(name, *data.draw(st.sets(st.integers(0, 5))))
        elif act == "leave" and name in crowd.peers:
            crowd.leave(name)
        elif act == "got" and name in crowd.peers:
            crowd.got(name, data.draw(st.integers(0, 5)), now)
        elif act == "wait":
            now += data.draw(st.floats(0, 100))
        else:
            for peer, piece in crowd.policy.show(data.draw(st.integers(0, 4)), now):
                assert not crowd.peers[str(peer)].flags[piece]
                assert piece in crowd.shown[str(peer)]


def test_who_has_not_fetched_anything_is_shown_one_piece_and_then_more() -> None:
    crowd = Crowd(20, "a")
    ((_, first),) = crowd.policy.show(9, 0.0)
    crowd.got("a", first, 1.0)
    assert len(crowd.policy.show(9, 1.0)) == 2


def test_when_nothing_else_is_left_what_is_late_is_shown_to_others() -> None:
    crowd = Crowd(2, "silent")
    ((_, held),) = crowd.policy.show(1, 0.0)
    crowd.join("quick")
    ((_, other),) = crowd.policy.show(2, 1.0)
    assert crowd.policy.show(2, 2.0) == []
    crowd.got("quick", other, 2.0)
    assert crowd.policy.show(2, 3.0) == []
    assert crowd.policy.show(2, 40.0)[0] == ("quick", held)
