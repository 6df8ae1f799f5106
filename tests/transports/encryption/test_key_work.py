"""Whose keys are made next, and how much of a core strangers have for theirs."""

from __future__ import annotations

import random
from typing import Any, Callable

import pytest
from twisted.internet.defer import CancelledError, Deferred, fail, succeed
from twisted.internet.task import Clock

from p2pd.protocols.mse.key_exchange import KeyPair, MseError
from p2pd.transports.encryption.cpu_share import CpuShare
from p2pd.transports.encryption.fair_line import BATCH, DisplacedError
from p2pd.transports.encryption.key_work import SAVED_SECONDS, SHARE, Exchanged, KeyWork

THEIRS = KeyPair(2**159 + 3)


class Bench:
    """A thread that works when it is told to, in which each calculation takes `cost` seconds."""

    def __init__(self, cost: float = 0.0, limit: int = 100) -> None:
        self.clock = Clock()
        self.cost = cost
        self.time = 0.0
        self.visits: list[tuple[Deferred[Any], Callable[[], Any]]] = []
        self.made: list[str] = []
        self.work = KeyWork(
            self._elsewhere, random.Random(1), self.clock, limit=limit, timer=self._timer
        )

    def _elsewhere(self, work: Callable[..., Any], *args: Any) -> Deferred[Any]:
        done: Deferred[Any] = Deferred()
        self.visits.append((done, lambda: work(*args)))
        return done

    def _timer(self) -> float:
        self.time += self.cost
        return self.time

    @property
    def spent(self) -> float:
        return self.work.share.total

    def stranger(self, name: str, host: str) -> Deferred[Exchanged]:
        asked = self.work.exchange(THEIRS.public, host)
        asked.addCallbacks(lambda _: self.made.append(name), lambda _: None)
        return asked

    def dials(self, name: str) -> None:
        self.work.keys().addCallback(lambda _: self.made.append(name))

    def visit(self) -> None:
        done, work = self.visits.pop(0)
        done.callback(work())

    def visit_all(self) -> None:
        while self.visits:
            self.visit()


def test_both_sides_find_the_same_secret() -> None:
    bench, found = Bench(), []
    bench.work.exchange(THEIRS.public, "8.8.8.8").addCallback(found.append)
    bench.visit_all()
    assert THEIRS.secret(found[0].keys.public) == found[0].secret
    assert bench.work.in_line == 0


def test_a_key_that_hides_nothing_is_refused_and_others_are_not() -> None:
    bench, problems = Bench(), []
    bench.work.exchange(bytes(96), "8.8.8.8").addErrback(
        lambda failure: problems.append(failure.trap(MseError))
    )
    bench.stranger("next", "8.8.8.8")
    bench.visit_all()
    assert problems == [MseError]
    assert bench.made == ["next"]


def test_hosts_have_their_turns() -> None:
    bench = Bench()
    for number in range(6):
        bench.stranger(f"greedy{number}", "8.8.8.8")
    bench.stranger("one", "8.8.4.4")
    bench.stranger("two", "2001:db8::1")
    bench.stranger("its neighbour", "2001:db8::2")
    bench.visit_all()
    assert bench.made == [
        "greedy0", "greedy1", "one", "two", "greedy2", "its neighbour", "greedy3", "greedy4",
        "greedy5",
    ]  # fmt: skip


def test_whom_we_dial_goes_first() -> None:
    bench = Bench()
    for number in range(10):
        bench.stranger(f"stranger{number}", f"8.8.8.{number}")
    bench.dials("ours")
    bench.visit()  # the first stranger, who came when nobody else was there
    bench.visit()
    assert bench.made == ["stranger0", "ours", "stranger1", "stranger2", "stranger3"]


def test_strangers_have_a_turn_however_many_we_dial() -> None:
    bench = Bench()
    for number in range(10):
        bench.dials(f"ours{number}")
    bench.stranger("stranger", "8.8.8.8")
    bench.visit()
    bench.visit()
    assert bench.made[-1] == "stranger"
    assert len(bench.made) == 1 + BATCH + 1


def test_the_line_of_strangers_ends_somewhere() -> None:
    bench = Bench(limit=3)
    for number in range(3):
        assert bench.work.has_room_for("8.8.8.8")
        bench.stranger(str(number), "8.8.8.8")
    assert not bench.work.has_room_for("8.8.8.8")
    bench.dials("ours")
    assert bench.work.in_line == 4
    bench.visit_all()
    assert bench.work.has_room_for("8.8.8.8")
    assert bench.work.in_line == 0


def test_who_comes_from_elsewhere_has_a_place_in_a_line_that_one_network_filled() -> None:
    bench, displaced = Bench(limit=12), list[str]()
    for number in range(12):
        host = f"2001:db8:{number}::1"  # a /48 each
        bench.work.exchange(THEIRS.public, host).addCallbacks(
            lambda _, at=host: bench.made.append(at),
            lambda failure, at=host: displaced.append(failure.trap(DisplacedError) and at),
        )
    assert not bench.work.has_room_for("2001:db8:99::1")
    for number in range(3):
        assert bench.work.has_room_for(f"8.8.{number}.8")
        bench.stranger(f"other{number}", f"8.8.{number}.8")
    assert displaced == ["2001:db8:11::1", "2001:db8:10::1", "2001:db8:9::1"]
    assert (bench.work.in_line, bench.work.refused) == (12, 3)
    bench.visit_all()
    assert [name for name in bench.made if name.startswith("other")] == [
        "other0", "other1", "other2",
    ]  # fmt: skip
    assert (len(bench.made), bench.work.in_line) == (12, 0)


def test_whose_keys_are_being_made_is_not_displaced() -> None:
    bench = Bench(limit=1)
    bench.stranger("first", "8.8.8.8")
    assert not bench.work.has_room_for("9.9.9.9")


def test_who_hangs_up_when_displaced_disturbs_nobody() -> None:
    bench, lost = Bench(limit=4), list[Any]()
    asked = [bench.work.exchange(THEIRS.public, f"8.8.8.{number}") for number in range(4)]
    asked[3].addErrback(lambda failure: lost.append(asked[2].cancel()))
    bench.stranger("other", "9.9.9.9")
    assert len(lost) == 1
    assert (bench.work.in_line, bench.work.strangers) == (3, 3)
    asked[2].addErrback(lambda failure: failure.trap(CancelledError))
    bench.visit_all()
    assert bench.made == ["other"]
    assert (bench.work.in_line, bench.work.strangers) == (0, 0)


@pytest.mark.parametrize("host", ["8.8.8.8", "127.0.0.1", "192.168.0.7", "::1"])
def test_strangers_have_a_share_of_one_core_and_no_more(host: str) -> None:
    """On a machine on which each takes twenty milliseconds; loopback is no exception."""
    bench = Bench(cost=0.02)
    for number in range(100):
        bench.stranger(str(number), host)
    bench.visit_all()
    at_once = len(bench.made)
    batch = BATCH * 0.02
    assert SAVED_SECONDS / 0.02 <= at_once <= (SAVED_SECONDS + batch) / 0.02
    for _ in range(200):
        bench.clock.advance(0.05)
        bench.visit_all()
    assert (len(bench.made) - at_once) * 0.02 == pytest.approx(10 * SHARE, abs=2 * batch)
    bench.dials("ours")
    bench.visit_all()
    assert bench.made[-1] == "ours", "that is no matter to whom we dial"


def test_who_hangs_up_leaves_the_line_and_nothing_is_made_for_him() -> None:
    bench = Bench(cost=0.02)
    asked = [bench.stranger(str(number), "8.8.8.8") for number in range(8)]
    for each in asked[2:]:
        each.cancel()
    asked[0].cancel()  # his are being made: that is not undone
    assert bench.work.in_line == 2
    bench.visit_all()
    assert bench.made == ["1"]
    assert bench.spent == pytest.approx(2 * 0.02)
    assert bench.work.in_line == 0
    assert bench.work.has_room_for("8.8.8.8")


def test_whom_we_dial_may_leave_too() -> None:
    bench, problems = Bench(), []
    bench.dials("first")
    second = bench.work.keys()
    second.addErrback(lambda failure: problems.append(failure.trap(CancelledError)))
    second.cancel()
    assert bench.work.in_line == 1
    bench.visit_all()
    assert problems == [CancelledError]
    assert bench.made == ["first"]


def test_without_a_thread_all_hear_of_it() -> None:
    bench, problems = Bench(), []
    for host in ("8.8.8.8", "8.8.4.4"):
        bench.work.exchange(THEIRS.public, host).addErrback(
            lambda failure: problems.append(failure.trap(RuntimeError))
        )
    for _ in range(2):
        bench.visits.pop(0)[0].errback(RuntimeError("it is gone"))
    assert problems == [RuntimeError] * 2
    assert bench.work.in_line == 0
    assert bench.work.has_room_for("8.8.8.8")


@pytest.mark.parametrize("raises", [False, True])
def test_a_thread_that_is_gone_at_once_is_no_trouble_for_a_long_line(raises: bool) -> None:
    bench, problems = Bench(), []

    def gone(work: Callable[..., Any], *args: Any) -> Deferred[Any]:
        if raises:
            raise RuntimeError("it is gone")
        return fail(RuntimeError("it is gone"))

    for _ in range(5000):
        bench.work.keys().addErrback(lambda failure: problems.append(failure.type))
    bench.work._elsewhere = gone
    bench.visits.pop(0)[0].errback(RuntimeError("it is gone"))
    assert problems == [RuntimeError] * 5000
    bench.stranger("stranger", "8.8.8.8")
    assert bench.work.in_line == 0
    assert bench.work.has_room_for("8.8.8.8")


def test_what_is_made_at_once_is_no_trouble_for_a_long_line() -> None:
    bench = Bench()
    for number in range(5000):
        bench.work.for_us(lambda: None).addCallback(lambda _, n=number: bench.made.append(n))
    bench.work._elsewhere = lambda work, *args: succeed(work(*args))
    bench.visit()
    assert sorted(bench.made) == list(range(5000))
    assert bench.work.in_line == 0


def test_a_share_of_what_is_spare_grows_no_faster_than_that() -> None:
    clock, spare = Clock(), 0.5
    share = CpuShare(clock, share=0.5, saved=1.0, spare=lambda: spare)
    share.spent(2.0)
    assert share.wait() == pytest.approx(4.0)
    clock.advance(2.0)
    assert share.wait() == pytest.approx(2.0)
    spare = 1.0
    assert share.wait() == pytest.approx(1.0)


def test_a_share_is_saved_for_a_while_and_debts_are_paid() -> None:
    clock = Clock()
    share = CpuShare(clock, share=0.5, saved=1.0)
    clock.advance(1000)
    assert share.wait() == 0
    share.spent(3.0)
    assert share.wait() == pytest.approx(4.0)
    clock.advance(3.0)
    assert share.wait() == pytest.approx(1.0)
    clock.advance(1.1)
    assert share.wait() == 0
    assert share.total == 3.0
