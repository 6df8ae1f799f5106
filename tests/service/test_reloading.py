"""Reading the configuration again: what is taken over, what waits, what is refused."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from pathlib import Path
from typing import Any

import pytest
from twisted.internet.defer import Deferred, fail, succeed
from twisted.logger import globalLogPublisher

from p2pd.base.errors import ConfigError
from p2pd.service.config import Config, config_of
from p2pd.service.reloading import Reloading

OPERATIONS = Path(__file__).resolve().parents[2] / "docs" / "operations.rst"


class Part:
    """Takes over some keys."""

    def __init__(self, *live: tuple[str, str]) -> None:
        self.live = live
        self.remark = ""
        self.config = Config()

    def reconfigure(
        self, config: Config, changed: Collection[tuple[str, str]]
    ) -> dict[tuple[str, str], str]:
        if config.peers.port == 666:
            raise ConfigError("peers.port: not that one")
        self.config = config
        return {key: self.remark for key in self.live if key in changed}


class Manager:
    """What systemd hears."""

    def __init__(self) -> None:
        self.heard: list[str] = []

    def reloading(self) -> None:
        self.heard.append("reloading")

    def ready(self, status: str) -> None:
        self.heard.append(status)


class World:
    """What a reload reads, and what is heard of it."""

    def __init__(self) -> None:
        self.found: Deferred[Config] = succeed(Config())
        self.log: list[str] = []
        self.manager = Manager()
        self.part = Part(("peers", "max_connections"))
        self.reloading = Reloading(
            Config(), Config, [self.part], self.manager, lambda read: self.found
        )

    def reload(self, **values: Any) -> None:
        """Find this in the file: ``section__key=value``."""
        keys = {tuple(name.split("__")): value for name, value in values.items()}
        self.found = succeed(config_of(keys))  # type: ignore[arg-type]
        self.reloading.again()

    def observe(self, event: Any) -> None:
        if event["log_namespace"].endswith("Reloading"):
            self.log.append(f"{event['log_level'].name}: {event['log_format'].format(**event)}")


@pytest.fixture
def world() -> Iterator[World]:
    made = World()
    globalLogPublisher.addObserver(made.observe)
    yield made
    globalLogPublisher.removeObserver(made.observe)


def test_what_changed_is_said_with_both_values(world: World) -> None:
    world.reloading.begin()
    world.reload(peers__max_connections=40, control__port=9092)
    assert world.part.config.peers.max_connections == 40
    assert world.log == [
        "info: peers.max_connections: from 500 to 40",
        "warn: control.port: from 9091 to 9092 at the next start; it cannot change before",
    ]
    assert world.manager.heard == [
        "reloading", "running; configuration read again: 1 changed, 1 at the next start",
    ]  # fmt: skip


def test_what_waits_for_the_next_start_is_said_again(world: World) -> None:
    world.reloading.begin()
    world.reload(control__port=9092)
    world.reload(control__port=9092, peers__max_connections=40)
    world.reload(peers__max_connections=40)
    assert [line.split(":")[1].strip() for line in world.log] == [
        "control.port", "peers.max_connections", "control.port", "configuration read again",
    ]  # fmt: skip
    assert world.log[-1] == "info: configuration read again: nothing changed"


def test_a_remark_is_said_too(world: World) -> None:
    world.part.remark = "but clients set it"
    world.reloading.begin()
    world.reload(peers__max_connections=40)
    assert world.log == ["info: peers.max_connections: from 500 to 40; but clients set it"]


@pytest.mark.parametrize("by_the_file", [True, False])
def test_a_bad_configuration_is_refused_whole(world: World, by_the_file: bool) -> None:
    world.reloading.begin()
    if by_the_file:
        world.found = fail(ConfigError("/etc/p2pd.toml: peers.port: not that one"))
        world.reloading.again()
    else:
        world.reload(peers__max_connections=40, peers__port=666)
    assert world.part.config == world.reloading.running == Config()
    assert len(world.log) == 1
    assert world.log[0].startswith("error: configuration refused, nothing changed: ")
    assert world.log[0].endswith("peers.port: not that one")
    assert world.manager.heard[0] == "reloading"
    assert world.manager.heard[1].startswith("running; configuration refused: ")


def test_the_service_manager_is_answered_whatever_happens(world: World) -> None:
    world.reloading.begin()
    world.found = fail(ZeroDivisionError("oops"))
    world.reloading.again()
    assert world.manager.heard[-1].startswith("running; the configuration could not be read again")


def test_one_reading_at_a_time_and_no_signal_lost(world: World) -> None:
    slow: Deferred[Config] = Deferred()
    world.reloading.again()
    assert not world.manager.heard  # it has not started yet
    world.found = slow
    world.reloading.begin()
    world.reload(peers__max_connections=40)
    assert world.manager.heard == ["reloading"]
    slow.callback(config_of({("peers", "max_connections"): 30}))
    assert world.log == [
        "info: peers.max_connections: from 500 to 30",
        "info: peers.max_connections: from 30 to 40",
    ]


def test_nothing_is_changed_while_it_stops(world: World) -> None:
    slow: Deferred[Config] = Deferred()
    world.reloading.begin()
    world.found = slow
    world.reloading.again()
    world.reloading.end()
    slow.callback(config_of({("peers", "max_connections"): 30}))
    world.reload(peers__max_connections=40)
    assert world.part.config == Config()
    assert world.manager.heard == ["reloading"]
