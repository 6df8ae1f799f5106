"""The end game: the last blocks are asked of more than one peer."""

from __future__ import annotations

from p2pd.base.piece_set import PieceSet
from p2pd.swarm.picking import DUPLICATES_AT_ONCE
from tests.swarm.small_pickers import BLOCKS, make_picker


def test_the_end_game_asks_again_and_says_whom_to_cancel() -> None:
    picker = make_picker(1)
    full = PieceSet.full(1)
    picker.peer_joined(full)
    asked = picker.pick("a", full, 99)
    again = picker.pick("b", full, 2)
    assert again == asked[:0:-1]  # the last in the other's queue would come last
    assert picker.pick("b", full, 1) == [asked[0]]
    assert picker.pick("b", full, 99) == []
    outcome = picker.block_received("b", *asked[0])
    assert outcome == (True, False, ("a",))
    assert asked[0] not in picker.peer_requests("a")
    assert not picker.block_received("a", *asked[0]).accepted
    assert picker.block_received("a", *asked[1]).also_asked == ("b",)
    assert picker.block_received("a", *asked[2]) == (True, True, ("b",))


def test_there_is_no_end_game_while_a_block_is_free() -> None:
    picker = make_picker(2)
    full = PieceSet.full(2)
    picker.peer_joined(full)
    first = picker.pick("a", full, 3, only={1})
    assert picker.pick("b", PieceSet(2, [1]), 99) == []
    assert picker.pick("a", full, 99)
    assert len(picker.pick("b", PieceSet(2, [1]), 99)) == len(first)


def test_while_nobody_has_some_piece_only_what_the_slow_were_asked_for_is_asked_twice() -> None:
    picker = make_picker(2)
    some = PieceSet(2, [1])
    picker.peer_joined(some)
    asked = picker.pick("a", some, 99)
    assert picker.pick("b", some, 99) == []
    picker.pick("a", some, 99, slow=True)
    assert sorted(picker.pick("b", some, 99)) == asked


def test_a_piece_that_is_not_wanted_does_not_keep_the_end_game_away() -> None:
    picker = make_picker(2)
    picker.set_priorities([0, 4])
    some = PieceSet(2, [1])
    picker.peer_joined(some)
    asked = picker.pick("a", some, 99)
    assert sorted(picker.pick("b", some, 99)) == asked


def test_a_block_is_asked_of_two_peers_or_three_when_one_is_slow() -> None:
    picker = make_picker(1)
    full = PieceSet.full(1)
    picker.peer_joined(full)
    picker.pick("a", full, 99)
    assert len(picker.pick("b", full, 99)) == 3
    assert picker.pick("c", full, 99) == []
    picker.pick("a", full, 99, slow=True)
    assert len(picker.pick("c", full, 99)) == 3
    assert picker.pick("d", full, 99) == []


def test_the_slow_are_replaced_first_then_those_that_wait_longest() -> None:
    picker = make_picker(3)
    full = PieceSet.full(3)
    picker.peer_joined(full)
    asked = {peer: picker.pick(peer, full, 4) for peer in ("a", "b")}
    asked["slow"] = picker.pick("slow", full, 4, slow=True)
    again = picker.pick("d", full, 99)
    order = [next(p for p, requests in asked.items() if r in requests) for r in again]
    assert list(dict.fromkeys(order)) == ["slow", "a", "b"]


def test_duplicates_at_one_peer_are_few() -> None:
    picker = make_picker(50)
    full = PieceSet.full(50)
    picker.peer_joined(full)
    assert len(picker.pick("a", full, 999)) == 50 * BLOCKS - 1
    assert len(picker.pick("b", full, 999)) == DUPLICATES_AT_ONCE
    assert picker.pick("b", full, 999) == []


def test_a_failed_duplicate_stays_with_the_other_peer() -> None:
    picker = make_picker(1)
    full = PieceSet.full(1)
    picker.peer_joined(full)
    asked = picker.pick("a", full, 99)
    picker.pick("b", full, 99)
    picker.forget_peer("b")
    assert list(picker.peer_requests("a")) == asked
    picker.request_failed("a", asked[0])
    assert picker.pick("c", full, 1) == [asked[0]]


def test_a_block_that_lost_one_of_its_peers_may_be_asked_of_another() -> None:
    picker = make_picker(1)
    full = PieceSet.full(1)
    picker.peer_joined(full)
    picker.pick("a", full, 99)
    picker.pick("b", full, 99)
    assert picker.pick("c", full, 99) == []
    picker.forget_peer("b")
    assert len(picker.pick("c", full, 99)) == 3


def test_what_one_peer_lacks_is_kept_for_the_next() -> None:
    picker = make_picker(2)
    full, some = PieceSet.full(2), PieceSet(2, [1])
    picker.peer_joined(full)
    asked = picker.pick("a", full, 99)
    assert {request.piece for request in picker.pick("b", some, 99)} == {1}
    rest = picker.pick("c", full, 99)
    assert sorted(rest) == sorted(request for request in asked if request.piece == 0)


def test_what_a_slow_peer_was_asked_for_is_asked_of_others_before_the_end_game() -> None:
    picker = make_picker(3)
    claims_all, honest = PieceSet.full(3), PieceSet(3, [1])
    picker.peer_joined(claims_all)
    picker.peer_joined(honest)
    picker.pick("silent", claims_all, 99)
    while picker.peer_requests("silent"):
        picker.request_failed("silent", next(iter(picker.peer_requests("silent"))))
    (held,) = picker.pick("silent", PieceSet(3, [1]), 1, slow=True)
    rest = picker.pick("honest", honest, 99)
    assert held not in rest
    assert {request.piece for request in rest} == {1}
    assert picker.pick("honest", honest, 99) == [held]


class Steady:
    """Answers each request in so many seconds."""

    def __init__(self, each: float) -> None:
        self.each = each

    def answer_takes(self, ahead: int, now: float) -> float:
        return (ahead + 1) * self.each

    def answers_within(self, seconds: float, now: float) -> int:
        return 99 if seconds == float("inf") else int(seconds / self.each)


def picked_beside(theirs: float, ours: float, *, slow: bool = False) -> list[int]:
    """Of the blocks 0 to 7 that a peer has begun, which are asked of an idle one too."""
    picker = make_picker(2)
    full = PieceSet.full(2)
    picker.peer_joined(full)
    asked = picker.pick("a", full, 99, pace=Steady(theirs), slow=slow)
    again = picker.pick("b", full, 99, pace=Steady(ours))
    return sorted(asked.index(request) for request in again)


def test_what_comes_as_soon_anyhow_is_not_asked_twice() -> None:
    assert picked_beside(theirs=0.1, ours=0.1) == []
    assert picked_beside(theirs=0.05, ours=0.01) == []


def test_what_would_come_much_later_is_asked_of_a_quicker_peer() -> None:
    # Within 0.8 s comes one, and two more are out of its hands.
    assert picked_beside(theirs=0.7, ours=0.1) == [3, 4, 5, 6]
    assert picked_beside(theirs=5.0, ours=0.1) == [0, 1, 2, 3, 4, 5, 6]


def test_who_is_as_slow_does_not_help() -> None:
    assert picked_beside(theirs=1.0, ours=1.0) == [4, 5, 6]
    assert picked_beside(theirs=1.0, ours=float("inf")) == []


def test_slow_peers_are_relieved_whatever_their_pace_was() -> None:
    assert picked_beside(theirs=0.01, ours=0.2, slow=True) == list(range(7))


def test_what_is_soon_enough_now_may_be_asked_twice_later() -> None:
    picker = make_picker(1)
    full = PieceSet.full(1)
    picker.peer_joined(full)
    pace = Steady(0.2)
    asked = picker.pick("a", full, 99, pace=pace)
    assert picker.pick("b", full, 99, pace=Steady(0.2)) == []
    pace.each = 60.0
    assert picker.pick("b", full, 99, pace=Steady(0.2)) == asked[::-1]
