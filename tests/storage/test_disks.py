"""Threads by device: one that hangs holds up no other; questions about folders; stopping."""

from __future__ import annotations

import threading
import time
from typing import Callable, Iterator

import pytest

from p2pd.base.errors import StorageError
from p2pd.storage import disks as room
from p2pd.storage.disks import Disks
from tests.storage.fake_reactor import FakeReactor

PATIENCE = 10.0


@pytest.fixture
def reactor() -> FakeReactor:
    return FakeReactor()


@pytest.fixture
def dead(reactor: FakeReactor) -> Iterator[threading.Event]:
    """What jobs of a dead disk wait for; set in the end, so that no thread is left."""
    event = threading.Event()
    yield event
    event.set()


def turn_until(reactor: FakeReactor, done: Callable[[], object]) -> None:
    while not done():
        reactor.turn()


def test_a_disk_that_hangs_holds_up_no_other(reactor: FakeReactor, dead: threading.Event) -> None:
    disks = Disks(reactor, threads=1)
    for kind in ("read", "write", "store"):
        for _ in range(3):
            disks.on(1).run(kind, dead.wait, PATIENCE)
    reactor.advance(0)
    done: list[str] = []
    for kind in ("read", "write", "store"):
        disks.on(2).run(kind, lambda kind=kind: done.append(kind))
    reactor.advance(0)
    disks.aside.run("read", lambda: done.append("aside"))
    deadline = time.monotonic() + PATIENCE
    while len(done) < 4 and time.monotonic() < deadline:
        reactor.turn() if not reactor.from_threads.empty() else reactor.advance(0.01)
    assert sorted(done) == ["aside", "read", "store", "write"]
    dead.set()
    disks.stop()


def test_a_device_has_one_queue_and_there_is_a_bound(
    reactor: FakeReactor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(room, "DEVICES", 3)
    disks = Disks(reactor)
    queues = {device: disks.on(device) for device in range(10)}
    assert len({id(queue) for queue in queues.values()}) == 3
    assert all(disks.on(device) is queue for device, queue in queues.items())
    assert disks.aside not in queues.values()


def test_who_asks_the_same_question_gets_the_same_answer(
    reactor: FakeReactor, dead: threading.Event
) -> None:
    disks = Disks(reactor)
    asked: list[int] = []

    def look() -> int:
        asked.append(1)
        dead.wait(PATIENCE)
        return 7

    answers: list[int] = []
    for _ in range(100):
        disks.ask("a folder", look).addCallback(answers.append)
    disks.ask("another", lambda: 8).addCallback(answers.append)
    turn_until(reactor, lambda: answers)
    assert answers == [8], "a folder that does not answer holds up no other"
    dead.set()
    turn_until(reactor, lambda: len(answers) == 101)
    assert (answers[1:], len(asked)) == ([7] * 100, 1)
    disks.ask("a folder", look).addCallback(answers.append)
    turn_until(reactor, lambda: len(answers) == 102)
    assert len(asked) == 2, "an answer is not kept"


def test_what_a_question_raises_everybody_hears(reactor: FakeReactor) -> None:
    disks = Disks(reactor)
    failures: list[str] = []

    def look() -> int:
        raise StorageError("the folder cannot be looked at")

    for _ in range(2):
        disks.ask("a folder", look).addErrback(lambda f: failures.append(f.getErrorMessage()))
    turn_until(reactor, lambda: len(failures) >= 1)
    while len(failures) < 2:
        reactor.turn()
    assert failures == ["the folder cannot be looked at"] * 2


def test_questions_without_an_answer_are_bounded_and_refused_in_words(
    reactor: FakeReactor, dead: threading.Event, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(room, "QUESTIONS", 3)
    disks = Disks(reactor)
    for number in range(3):
        disks.ask(number, lambda: dead.wait(PATIENCE))
    refused: list[str] = []
    disks.ask(4, lambda: 1).addErrback(lambda f: refused.append(f.getErrorMessage()))
    assert refused == ["3 folders on disks do not answer"]
    dead.set()
    for _ in range(3):
        reactor.turn()
    answers: list[int] = []
    disks.ask(4, lambda: 1).addCallback(answers.append)
    turn_until(reactor, lambda: answers)
    assert answers == [1]


def test_stopping_waits_for_all_dead_disks_together(
    reactor: FakeReactor, dead: threading.Event
) -> None:
    disks = Disks(reactor)
    begun = threading.Semaphore(0)

    def hang() -> None:
        begun.release()
        dead.wait(PATIENCE)

    for device in range(5):
        disks.on(device).run("read", hang)
    for _ in range(5):
        assert begun.acquire(timeout=PATIENCE)
    joined: list[float] = []
    real_join = threading.Thread.join

    def note_join(thread: threading.Thread, timeout: float | None = None) -> None:
        assert timeout is not None
        joined.append(timeout)
        real_join(thread, min(timeout, 0.001))

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(threading.Thread, "join", note_join)
        disks.stop(patience=1.0)
    assert joined
    assert all(0.0 <= timeout <= 1.0 for timeout in joined)
    assert joined == sorted(joined, reverse=True), "one deadline for all"
    refused: list[str] = []
    disks.on(0).run("read", hang).addErrback(lambda f: refused.append(f.getErrorMessage()))
    assert refused == ["the disk queue is stopped"]
