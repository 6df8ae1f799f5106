"""What callers of the control API may cost: refused in words, cut in time, and given back."""

from __future__ import annotations

import base64
import json
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.error import ConnectionLost
from twisted.python.failure import Failure

from p2pd.control.delivery import PART, READ_SECONDS, _parts
from p2pd.control.rpc_load import RpcLoad

CALL = b'{"jsonrpc": "2.0", "id": 1, "method": "session_stats"}'


def request_of(body: bytes, token: str = "a-token-of-some-length") -> bytes:
    head = (
        "POST /rpc HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n"
        f"Authorization: Bearer {token}\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body


def test_requests_under_way_have_a_bound(caller_with: Any, session: Any) -> None:
    load = RpcLoad(requests=2)
    caller = caller_with(load=load)
    held: list[Deferred[None]] = []

    async def held_up(path: str) -> Any:
        held.append(Deferred())
        await held[-1]

    session.free_space = held_up
    ask = {"jsonrpc": "2.0", "id": 1, "method": "free_space", "params": {"path": "/downloads"}}
    connections = [caller.connect() for _ in range(2)]
    for protocol, _ in connections:
        protocol.dataReceived(request_of(json.dumps(ask).encode()))
    assert load.requests == 2
    refused = caller.call("session_stats")
    assert refused.status == 503
    assert refused.body == b"2 requests are under way: try again in a moment\n"
    assert refused.headers["retry-after"] == ["1"]
    for each in held:
        each.errback(ValueError())
    assert load.requests == 0
    assert caller.call("session_stats").status == 200
    assert load.refused["requests"] == 1


def test_bodies_of_all_requests_have_a_bound(caller_with: Any) -> None:
    load = RpcLoad(bodies=1000)
    caller = caller_with(load=load)
    first, _ = caller.connect()
    first.dataReceived(request_of(b"x" * 900)[:-800])
    assert load.bodies == 900, "room for all of it is taken at once"
    refused = caller.post({"jsonrpc": "2.0", "id": 1, "method": "x" * 500})
    assert refused.status == 503
    assert b"too many bytes of requests" in refused.body
    assert load.bodies == 900
    first.connectionLost(Failure(ConnectionLost()))
    assert load.bodies == 0, "what was kept of a request is given back when its sender is gone"
    assert caller.call("session_stats").status == 200
    assert load.bodies == 0


def test_a_body_of_unknown_length_takes_its_room_as_it_comes(caller_with: Any) -> None:
    load = RpcLoad(bodies=1000)
    caller = caller_with(load=load)
    protocol, transport = caller.connect()
    head = request_of(b"").replace(b"Content-Length: 0", b"Transfer-Encoding: chunked")
    protocol.dataReceived(head + b"190\r\n" + b" " * 400 + b"\r\n")
    assert load.bodies == 400
    other, _ = caller.connect()
    other.dataReceived(request_of(b"x" * 500)[:-1])
    protocol.dataReceived(b"190\r\n" + b" " * 400 + b"\r\n")
    assert load.bodies == 500, "what is refused keeps no room"
    protocol.dataReceived(b"0\r\n\r\n")
    assert b"503 " in transport.value()


def test_one_body_is_taken_whatever_its_size(caller_with: Any) -> None:
    load = RpcLoad(bodies=100)
    caller = caller_with(load=load)
    metainfo = base64.b64encode(b"again" * 100).decode()
    assert caller.call("torrent_add", metainfo=metainfo).status == 200
    assert load.bodies == 0


class SlowReader:
    """A client whose socket takes nothing for a while: its connection pauses who writes."""

    def __init__(self, caller: Any) -> None:
        self.protocol, self.transport = caller.connect()
        self._write = self.transport.write
        self.transport.write = self._written
        self.transport.abortConnection = self._aborted
        self.reads = False
        self.cut = False

    def ask(self, *calls: bytes) -> None:
        self.protocol.dataReceived(b"".join(request_of(call) for call in calls))

    def read(self) -> None:
        self.reads = True
        self.transport.producer.resumeProducing()

    def _written(self, data: bytes) -> None:
        self._write(data)
        if not self.reads:
            self.transport.producer.pauseProducing()

    def _aborted(self) -> None:
        self.cut = True
        self.protocol.connectionLost(Failure(ConnectionLost()))


def test_an_answer_waits_for_its_reader_and_so_does_the_next_call(caller_with: Any) -> None:
    load = RpcLoad()
    caller = caller_with(load=load)
    reader = SlowReader(caller)
    reader.ask(CALL, CALL, CALL)
    assert load.answers > 0
    assert reader.transport.value().count(b"200 OK") == 1
    reader.read()
    caller.clock.advance(0)
    assert reader.transport.value().count(b"200 OK") == 3
    assert (load.answers, load.requests) == (0, 0)


def test_who_does_not_read_is_cut(caller_with: Any) -> None:
    load = RpcLoad()
    caller = caller_with(load=load)
    reader = SlowReader(caller)
    reader.ask(CALL)
    caller.clock.advance(READ_SECONDS - 1)
    assert not reader.cut
    caller.clock.advance(1.1)
    assert reader.cut
    assert (load.answers, load.readers_cut) == (0, 1)


def test_answers_that_wait_have_a_bound(caller_with: Any) -> None:
    load = RpcLoad(answers=100)
    caller = caller_with(load=load)
    reader = SlowReader(caller)
    reader.ask(CALL)
    refused = caller.call("session_stats")
    assert refused.status == 503
    assert b"wait to be read: read them first" in refused.body
    reader.read()
    assert caller.call("session_stats").status == 200


def test_parts_are_large_and_hold_every_byte_in_order() -> None:
    chunks = [bytes([n % 251]) * (n * 997 % 5000) for n in range(500)] + [b"z" * (3 * PART + 5)]
    parts = list(_parts(chunks))
    assert b"".join(parts) == b"".join(chunks)
    assert all(PART <= len(part) < 2 * PART for part in parts[:-1])
    assert list(_parts([])) == []
