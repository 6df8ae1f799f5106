"""p2pctl events, against a daemon that is a WebSocket in memory."""

from __future__ import annotations

import json
from typing import Any

import pytest
from wsproto import ConnectionType, WSConnection
from wsproto.events import (
    AcceptConnection,
    CloseConnection,
    Message,
    Ping,
    Pong,
    RejectConnection,
    RejectData,
    Request,
)

from p2pd.clients.api_client import CannotConnectError, HttpTransport

DONE = {
    "kind": "done", "id": 3, "hash_string": "ab" * 20, "name": "a\x1b[31mfilm", "at": 1.7e9,
    "detail": {"downloaded": True},
}  # fmt: skip


class Daemon:
    """A socket, and what is at its other end: `script` is what it does in each connection."""

    host = "daemon.test:9091"
    path = "/rpc"

    def __init__(self, *script: list[Any]) -> None:
        self.script = list(script)
        self.asked: list[dict[str, Any]] = []
        self.tokens: list[Any] = []
        self.paths: list[str] = []
        self.pongs = 0

    def connect(self, timeout: float) -> Daemon:
        if not self.script:
            raise CannotConnectError("cannot reach the daemon")
        self.wire = WSConnection(ConnectionType.SERVER)
        self.acts = self.script.pop(0)
        self.out = b""
        return self

    def broken(self, error: Exception) -> CannotConnectError:
        return CannotConnectError(f"broken: {error}")

    def close(self) -> None:
        """Nothing is kept."""

    def sendall(self, data: bytes) -> None:
        self.wire.receive_data(data)
        for event in self.wire.events():
            if isinstance(event, Request):
                self.tokens.append(dict(event.extra_headers).get(b"authorization"))
                self.paths.append(event.target)
                refused = self.acts and isinstance(self.acts[0], RejectConnection)
                if not refused:
                    self.out += self.wire.send(AcceptConnection())
            elif isinstance(event, Pong):
                self.pongs += 1
            elif isinstance(event, Message):
                call = json.loads(event.data)
                self.asked.append(call["params"])
                answer = {"jsonrpc": "2.0", "id": call["id"], "result": {"subscription": 1}}
                self.out += self.wire.send(Message(json.dumps(answer)))

    def recv(self, most: int) -> bytes:
        if not self.out and self.acts:
            act = self.acts.pop(0)
            if isinstance(act, BaseException):
                raise act
            if isinstance(act, dict):
                act = Message(json.dumps(act))
            self.out += act if isinstance(act, bytes) else self.wire.send(act)
        data, self.out = self.out[:7], self.out[7:]
        return data


def told(method: str = "events_changed", **params: Any) -> dict[str, Any]:
    """A notification."""
    return {"jsonrpc": "2.0", "method": method, "params": {"subscription": 1, **params}}


@pytest.fixture
def following(p2pctl: Any, invocation: Any) -> Any:
    """Runs `p2pctl events` against a daemon with such a script."""

    def run(daemon: Daemon, *arguments: str) -> Any:
        invocation.door = lambda url: daemon
        return p2pctl("events", *arguments)

    return run


def test_a_line_an_event(following: Any) -> None:
    moved = {**DONE, "kind": "moved", "detail": {"from": "/a", "to": "/b"}}
    daemon = Daemon([Ping(b"x"), told(events=[DONE, moved], cursor="c")])
    result = following(daemon, "--count", "2")
    assert result.exit_code == 0, result.output
    first, second = result.output.splitlines()
    assert "done" in first
    assert "3 a" in first
    assert "(downloaded yes)" in first
    assert "\x1b" not in first
    assert "(from /a, to /b)" in second
    assert daemon.pongs == 1
    assert daemon.paths == ["/rpc/events"]
    assert "done" in daemon.asked[0]["kinds"]
    assert "fields" not in daemon.asked[0]


def test_json_is_the_event_as_it_came(following: Any) -> None:
    result = following(Daemon([told(events=[DONE], cursor="c")]), "--json", "--count", "1")
    assert json.loads(result.output) == DONE


def test_what_is_wanted_is_asked_for(following: Any) -> None:
    daemon = Daemon([told(events=[DONE], cursor="c")])
    following(daemon, "--kind", "done", "--label", "tv", "--fields", "status, eta", "--count", "1")
    assert daemon.asked == [{"kinds": ["done"], "label": "tv", "fields": ["name", "status", "eta"]}]


def test_changes_of_fields_are_told_when_they_are_asked_for(following: Any) -> None:
    row = {"id": 3, "name": "film", "labels": ["x", "y"], "percent_done": 0.5}
    script = [told("events_resync", reason="new", torrents=[row], cursor="c"), told(events=[DONE])]
    result = following(Daemon(list(script)), "--fields", "labels,percent_done", "--count", "1")
    assert result.output.splitlines()[0] == "3  name film, labels x,y, percent_done 0.5"
    result = following(Daemon(list(script)), "--fields", "labels", "--count", "1", "--json")
    assert json.loads(result.output.splitlines()[0]) == {"kind": "changed", **row}
    result = following(Daemon(list(script)), "--label", "x", "--count", "1")
    assert len(result.output.splitlines()) == 1


@pytest.mark.parametrize(
    "end", [ConnectionResetError("gone"), TimeoutError(), CloseConnection(1001, "it stops"), b""]
)
def test_a_connection_that_breaks_is_made_again_with_the_cursor(
    following: Any, invocation: Any, end: Any
) -> None:
    slept: list[float] = []
    invocation.sleep = slept.append
    again = {**DONE, "name": "other"}
    daemon = Daemon([told(events=[DONE], cursor="c1"), end], [told(events=[again], cursor="c2")])
    result = following(daemon, "--count", "2", "--json")
    assert result.exit_code == 0, result.output
    assert [params.get("cursor") for params in daemon.asked] == [None, "c1"]
    assert slept == [1.0]
    assert "trying again" in result.stderr


def test_what_may_be_lost_is_said(following: Any, invocation: Any) -> None:
    invocation.sleep = lambda seconds: None
    resync = told("events_resync", reason="unknown_cursor", events=[DONE], cursor="c2")
    result = following(Daemon([told(cursor="c1"), b""], [resync]), "--count", "1")
    assert "may not be told" in result.stderr


def test_who_is_not_there_at_first_is_not_waited_for(following: Any) -> None:
    result = following(Daemon())
    assert result.exit_code == 3
    assert "cannot reach the daemon" in result.stderr


def test_a_refusal_is_told_in_its_words(following: Any) -> None:
    script = [
        RejectConnection(status_code=503, headers=[], has_body=True),
        RejectData(b"64 clients follow already\n", body_finished=True),
    ]
    result = following(Daemon(script))
    assert result.exit_code == 1
    assert "503: 64 clients follow already" in result.stderr


def test_frames_that_make_no_sense_are_a_connection_that_broke(
    following: Any, invocation: Any
) -> None:
    def pressed(seconds: float) -> None:
        raise KeyboardInterrupt

    invocation.sleep = pressed
    result = following(Daemon([b"\xff" * 30]))
    assert result.exit_code == 0
    assert "trying again" in result.stderr


@pytest.mark.parametrize(
    ("url", "host", "path"),
    [
        ("http://127.0.0.1:9091", "127.0.0.1:9091", "/rpc"),
        ("https://box.test/p2pd/rpc/", "box.test", "/p2pd/rpc"),
        ("http://[::1]:9091", "[::1]:9091", "/rpc"),
        ("unix:/run/p2pd.sock", "localhost", "/rpc"),
    ],
)
def test_where_the_door_is(url: str, host: str, path: str) -> None:
    door = HttpTransport(url)
    assert (door.host, door.path) == (host, path)
