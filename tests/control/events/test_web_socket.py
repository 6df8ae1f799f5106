"""The WebSocket itself: who is let in, what is too much, and how its end is found."""

from __future__ import annotations

import hashlib
import json
from typing import Any

import pytest
from twisted.internet.defer import Deferred
from wsproto.events import BytesMessage, CloseConnection, Ping, Pong, TextMessage

from p2pd.control.events.web_socket import (
    CLOSE_SECONDS,
    MESSAGE_LIMIT,
    PING_SECONDS,
    READ_SECONDS,
    text_frame,
)
from p2pd.state.accounts import KeyRow, UserRow
from tests.control.events.following_client import FollowingClient
from tests.control.fake_session import FakeSession

COUNT = ["torrent_count"]


@pytest.fixture
def client(caller: Any) -> FollowingClient:
    return FollowingClient(caller)


class TestTheWayIn:
    def test_with_the_token(self, client: FollowingClient) -> None:
        assert client.status == 101
        # The example of RFC 6455, section 1.3.
        assert b"s3pPLMBiTxaQ9kYGzzhZRbK+xOo=" in client.head

    @pytest.mark.parametrize(
        ("more", "status"),
        [
            ("Origin: http://127.0.0.1:9091\r\n", 101),
            ("Origin: http://evil.test\r\n", 403),
            ("Origin: null\r\n", 403),
        ],
    )
    def test_pages_from_elsewhere_stay_out(self, caller: Any, more: str, status: int) -> None:
        assert FollowingClient(caller, more=more).status == status

    def test_without_a_token_nobody_comes_in(self, caller: Any) -> None:
        caller.token = None
        assert FollowingClient(caller).status == 401

    def test_a_host_name_that_is_not_ours_is_refused(self, caller: Any) -> None:
        answer = caller.send("GET", "/rpc/events", headers={"Host": "evil.test"})
        assert answer.status == 421

    @pytest.mark.parametrize("missing", ["Upgrade", "Sec-WebSocket-Key", "Sec-WebSocket-Version"])
    def test_what_asks_for_no_web_socket_is_told_so(self, caller: Any, missing: str) -> None:
        headers = {
            "Upgrade": "websocket",
            "Connection": "Upgrade",
            "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==",
            "Sec-WebSocket-Version": "13",
        }
        answer = caller.send("GET", "/rpc/events", headers={**headers, missing: None})
        assert answer.status == 426
        assert answer.headers["upgrade"] == ["websocket"]

    def test_other_methods_and_paths_are_not_there(self, caller: Any) -> None:
        assert caller.send("POST", "/rpc/events", b"{}").status == 405
        assert FollowingClient(caller, path="/rpc/events/more").status == 404

    def test_it_is_not_compressed(self, caller: Any) -> None:
        more = "Sec-WebSocket-Extensions: permessage-deflate\r\n"
        client = FollowingClient(caller, more=more)
        assert client.status == 101
        assert b"permessage-deflate" not in client.head


class TestFrames:
    @pytest.mark.parametrize("size", [0, 1, 125, 126, 65_535, 65_536, 200_000])
    def test_messages_of_any_size_are_read_as_they_were(
        self, client: FollowingClient, size: int
    ) -> None:
        text = json.dumps({"id": 1, "x": "a" * size})
        client.transport.write(text_frame(text.encode()))
        client.read()
        assert client.answers["1"]["x"] == "a" * size

    def test_a_message_may_come_in_pieces(self, client: FollowingClient) -> None:
        call = json.dumps({"jsonrpc": "2.0", "id": 1, "method": "session_stats"})
        data = client.wire.send(TextMessage(call[:9], message_finished=False))
        data += client.wire.send(TextMessage(call[9:]))
        for at in range(len(data)):
            client.raw(data[at : at + 1])
        client.read()
        assert client.answers["1"]["result"]["torrent_count"] == 2

    def test_one_that_is_too_long_ends_it(self, client: FollowingClient) -> None:
        client.event(TextMessage("x" * (MESSAGE_LIMIT + 1)))
        client.read()
        assert client.closed is not None
        assert client.closed[0] == 1009

    def test_pieces_without_end_end_it(self, client: FollowingClient) -> None:
        for _ in range(20):
            client.event(TextMessage("x" * (MESSAGE_LIMIT // 16), message_finished=False))
        client.read()
        assert client.closed is not None
        assert client.closed[0] == 1009

    def test_bytes_are_not_read(self, client: FollowingClient) -> None:
        client.event(BytesMessage(b"\0"))
        client.read()
        assert client.closed == (1003, "only text messages are read here")

    @pytest.mark.parametrize(
        ("text", "code"),
        [("{", -32700), ("[]", -32600), ("[" * 20 + "]" * 20, -32600), ("5", -32600)],
    )
    def test_what_is_no_call_is_answered_as_over_http(
        self, client: FollowingClient, text: str, code: int
    ) -> None:
        client.event(TextMessage(text))
        client.read()
        assert client.answers["null"]["error"]["code"] == code

    @pytest.mark.parametrize("data", [b"\x81\x01x", b"\xff\x80abcd", b"\x80\x80abcd"])
    def test_what_is_no_frame_ends_it(
        self, client: FollowingClient, data: bytes, caller: Any
    ) -> None:
        client.raw(data)
        client.read()
        assert client.closed is not None
        assert client.closed[0] == 1002
        assert client.transport.disconnecting
        assert caller.site.events.load.ended["protocol"] == 1

    def test_text_that_is_no_utf_8_ends_it(self, client: FollowingClient) -> None:
        client.raw(b"\x81\x82\0\0\0\0\xff\xff")
        client.read()
        assert client.closed is not None
        assert client.closed[0] == 1007


class TestLife:
    def test_pings_are_answered(self, client: FollowingClient) -> None:
        client.event(Ping(b"hello"))
        client.read()
        assert client.pongs == [b"hello"]

    def test_who_pings_and_does_not_read_is_not_answered(self, client: FollowingClient) -> None:
        client.stall()
        client.event(Ping(b"hello"))
        assert client.transport.value() == b""

    def test_silence_is_broken_by_pings(self, client: FollowingClient) -> None:
        for count in range(1, 4):
            client.clock.advance(PING_SECONDS)
            client.read()
            assert client.pings == count
            client.event(Pong(b""))

    def test_the_dead_are_found(self, client: FollowingClient, caller: Any) -> None:
        client.clock.advance(PING_SECONDS)
        client.clock.advance(PING_SECONDS)
        assert client.transport.cut
        client.lose()
        assert caller.site.events.load.clients == 0
        assert caller.site.events.load.ended["dead"] == 1
        assert caller.clock.getDelayedCalls() == []

    def test_who_does_not_read_is_told_to_go(self, client: FollowingClient, caller: Any) -> None:
        client.stall()
        client.clock.advance(READ_SECONDS)
        client.read()
        assert client.closed is not None
        assert client.closed[0] == 1008
        assert "come back with the cursor" in (client.closed[1] or "")
        client.clock.advance(CLOSE_SECONDS)
        assert client.transport.cut
        assert caller.site.events.load.ended["slow"] == 1

    def test_who_reads_again_in_time_stays(self, client: FollowingClient) -> None:
        client.stall()
        client.clock.advance(READ_SECONDS - 1)
        client.go_on()
        client.clock.advance(2)
        client.read()
        assert client.closed is None

    def test_a_good_bye_is_answered(self, client: FollowingClient, caller: Any) -> None:
        client.event(CloseConnection(1000, "enough"))
        client.read()
        assert client.closed == (1000, "enough")
        assert client.transport.disconnecting
        client.lose()
        assert caller.clock.getDelayedCalls() == []
        assert dict(caller.site.events.load.ended) == {}

    def test_a_new_client_leaves_nothing_behind(self, caller: Any) -> None:
        client = FollowingClient(caller)
        client.call("session_stats")
        client.lose()
        caller.clock.advance(0)
        assert caller.clock.getDelayedCalls() == []
        assert caller.site.load.bodies == 0

    def test_nothing_more_is_read_while_a_call_is_under_way(
        self, client: FollowingClient, session: FakeSession, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        waiting: Deferred[None] = Deferred()

        async def start(torrent: Any) -> None:
            await waiting

        monkeypatch.setattr(session, "start", start)
        client.send({"jsonrpc": "2.0", "id": 1, "method": "torrent_start", "params": {"ids": 1}})
        assert client.transport.producerState == "paused"
        client.clock.advance(3 * PING_SECONDS)
        assert not client.transport.cut, "it could not be heard"
        waiting.callback(None)
        assert client.transport.producerState == "producing"
        client.read()
        assert client.answers["1"]["result"] == {}


class TestUsers:
    """Who sees what, and for how long."""

    KEY = "k" * 43

    def user(self, caller: Any, **more: Any) -> None:
        row = UserRow("ann", "operator", "", "", (), False, None, None, 0.0)._replace(**more)
        caller.accounts._users["ann"] = row

    def with_key(self, caller: Any) -> FollowingClient:
        digest = hashlib.sha256(self.KEY.encode()).digest()
        row = KeyRow(1, "ann", "laptop", "read-only", (), digest, 0.0, 0.0)
        caller.accounts._keys[digest] = row
        caller.token = self.KEY
        return FollowingClient(caller)

    def test_others_torrents_are_not_told(self, caller: Any, session: FakeSession) -> None:
        self.user(caller, own_only=True)
        session.all[0].owner = "ann"
        client = self.with_key(caller)
        client.call("events_subscribe", fields=["name"], kinds=["all"], statistics=COUNT)
        client.wait()
        assert list(client.torrents) == [1]
        assert client.facts["statistics"]["torrent_count"] == 1
        for torrent in list(session.all):
            session.events.tell("done", torrent)
            session.drop(torrent)
            session.events.tell("removed", torrent)
        client.wait(2.0)
        assert {event["id"] for event in client.events} == {1}
        assert client.torrents == {}

    def test_who_sees_everything_shares_with_others(self, caller: Any) -> None:
        owner = FollowingClient(caller)
        self.user(caller)
        other = self.with_key(caller)
        for client in (owner, other):
            client.call("events_subscribe", fields=["name"])
        assert caller.site.events.load.feeds == 1

    def test_what_is_told_of_the_session_depends_on_who_asks(
        self, caller: Any, session: FakeSession
    ) -> None:
        session.settings.blocklist_url = "http://lists.test/?key=secret"
        owner = FollowingClient(caller)
        self.user(caller)
        other = self.with_key(caller)
        for client in (owner, other):
            client.call("events_subscribe", session_fields=["blocklist_url"])
            client.wait()
        told = [client.facts["session"]["blocklist_url"] for client in (owner, other)]
        assert told == ["http://lists.test/?key=secret", ""]

    def test_a_key_that_is_removed_ends_it(self, caller: Any, session: FakeSession) -> None:
        self.user(caller)
        client = self.with_key(caller)
        client.call("events_subscribe", fields=["name"])
        client.wait()
        caller.accounts._keys.clear()
        session.put(session.all[0])
        client.wait(2.0)
        assert client.closed is not None
        assert client.closed[0] == 1008
        assert caller.site.events.load.ended["access"] == 1

    def test_also_one_who_is_silent_after_a_while(self, caller: Any) -> None:
        self.user(caller)
        client = self.with_key(caller)
        self.user(caller, own_only=True)
        client.clock.advance(PING_SECONDS)
        client.read()
        assert client.closed is not None
