"""Calls over /rpc/events are under the bounds of those over HTTP."""

from __future__ import annotations

from typing import Any

import pytest
from twisted.internet.defer import Deferred

from p2pd.control.rpc_load import RpcLoad
from tests.control.events.following_client import FollowingClient


@pytest.fixture
def load() -> RpcLoad:
    return RpcLoad(requests=2, bodies=1000, answers=50)


@pytest.fixture
def client(caller_with: Any, load: RpcLoad) -> FollowingClient:
    return FollowingClient(caller_with(load=load))


def test_no_more_calls_than_requests(client: FollowingClient, load: RpcLoad) -> None:
    load.requests = 2
    refused = client.call("session_stats")
    assert refused["code"] == 503
    assert refused["data"]["error_string"] == "2 requests are under way: try again in a moment"
    assert client.call("events_subscribe", statistics=["torrent_count"])["code"] == 503
    assert load.refused["requests"] == 2
    load.requests = 0
    assert "torrent_count" in client.call("session_stats")
    assert load.requests == load.bodies == load.answers == 0


def test_in_a_batch_each_is_refused_and_a_notification_is_not_answered(
    client: FollowingClient, load: RpcLoad, session: Any
) -> None:
    load.requests = 2
    stop = {"jsonrpc": "2.0", "method": "torrent_stop", "params": {"ids": [1]}}
    client.send([{**stop, "id": 1}, {**stop, "id": 2}, stop, {"jsonrpc": "1.0", "id": 3}])
    client.read()
    (batch,) = client.answers.values()
    assert [(one["id"], one["error"]["code"]) for one in batch] == [(1, 503), (2, 503), (3, -32600)]
    client.send(stop)
    client.read()
    assert len(client.answers) == 1
    assert session.asked == []


def test_what_waits_counts_as_a_request(
    client: FollowingClient, load: RpcLoad, session: Any
) -> None:
    waiting: Deferred[None] = Deferred()

    async def start(torrent: Any) -> None:
        await waiting

    session.start = start
    client.send({"jsonrpc": "2.0", "id": 1, "method": "torrent_start", "params": {"ids": [1]}})
    assert load.requests == 1
    assert load.bodies > 50
    waiting.callback(None)
    client.read()
    assert load.requests == load.bodies == 0
    assert client.answers["1"]["result"] == {}


def test_bodies_have_room_with_the_others(client: FollowingClient, load: RpcLoad) -> None:
    load.bodies = 990
    assert "too many bytes of requests" in client.call("session_stats")["data"]["error_string"]
    assert load.bodies == 990


def test_answers_that_nobody_reads_are_counted(
    client: FollowingClient, load: RpcLoad, caller_with: Any
) -> None:
    write = client.transport.write

    def written(data: bytes) -> None:
        write(data)
        client.stall()

    client.transport.write = written
    assert "torrent_count" in client.call("session_stats")
    assert load.answers > 50
    assert load.requests == 0
    other = FollowingClient(caller_with(load=load))
    assert "bytes of answers wait" in other.call("session_stats")["data"]["error_string"]
    client.go_on()
    assert load.answers == 0


def test_who_goes_leaves_nothing_behind(client: FollowingClient, load: RpcLoad) -> None:
    client.stall()
    client.send({"jsonrpc": "2.0", "id": 1, "method": "session_stats"})
    assert load.answers > 50
    client.lose()
    assert load.requests == load.bodies == load.answers == 0
