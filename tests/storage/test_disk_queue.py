"""The disk queue: results, failures, batches and stopping, with a stand-in for the reactor."""

from __future__ import annotations

import threading
from queue import Queue
from typing import Any, Callable

import pytest

from p2pd.storage.disk_queue import DiskQueue


class FakeReactor:
    """Collects what threads want to run, as the reactor's own queue does."""

    def __init__(self) -> None:
        self.calls: Queue[Callable[[], object]] = Queue()

    def callFromThread(self, callable: Callable[..., object], *args: Any) -> None:
        self.calls.put(lambda: callable(*args))

    def turn(self) -> None:
        self.calls.get(timeout=5)()


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
    queue.run("write", lambda: 1 / 0).addErrback(lambda f: failed.append(f.type))
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
    turns = reactor.calls.qsize()
    while not reactor.calls.empty():
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


def test_stopping_finishes_what_is_queued_and_refuses_more() -> None:
    reactor = FakeReactor()
    queue = DiskQueue(reactor, 1)
    done: list[int] = []
    for number in range(20):
        queue.run("write", done.append, number)
    queue.stop()
    assert done == list(range(20))
    refused: list[object] = []
    queue.run("read", lambda: None).addErrback(lambda f: refused.append(f.type))
    assert refused == [RuntimeError]


@pytest.mark.parametrize("threads", [1, 4])
def test_no_thread_is_left(threads: int) -> None:
    before = threading.active_count()
    queue = DiskQueue(FakeReactor(), threads)
    queue.run("read", lambda: None)
    queue.stop()
    assert threading.active_count() == before
