"""Answers wait for the database: for the jobs of their call, and for no others."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Awaitable, Callable

import pytest
from twisted.internet import task
from twisted.internet.defer import Deferred
from twisted.internet.testing import MemoryReactorClock
from twisted.logger import globalLogPublisher

from p2pd.base.errors import StateError
from p2pd.state.answering import LOOK_SECONDS, Answering
from tests.state.database_tests import DatabaseTestCase
from tests.state.fake_jobs import FakeJobs


class World:
    """Calls over a database that does nothing by itself."""

    def __init__(self) -> None:
        self.clock = task.Clock()
        self.jobs = FakeJobs()
        self.answering = Answering(self.jobs, self.clock)

    def call(self, work: Callable[[], Awaitable[str]]) -> Deferred[str]:
        return Deferred.fromCoroutine(self.answering.answer(work))

    def asking(self, *, for_themselves: bool = False) -> Deferred[str]:
        """A call that hands in one job, and waits for it itself or not."""

        async def work() -> str:
            job = self.jobs.hand_in()
            if for_themselves:
                await job
            return "done"

        return self.call(work)


@pytest.fixture
def world() -> World:
    return World()


def outcome(answer: Deferred[str]) -> str:
    """What was answered, or the sentence of the error."""
    found: list[str] = []
    answer.addCallbacks(found.append, lambda failure: found.append(failure.getErrorMessage()))
    assert len(found) == 1, "there is no answer yet"
    return found[0]


async def nothing() -> str:
    return "done"


def test_what_nobody_waited_for_is_waited_for_by_the_answer(world: World) -> None:
    answer = world.asking()
    assert not answer.called
    world.jobs.do_next()
    assert outcome(answer) == "done"


def test_who_waited_himself_waits_no_longer(world: World) -> None:
    answer, other = world.asking(for_themselves=True), world.asking()
    world.jobs.do_next()
    assert outcome(answer) == "done"
    assert not other.called


def test_a_call_that_changed_nothing_waits_for_what_was_there_before_it(world: World) -> None:
    """The same was asked for a moment ago, and is not kept yet."""
    world.asking()
    same = world.call(nothing)
    world.asking()
    assert not same.called
    world.jobs.do_next()
    assert outcome(same) == "done"


def test_where_nothing_waits_the_answer_comes_at_once(world: World) -> None:
    assert outcome(world.call(nothing)) == "done"
    assert not world.clock.getDelayedCalls()


def test_what_is_begun_for_a_call_belongs_to_it_also_after_it_waited(world: World) -> None:
    disk: Deferred[None] = Deferred()

    async def in_the_background() -> None:
        await disk
        world.jobs.hand_in()

    async def work() -> str:
        background = Deferred.fromCoroutine(in_the_background())
        disk.callback(None)
        await background
        return "done"

    answer = world.call(work)
    assert not answer.called
    world.jobs.do_next()
    assert outcome(answer) == "done"


def test_what_comes_after_the_answer_is_nobodys(world: World) -> None:
    disk: Deferred[None] = Deferred()

    async def in_the_background() -> None:
        await disk
        await world.jobs.hand_in()

    async def work() -> str:
        Deferred.fromCoroutine(in_the_background()).addErrback(lambda failure: None)
        return "done"

    assert outcome(world.call(work)) == "done"
    disk.callback(None)
    world.jobs.do_next(refused="the disk is full")
    assert outcome(world.call(nothing)) == "done"


def test_what_the_database_refused_is_told_though_nobody_waited_for_it(world: World) -> None:
    answer, other = world.asking(), world.asking()
    world.jobs.do_next(refused="the disk is full")
    assert outcome(answer) == "it is done, but not kept: the disk is full"
    world.jobs.do_next()
    assert outcome(other) == "done"


def test_an_error_is_not_held_up(world: World) -> None:
    async def work() -> str:
        world.jobs.hand_in()
        raise StateError("there is no such thing")

    assert outcome(world.call(work)) == "there is no such thing"
    assert not world.clock.getDelayedCalls()


def test_a_database_that_does_not_answer_holds_up_nobody_for_long(world: World) -> None:
    answers = [world.asking(), world.asking(for_themselves=True), world.call(nothing)]
    world.clock.pump([LOOK_SECONDS] * 2)
    assert {outcome(answer) for answer in answers} == {
        "the state database does not answer, so it is not known whether this is kept"
    }
    assert not world.clock.getDelayedCalls()
    world.jobs.do_next()
    world.jobs.do_next()


def test_one_that_gets_on_is_waited_for(world: World) -> None:
    before, answer = [world.asking() for _ in range(10)], world.asking()
    for _ in before:
        world.clock.advance(LOOK_SECONDS)
        world.jobs.do_next()
    assert not answer.called
    world.jobs.do_next()
    assert outcome(answer) == "done"
    assert not world.clock.getDelayedCalls()


def test_who_waits_for_something_else_is_not_given_up(world: World) -> None:
    server: Deferred[str] = Deferred()

    async def work() -> str:
        await world.jobs.hand_in()
        return await server

    answer = world.call(work)
    world.jobs.do_next()
    world.clock.pump([LOOK_SECONDS] * 10)
    server.callback("done")
    assert outcome(answer) == "done"


def test_what_is_given_up_goes_on_and_a_fault_of_it_is_in_the_log(world: World) -> None:
    async def work() -> str:
        await world.jobs.hand_in()
        raise ValueError("nobody thought of that")

    answer, logged = world.call(work), list[str]()
    world.clock.pump([LOOK_SECONDS] * 2)
    assert outcome(answer).startswith("the state database does not answer")

    def observe(event: dict[str, object]) -> None:
        logged.append(str(event.get("log_failure")))

    globalLogPublisher.addObserver(observe)
    try:
        world.jobs.do_next()
    finally:
        globalLogPublisher.removeObserver(observe)
    assert ["nobody thought of that" in each for each in logged] == [True]


class DatabaseTests(DatabaseTestCase):
    """The real one is what answers wait for."""

    def setUp(self) -> None:
        super().setUp()
        self.held = threading.Event()
        self.addCleanup(self.held.set)
        self.answering = Answering(self.database, MemoryReactorClock())

    def hold(self) -> None:
        """The database does nothing before `held` is set."""
        self.database.run(lambda cursor: self.held.wait(60))

    async def set_aside(self, sql: str) -> str:
        """A call that has something written, and does not wait for it."""
        self.database.run(lambda cursor: cursor.execute(sql)).addErrback(lambda failure: None)
        return "done"

    async def test_an_answer_is_there_when_the_change_is_in_the_file(self) -> None:
        self.hold()
        sql = "INSERT INTO settings VALUES ('a', '1')"
        answer = Deferred.fromCoroutine(self.answering.answer(lambda: self.set_aside(sql)))
        assert not answer.called
        assert self.database.handed_in == 2
        self.held.set()
        assert await answer == "done"
        assert self.database.through == 2
        with sqlite3.connect(self.database.path) as other:
            assert other.execute("SELECT * FROM settings").fetchall() == [("a", "1")]
        other.close()

    async def test_a_refusal_is_told_to_the_call_that_it_is_of(self) -> None:
        self.hold()
        wrong = "INSERT INTO settings VALUES (NULL, NULL, NULL)"
        right = "INSERT INTO settings VALUES ('a', '1')"
        answers = [
            Deferred.fromCoroutine(self.answering.answer(lambda sql=sql: self.set_aside(sql)))  # type: ignore[misc]
            for sql in (right, wrong, right.replace("a", "b"))
        ]
        self.held.set()
        assert await answers[0] == "done"
        with pytest.raises(StateError, match=r"it is done, but not kept: .* refused: "):
            await answers[1]
        assert await answers[2] == "done"
