"""How many questions a second go to one tracker."""

from __future__ import annotations

from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.task import Clock
from twisted.python.failure import Failure

from p2pd.discovery.tracker_client import host_pace
from p2pd.discovery.tracker_client.host_pace import HostPace


def asked(pace: HostPace, key: str, count: int) -> list[Deferred[None]]:
    return [Deferred.fromCoroutine(pace.turn(key)) for _ in range(count)]


def gone(turns: list[Deferred[None]]) -> int:
    return sum(turn.called for turn in turns)


def test_some_go_at_once_and_the_others_evenly() -> None:
    clock = Clock()
    turns = asked(HostPace(clock, per_second=8, at_once=5), "a", 25)
    assert gone(turns) == 5
    for eighths in range(1, 21):
        clock.advance(0.125)
        assert gone(turns) == 5 + eighths


def test_each_tracker_has_its_own_pace() -> None:
    pace = HostPace(Clock(), per_second=10, at_once=5)
    asked(pace, "a", 50)
    assert gone(asked(pace, "b", 5)) == 5


def test_after_a_rest_some_go_at_once_again() -> None:
    clock = Clock()
    pace = HostPace(clock, per_second=10, at_once=5)
    asked(pace, "a", 5)
    clock.advance(0.2)
    assert gone(asked(pace, "a", 5)) == 2
    clock.advance(10)
    assert gone(asked(pace, "a", 6)) == 5


def test_who_is_cancelled_leaves_no_timer() -> None:
    clock = Clock()
    (turn,) = asked(HostPace(clock, per_second=1, at_once=0), "a", 1)
    problems: list[Failure] = []
    turn.addErrback(problems.append)
    turn.cancel()
    assert problems[0].check(CancelledError)
    assert not clock.getDelayedCalls()


def test_trackers_that_are_not_asked_any_more_are_forgotten() -> None:
    clock = Clock()
    pace = HostPace(clock)
    for number in range(3 * host_pace.MOST_KEYS):
        clock.advance(1)
        asked(pace, str(number), 1)
    assert len(pace._due) <= host_pace.MOST_KEYS + 1
