"""The disk queue: results, failures, batches and stopping, with a stand-in for the reactor."""

from __future__ import annotations

import errno
import os
import threading

import pytest

from p2pd.storage.disk_queue import LOOK_SECONDS, STORED_TOGETHER, STORING_NICENESS, DiskQueue
from tests.storage.fake_reactor import FakeReactor


def test_results_and_failures_come_back_in_the_reactors_thread() -> None:
    reactor = FakeReactor()
    queue = DiskQueue(reactor, 2)
    got: list[object] = []
    job_thread: list[object] = []
    queue.run("read", lambda: job_thread.append(threading.current_thread()) or 5).addCallback(
        got.append
    )
    while not got:
        reactor.turn()
    assert got == [5]
    assert job_thread != [threading.current_thread()]
    failed: list[object] = []
    queue.run("read", lambda: 1 / 0).addErrback(lambda f: failed.append(f.type))
    while not failed:
        reactor.turn()
    assert failed == [ZeroDivisionError]
    queue.stop()
    assert queue.pending == 0


def test_many_results_cost_one_turn() -> None:
    reactor = FakeReactor()
    queue = DiskQueue(reactor, 2)
    got: list[int] = []
    for number in range(200):
        queue.run("read", lambda n=number: n).addCallback(got.append)
    queue.stop()
    turns = reactor.from_threads.qsize()
    while not reactor.from_threads.empty():
        reactor.turn()
    assert sorted(got) == list(range(200))
    assert turns == 1, "nobody took the results meanwhile, so one call hands over all"


def test_a_long_check_does_not_delay_reads() -> None:
    reactor = FakeReactor()
    queue = DiskQueue(reactor, 1)
    release = threading.Event()
    order: list[str] = []
    queue.run("check", release.wait).addCallback(lambda _: order.append("check"))
    queue.run("read", lambda: None).addCallback(lambda _: order.append("read"))
    reactor.turn()
    assert order == ["read"]
    release.set()
    reactor.turn()
    assert order == ["read", "check"]
    queue.stop()


def test_storing_threads_let_the_others_go_first_and_reads_do_not_wait_for_them() -> None:
    reactor = FakeReactor()
    queue = DiskQueue(reactor, 1)

    def niceness() -> int:
        return os.getpriority(os.PRIO_PROCESS, threading.get_native_id())

    release = threading.Event()
    got: dict[str, int] = {}
    queue.run("store", lambda: release.wait() and niceness()).addCallback(
        lambda value: got.update(store=value)
    )
    reactor.advance(0)
    queue.run("read", niceness).addCallback(lambda value: got.update(read=value))
    reactor.turn()
    assert got == {"read": niceness()}
    release.set()
    queue.stop()
    reactor.turn()
    assert got["store"] == min(niceness() + STORING_NICENESS, 19)


def test_each_storing_thread_has_a_core_of_its_own() -> None:
    usable = os.sched_getaffinity(0)
    reactor = FakeReactor()
    queue = DiskQueue(reactor, 2)
    together = threading.Barrier(min(2, len(usable)), timeout=5)
    got: list[set[int]] = []

    def cores() -> set[int]:
        together.wait()
        return os.sched_getaffinity(0)

    for number in range(STORED_TOGETHER * (together.parties - 1) + 1):
        job = cores if number % STORED_TOGETHER == 0 else set
        queue.run("store", job).addCallback(lambda found: got.append(found) if found else None)
    reactor.advance(0)
    queue.stop()
    reactor.turn()
    assert [len(found) for found in got] == [1] * together.parties
    assert len(set.union(*got)) == together.parties
    assert os.sched_getaffinity(0) == usable, "the reactor's thread may run anywhere"


def test_storing_goes_on_where_threads_may_not_give_way(monkeypatch: pytest.MonkeyPatch) -> None:
    """Under a seccomp filter: the system calls are refused."""

    def refused(*arguments: object) -> None:
        raise PermissionError(errno.EPERM, "Operation not permitted")

    monkeypatch.setattr(os, "nice", refused)
    monkeypatch.setattr(os, "sched_setaffinity", refused)
    reactor = FakeReactor()
    queue = DiskQueue(reactor, 1)
    got: list[str] = []
    queue.run("store", lambda: "stored").addCallback(got.append)
    reactor.advance(0)
    queue.stop()
    reactor.turn()
    assert got == ["stored"]


def test_stopping_finishes_what_is_queued_and_refuses_more() -> None:
    reactor = FakeReactor()
    queue = DiskQueue(reactor, 1)
    done: list[int] = []
    for number in range(20):
        queue.run("store", done.append, number)
    queue.stop()
    assert done == list(range(20))
    refused: list[object] = []
    queue.run("read", lambda: None).addErrback(lambda f: refused.append(f.type))
    assert refused == [RuntimeError]


def test_stored_pieces_are_looked_for_and_wake_nobody() -> None:
    reactor = FakeReactor()
    queue = DiskQueue(reactor, 1)
    got: list[int] = []
    for number in range(50):
        queue.run("store", lambda n=number: n).addCallback(got.append)
    reactor.advance(0)
    queue.stop()
    assert reactor.from_threads.qsize() == 1, "nobody looks any more once it is stopped"
    reactor.turn()
    assert got == [*range(50)]


def test_a_result_that_wakes_the_reactor_brings_the_others_along() -> None:
    reactor = FakeReactor()
    queue = DiskQueue(reactor, 1)
    got: list[str] = []
    queue.run("store", lambda: "store").addCallback(got.append)
    reactor.advance(0)
    queue.run("write", lambda: "write").addCallback(got.append)
    queue.stop()
    reactor.turn()
    assert sorted(got) == ["store", "write"]
    assert reactor.from_threads.empty()


@pytest.mark.skipif(len(os.sched_getaffinity(0)) < 2, reason="as many threads as cores store")
def test_what_is_stored_in_a_turn_is_shared_among_the_threads() -> None:
    reactor = FakeReactor()
    queue = DiskQueue(reactor, 2)
    both = threading.Barrier(2, timeout=5)
    got: list[object] = []
    for number in range(2 * STORED_TOGETHER):
        first = number % STORED_TOGETHER == 0
        queue.run("store", both.wait if first else bool).addCallback(got.append)
    reactor.advance(0)
    queue.stop()
    reactor.turn()
    assert len(got) == 2 * STORED_TOGETHER
    assert not both.broken, "two threads were at it at the same time"


def test_storing_slower_than_the_look_wakes_the_reactor() -> None:
    reactor = FakeReactor()
    queue = DiskQueue(reactor, 1)
    release = threading.Event()
    got: list[object] = []
    queue.run("store", release.wait).addCallback(got.append)
    reactor.advance(0)
    reactor.advance(LOOK_SECONDS)
    assert not got
    assert not reactor.getDelayedCalls(), "a hung disk is not polled"
    release.set()
    reactor.turn()
    assert got == [True]
    queue.stop()


def test_looking_goes_on_while_results_come_and_ends_with_the_last() -> None:
    reactor = FakeReactor()
    queue = DiskQueue(reactor, 2)
    release = threading.Event()
    got: list[object] = []
    queue.run("store", bool).addCallback(got.append)
    reactor.advance(0)
    queue.run("store", release.wait).addCallback(got.append)
    reactor.advance(0)

    def until(count: int) -> None:
        while len(got) < count:
            if reactor.getDelayedCalls():
                reactor.advance(LOOK_SECONDS)
            else:
                reactor.turn()

    until(1)
    assert got == [False]
    release.set()
    until(2)
    reactor.advance(LOOK_SECONDS)
    assert not reactor.getDelayedCalls()
    queue.stop()


@pytest.mark.parametrize("threads", [1, 4])
def test_no_thread_is_left(threads: int) -> None:
    before = threading.active_count()
    queue = DiskQueue(FakeReactor(), threads)
    queue.run("read", lambda: None)
    queue.stop()
    assert threading.active_count() == before
