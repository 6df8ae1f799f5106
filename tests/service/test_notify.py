"""What systemd hears: states, and a heartbeat that is the reactor's own."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest
from twisted.internet.task import Clock

from p2pd.service.notify import ServiceManager


class Listener:
    """A service manager that listens at a socket."""

    def __init__(self, path: Path) -> None:
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.bind(str(path))
        self._socket.setblocking(False)
        self.clock = Clock()
        self.environment = {"NOTIFY_SOCKET": str(path)}

    def manager(self, **environment: str) -> ServiceManager:
        return ServiceManager(
            self.clock, {**self.environment, **environment}, monotonic_ns=lambda: 1_234_567_890
        )

    def heard(self) -> list[list[str]]:
        messages = []
        while True:
            try:
                messages.append(self._socket.recv(4096).decode().split("\n"))
            except BlockingIOError:
                return messages

    def close(self) -> None:
        self._socket.close()


@pytest.fixture
def listener(tmp_path: Path) -> Iterator[Listener]:
    made = Listener(tmp_path / "notify")
    yield made
    made.close()


def test_a_life(listener: Listener) -> None:
    manager = listener.manager()
    manager.starting("session")
    manager.ready("peers at port 6881; a line\nthat is two")
    manager.reloading()
    manager.stopping()
    manager.stopped()
    said = listener.heard()
    assert said[0] == ["STATUS=starting: session"]
    assert said[1] == ["READY=1", "STATUS=peers at port 6881; a line that is two"]
    assert said[2][:2] == ["RELOADING=1", "MONOTONIC_USEC=1234567"]
    assert said[3][0] == "STOPPING=1"
    assert said[4] == ["STATUS=stopped"]
    assert not listener.clock.getDelayedCalls()


def test_the_heartbeat_comes_twice_in_the_time_that_is_allowed(listener: Listener) -> None:
    manager = listener.manager(WATCHDOG_USEC="30000000", WATCHDOG_PID=str(os.getpid()))
    manager.starting("session")
    manager.starting("control API")
    assert [m for m in listener.heard() if m == ["WATCHDOG=1"]] == [["WATCHDOG=1"]]
    listener.clock.advance(14.9)
    assert not listener.heard()
    listener.clock.advance(0.1)
    assert listener.heard() == [["WATCHDOG=1"]]
    listener.clock.advance(15)
    assert listener.heard() == [["WATCHDOG=1"]]
    manager.stopped()
    assert not listener.clock.getDelayedCalls()


@pytest.mark.parametrize(
    "environment",
    [
        {"WATCHDOG_USEC": "30000000", "WATCHDOG_PID": "1"},
        {"WATCHDOG_USEC": "0"},
        {"WATCHDOG_USEC": "soon"},
        {},
    ],
)
def test_no_heartbeat_that_was_not_asked_of_us(
    environment: dict[str, str], listener: Listener
) -> None:
    listener.manager(**environment).starting("session")
    assert listener.heard() == [["STATUS=starting: session"]]
    assert not listener.clock.getDelayedCalls()


@pytest.mark.parametrize("name", ["", "relative", "@p2pd-nobody-listens-here", "/nowhere/notify"])
def test_no_service_manager_is_no_error(name: str) -> None:
    manager = ServiceManager(Clock(), {"NOTIFY_SOCKET": name})
    manager.ready("up")
    manager.stopped()


def test_the_heartbeat_goes_out_when_no_descriptor_is_left(
    listener: Listener, monkeypatch: pytest.MonkeyPatch
) -> None:
    manager = listener.manager(WATCHDOG_USEC="2000000")
    manager.starting("session")
    listener.heard()

    def no_more(*_: object) -> None:
        raise OSError(24, "Too many open files")

    monkeypatch.setattr(socket, "socket", no_more)
    listener.clock.advance(1)
    monkeypatch.undo()
    assert listener.heard() == [["WATCHDOG=1"]]
    manager.stopped()
