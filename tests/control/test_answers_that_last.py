"""Calls that change something are answered when that is kept; others are answered at once."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any
from urllib.parse import urlencode

import pytest
from twisted.internet import task

from p2pd.state.answering import LOOK_SECONDS, Answering
from tests.control.fake_session import FakeSession
from tests.state.fake_jobs import FakeJobs


class Doors:
    """All ways to have somebody banned, at a session that waits for no job of its own."""

    def __init__(self, caller_with: Callable[..., Any], session: FakeSession) -> None:
        self.jobs = FakeJobs()
        self.clock = task.Clock()
        self.caller = caller_with(answering=Answering(self.jobs, self.clock))
        session._note = self._note  # type: ignore[method-assign]
        refused = self.caller.send("GET", "/transmission/rpc")
        self.session_id = refused.headers["x-transmission-session-id"][0]

    def _note(self, *_asked: object) -> None:
        self.jobs.hand_in().addErrback(lambda failure: None)

    def rpc(self, method: str, **params: Any) -> Any:
        return self.sent("/rpc", {"jsonrpc": "2.0", "id": 1, "method": method, "params": params})

    def ban(self) -> Any:
        return self.rpc("peer_ban", addresses=["192.0.2.1"])

    def ban_as_transmission_would(self) -> Any:
        call = {"jsonrpc": "2.0", "id": 1, "method": "peer_ban"}
        params = {"addresses": ["192.0.2.1"]}
        return self.sent("/transmission/rpc", {**call, "params": params})

    def ban_in_the_older_dialect(self) -> Any:
        arguments = {"addresses": ["192.0.2.1"]}
        return self.sent("/transmission/rpc", {"method": "peer-ban", "arguments": arguments})

    def ban_as_qbittorrent_would(self) -> Any:
        body = urlencode({"peers": "192.0.2.1:5"}).encode()
        kind = {"Content-Type": "application/x-www-form-urlencoded"}
        return self._begun("/api/v2/transfer/banPeers", body, kind)

    def ban_and_tell_nobody(self) -> Any:
        params = {"addresses": ["192.0.2.1"]}
        return self.sent("/rpc", {"jsonrpc": "2.0", "method": "peer_ban", "params": params})

    def sent(self, path: str, value: object) -> Any:
        return self._begun(path, json.dumps(value).encode(), {})

    def _begun(self, path: str, body: bytes, more: dict[str, str | None]) -> Any:
        headers = {"X-Transmission-Session-Id": self.session_id, **more}
        return self.caller.begin("POST", path, body, headers)

    def settle(self) -> None:
        """All that waits for no more than its turn has it."""
        for _ in range(50):
            self.caller.clock.advance(0)


@pytest.fixture
def doors(caller_with: Callable[..., Any], session: FakeSession) -> Doors:
    return Doors(caller_with, session)


EACH = [
    Doors.ban,
    Doors.ban_as_transmission_would,
    Doors.ban_in_the_older_dialect,
    Doors.ban_as_qbittorrent_would,
    Doors.ban_and_tell_nobody,
]


@pytest.mark.parametrize("door", EACH)
def test_nobody_is_answered_before_it_is_kept(doors: Doors, door: Callable[[Doors], Any]) -> None:
    transport = door(doors)
    doors.settle()
    assert (doors.jobs.handed_in, transport.value()) == (1, b"")
    doors.jobs.do_next()
    doors.settle()
    assert doors.caller.answer(transport).status in (200, 204)


@pytest.mark.parametrize("door", EACH[:-1])
def test_what_could_not_be_kept_is_told(doors: Doors, door: Callable[[Doors], Any]) -> None:
    transport = door(doors)
    doors.settle()
    doors.jobs.do_next(refused="the disk is full")
    doors.settle()
    body = doors.caller.answer(transport).body.decode()
    assert "it is done, but not kept: the disk is full" in body


@pytest.mark.parametrize("door", EACH[:-1])
def test_nobody_waits_for_ever(doors: Doors, door: Callable[[Doors], Any]) -> None:
    transport = door(doors)
    doors.settle()
    doors.clock.pump([LOOK_SECONDS] * 2)
    doors.settle()
    assert "the state database does not answer" in doors.caller.answer(transport).body.decode()
    doors.jobs.do_next()


def test_who_only_looks_waits_for_nothing(doors: Doors) -> None:
    doors.ban()
    transports = [doors.rpc("peer_banned"), doors.rpc("session_get", fields=["version"])]
    transports.append(doors.caller.begin("GET", "/api/v2/app/version"))
    doors.settle()
    assert [doors.caller.answer(each).status for each in transports] == [200] * 3


def test_a_batch_is_answered_when_all_of_it_is_kept(doors: Doors) -> None:
    ban = {"jsonrpc": "2.0", "id": 1, "method": "peer_ban", "params": {"addresses": ["192.0.2.1"]}}
    transport = doors.sent("/rpc", [ban, ban])
    for _ in range(2):
        doors.settle()
        assert transport.value() == b""
        doors.jobs.do_next()
    doors.settle()
    assert [each["result"] for each in doors.caller.answer(transport).json] == [{}, {}]


def test_what_was_not_kept_is_not_ok_in_the_audit_log(doors: Doors) -> None:
    doors.ban()
    doors.settle()
    doors.jobs.do_next(refused="the disk is full")
    doors.settle()
    transport = doors.rpc("audit_get")
    doors.settle()
    entries = doors.caller.answer(transport).result["entries"]
    assert [entry["result"] for entry in entries] == ["system_error"]
