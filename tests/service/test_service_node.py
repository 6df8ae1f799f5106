"""The node: the order of its parts, and that it ends in time whatever they do."""

from __future__ import annotations

from typing import Any

import pytest
from twisted.application.service import Application
from twisted.internet.defer import Deferred, fail, succeed
from twisted.internet.task import Clock
from twisted.logger import ILogObserver, LogLevel, capturedLogs, formatEvent
from twisted.python.failure import Failure
from zope.interface import implementer

from p2pd.base.errors import ConfigError, P2pdError, StateError
from p2pd.service.node import STOP_SECONDS, Node


class Part:
    """Writes down what it is asked; answers are handed in."""

    def __init__(self, name: str, diary: list[str], **answers: Any) -> None:
        self.name = name
        self._diary = diary
        self._answers = answers

    def prepare(self) -> None:
        self._diary.append(f"prepare {self.name}")
        if "prepare" in self._answers:
            raise self._answers["prepare"]

    def describe(self) -> str:
        return self._answers.get("describe", "")

    async def start(self) -> None:
        self._diary.append(f"start {self.name}")
        await self._answers.get("start", succeed(None))

    def reconfigure(self, config: Any, changed: Any) -> dict[tuple[str, str], str]:
        return {}

    async def stop(self) -> None:
        self._diary.append(f"stop {self.name}")
        await self._answers.get("stop", succeed(None))


class World:
    def __init__(self) -> None:
        self.clock = Clock()
        self.diary: list[str] = []

    def node(self, **parts: dict[str, Any]) -> Node:
        return Node(
            [Part(name, self.diary, **answers) for name, answers in parts.items()],
            self.clock,
            ready=lambda lines: self.diary.append(f"ready {lines}".strip()),
            failed=lambda sentence: self.diary.append(f"failed: {sentence}"),
            stopping=lambda: self.diary.append("stopping"),
        )


@pytest.fixture
def world() -> World:
    return World()


def test_parts_start_in_order_and_stop_the_other_way_round(world: World) -> None:
    node = world.node(a={}, b={})
    node.prepare()
    node.startService()
    assert world.diary == ["prepare a", "prepare b", "start a", "start b", "ready"]
    world.diary.clear()
    assert isinstance(node.stopService(), Deferred)
    assert world.diary == ["stopping", "stop b", "stop a"]
    assert not node.running


def test_a_part_waits_for_the_one_before(world: World) -> None:
    opened: Deferred[None] = Deferred()
    node = world.node(a={"start": opened}, b={})
    node.startService()
    assert world.diary == ["start a"]
    opened.callback(None)
    assert world.diary == ["start a", "start b", "ready"]


def test_a_part_that_cannot_prepare_lets_go_of_all(world: World) -> None:
    node = world.node(a={}, b={"prepare": ConfigError("taken")}, c={})
    with pytest.raises(P2pdError, match="taken"):
        node.prepare()
    assert world.diary == ["prepare a", "prepare b", "stop c", "stop b", "stop a"]


def test_a_part_that_cannot_start_is_said_and_ends_the_start(world: World) -> None:
    node = world.node(a={"start": fail(StateError("state.db: broken"))}, b={})
    node.startService()
    assert world.diary == ["start a", "failed: state.db: broken"]


def test_stopping_while_starting_ends_the_start(world: World) -> None:
    ended: list[str] = []
    node = world.node(a={"start": Deferred(lambda _: ended.append("cancelled"))}, b={})
    node.startService()
    node.stopService()
    assert ended == ["cancelled"]
    assert world.diary == ["start a", "stopping", "stop b", "stop a"]


def test_parts_that_hang_are_left_behind_in_time(world: World) -> None:
    node = world.node(a={}, b={"stop": Deferred()}, c={"stop": Deferred()})
    node.startService()
    done: list[object] = []
    node.stopService().addCallback(done.append)
    world.clock.pump([0.1] * int(STOP_SECONDS * 10 - 10))
    assert not done
    world.clock.pump([0.1] * 10)
    assert done == [None]
    assert world.diary[-3:] == ["stop c", "stop b", "stop a"]
    assert not world.clock.getDelayedCalls()


def test_a_part_that_fails_to_stop_does_not_keep_the_others(world: World) -> None:
    node = world.node(a={}, b={"stop": fail(OSError("no"))})
    node.startService()
    done: list[object] = []
    node.stopService().addCallback(done.append)
    assert done == [None]
    assert world.diary[-2:] == ["stop b", "stop a"]


def test_what_a_part_says_of_its_stop_is_a_line_and_no_traceback(world: World) -> None:
    node = world.node(a={"stop": fail(StateError("state.db refused: disk I/O error"))})
    node.startService()
    with capturedLogs() as events:
        node.stopService()
    (event,) = [event for event in events if event["log_level"] is LogLevel.error]
    assert formatEvent(event) == "a did not stop cleanly: state.db refused: disk I/O error"
    assert "log_failure" not in event


@implementer(ILogObserver)
class Observer:
    def __call__(self, event: Any) -> None: ...


def test_the_application_writes_its_log_our_way() -> None:
    observer = Observer()
    application = Application("p2pd")
    Node([], Clock(), observer=observer).setServiceParent(application)
    assert ILogObserver(application) is observer


def test_a_failure_outside_the_plan_is_said_too(world: World) -> None:
    node = world.node(a={"start": fail(Failure(ZeroDivisionError("oops")))})
    node.startService()
    assert world.diary == ["start a", "failed: oops"]
