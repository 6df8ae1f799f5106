"""What HTTP says before any method is reached: login, host names, types, sizes, the 409."""

from __future__ import annotations

import gzip
import json
from types import SimpleNamespace
from typing import Any

import pytest
from twisted.internet.address import IPv6Address

from p2pd.base.errors import ConfigError
from p2pd.control.access.accounts import Accounts
from p2pd.control.auth import (
    FIRST_DELAY,
    LOCK_SECONDS,
    MAX_TRIES,
    PROMPT_TRIES,
    Login,
    Verdict,
)
from p2pd.control.gate import client_host
from p2pd.control.request import BODY_LIMIT, STRANGER_BODY_LIMIT
from tests.control.conftest import at_once

CALL = {"jsonrpc": "2.0", "id": 1, "method": "session_stats"}


def guess(caller: Any) -> Any:
    """A wrong key, and the answer, which may come late."""
    transport = caller.begin("POST", "/rpc", b"{}", {"Authorization": "Bearer guess"})
    caller.clock.advance(FIRST_DELAY * 2 ** (MAX_TRIES - PROMPT_TRIES - 1))
    return caller.answer(transport)


def test_bearer_and_basic_are_let_in(caller: Any, basic: Any) -> None:
    assert caller.post(CALL).status == 200
    assert caller.post(CALL, Authorization=basic("p2pd", caller.token)).status == 200
    assert caller.post(CALL, Authorization=f"bearer  {caller.token}").status == 200


@pytest.mark.parametrize(
    "header", [None, "", "Bearer", "Bearer wrong", "Basic ???", "Digest x", "Bearer " + "x" * 9000]
)
def test_everything_else_is_a_401(caller: Any, header: str | None) -> None:
    answer = caller.post(CALL, Authorization=header)
    assert answer.status == 401
    assert [value.split()[0] for value in answer.headers["www-authenticate"]] == ["Basic", "Bearer"]
    assert b"token" in answer.body


def test_another_user_or_a_prefix_of_the_token_is_a_401(caller: Any, basic: Any) -> None:
    assert caller.post(CALL, Authorization=basic("root", caller.token)).status == 401
    assert caller.post(CALL, Authorization=basic("p2pd", caller.token[:-1])).status == 401
    assert caller.post(CALL, Authorization=basic("p2pd", "")).status == 401


def test_two_authorization_headers_are_a_401(caller: Any) -> None:
    protocol, transport = caller.connect()
    line = f"Authorization: Bearer {caller.token}\r\n"
    protocol.dataReceived(f"GET /rpc HTTP/1.1\r\nHost: localhost\r\n{line}{line}\r\n".encode())
    assert caller.answer(transport).status == 401


def test_an_empty_token_is_refused(caller: Any) -> None:
    with pytest.raises(ConfigError):
        Accounts("", in_thread=at_once, wall=caller.clock.seconds)


def test_no_token_on_purpose_lets_in(open_caller: Any) -> None:
    assert open_caller.post(CALL).status == 200


def test_guessing_locks_an_address_out_for_a_while(caller: Any) -> None:
    caller.host = "198.51.100.1"
    for _ in range(MAX_TRIES):
        assert guess(caller).status == 401
    assert caller.post(CALL, Authorization="Bearer guess").status == 403
    assert caller.post(CALL).status == 403
    caller.host = "198.51.100.2"
    assert caller.post(CALL).status == 200
    caller.host = "198.51.100.1"
    caller.clock.advance(LOCK_SECONDS)
    assert caller.post(CALL).status == 200


def test_loopback_with_the_right_token_is_never_locked_out(caller: Any) -> None:
    for _ in range(MAX_TRIES):
        guess(caller)
    assert caller.post(CALL, Authorization="Bearer guess").status == 403
    assert caller.post(CALL).status == 200
    assert caller.post(CALL, Authorization="Bearer guess").status == 401


def test_coming_without_a_token_is_no_guess(caller: Any) -> None:
    caller.host = "198.51.100.1"
    for _ in range(MAX_TRIES + 1):
        assert caller.post(CALL, Authorization=None).status == 401
    assert caller.post(CALL).status == 200


def test_an_ipv6_network_counts_as_one_and_the_table_is_bounded(caller: Any) -> None:
    login = Login(Accounts("t", in_thread=at_once, wall=caller.clock.seconds), caller.clock)
    for host in range(MAX_TRIES):
        assert login.judge(b"Bearer x", f"2001:db8::{host:x}").verdict is Verdict.WRONG
    assert login.judge(b"Bearer t", "2001:db8::ffff").verdict is Verdict.LOCKED
    for host in range(5000):
        login.judge(b"Bearer x", f"10.0.{host // 250}.{host % 250}")
    assert login.judge(b"Bearer t", "2001:db8::ffff").verdict is Verdict.WELCOME


@pytest.mark.parametrize(
    "host",
    ["localhost", "LOCALHOST:9091", "127.0.0.1", "[::1]:9091", "192.0.2.4:80", "seedbox.test:1",
     "Seedbox.Test.", "nas.lan", "localhost."],
)  # fmt: skip
def test_known_host_names(caller: Any, host: str) -> None:
    assert caller.post(CALL, Host=host).status == 200


@pytest.mark.parametrize(
    "host", ["evil.test", "", "localhost.evil.test", "xn--", "[", "a:b:c", None]
)
def test_other_host_names_are_a_421(caller: Any, host: str | None) -> None:
    assert caller.post(CALL, Host=host).status in (400, 421)


def test_paths(caller: Any) -> None:
    assert caller.post(CALL, path="/rpc/").status == 200
    for path in (
        "/",
        "/nothing",
        "/rpc/x",
        "/rpc//",
        "/transmission",
        "/transmission/web/",
        "/%00",
    ):
        assert caller.post(CALL, path=path).status == 404, path


def test_the_order_of_the_checks(caller: Any) -> None:
    assert caller.send("OPTIONS", "/rpc", headers={"Authorization": None}).status == 204
    wrong_twice = caller.post(CALL, path="/nothing", Host="evil.test", Authorization=None)
    assert wrong_twice.status == 401
    assert caller.post(CALL, path="/nothing", Host="evil.test").status == 421
    assert caller.send("GET", "/transmission/rpc").status == 409


def test_a_preflight_gets_no_leave(caller: Any) -> None:
    answer = caller.send("OPTIONS", "/rpc", headers={"Origin": "https://evil.test"})
    assert not any(name.startswith("access-control") for name in answer.headers)


def test_pages_from_elsewhere_may_not_call(caller: Any) -> None:
    assert caller.post(CALL, Origin="https://evil.test").status == 403
    assert caller.post(CALL, Origin="null").status == 403
    assert caller.post(CALL, Origin="http://127.0.0.1:9091").status == 200


@pytest.mark.parametrize("kind", [None, "text/plain", "application/x-www-form-urlencoded"])
def test_only_json_is_a_call(caller: Any, kind: str | None) -> None:
    assert caller.post(CALL, Content_Type=kind).status == 415
    assert caller.post(CALL, Content_Type="Application/JSON; charset=utf-8").status == 200


def test_only_post_is_a_call(caller: Any) -> None:
    for method in ("GET", "PUT", "HEAD", "DELETE"):
        answer = caller.send(method, "/rpc")
        assert (answer.status, answer.headers["allow"]) == (405, ["POST"])


def test_a_body_past_the_limit_is_a_413(caller: Any) -> None:
    answer = caller.send("POST", "/rpc", b" " * (BODY_LIMIT + 1))
    assert answer.status == 413


def test_a_stranger_cannot_fill_the_memory(caller: Any) -> None:
    protocol, transport = caller.connect()
    head = "POST /rpc HTTP/1.1\r\nHost: localhost\r\nContent-Length: 99999999999\r\n\r\n"
    protocol.dataReceived(head.encode())
    kept = protocol._channel.requests[0].content
    for _ in range(BODY_LIMIT // (1 << 20) + 2):
        protocol.dataReceived(b"x" * (1 << 20))
        assert len(kept.getvalue()) <= STRANGER_BODY_LIMIT
        if transport.disconnecting or transport.disconnected:
            break
    assert transport.disconnecting or transport.disconnected


def test_long_answers_are_gzipped_for_who_takes_it(
    caller: Any, session: Any, fake_torrent: Any
) -> None:
    session.all = [fake_torrent(n) for n in range(1, 250)]
    call = {
        "jsonrpc": "2.0",
        "id": 1,
        "method": "torrent_get",
        "params": {"fields": ["id", "name"]},
    }
    plain = caller.post(call)
    packed = caller.post(call, Accept_Encoding="br, gzip")
    assert plain.headers.get("content-encoding") is None
    assert packed.headers["content-encoding"] == ["gzip"]
    assert gzip.decompress(packed.body) == plain.body
    assert [row["id"] for row in plain.json["result"]["torrents"]] == list(range(1, 250))
    assert caller.post(call, Accept_Encoding="gzip;q=0").body == plain.body
    assert "content-encoding" not in caller.post(CALL, Accept_Encoding="gzip").headers


def test_answers_carry_cautious_headers(caller: Any) -> None:
    headers = caller.post(CALL).headers
    assert headers["content-type"] == ["application/json; charset=UTF-8"]
    assert headers["cache-control"] == ["no-store"]
    assert headers["x-content-type-options"] == ["nosniff"]
    assert headers["server"] == ["p2pd"]


class TestTransmission:
    """The exchange of the session id."""

    def test_every_method_gets_the_id_first(self, caller: Any) -> None:
        answers = [caller.send(method, "/transmission/rpc") for method in ("GET", "PUT")]
        answers.append(caller.post(CALL, path="/transmission/rpc"))
        ids = {answer.headers["x-transmission-session-id"][0] for answer in answers}
        assert [answer.status for answer in answers] == [409] * 3
        assert len(ids) == 1
        assert answers[0].headers["x-transmission-rpc-version"] == ["6.0.0"]
        assert "X-Transmission-Session-Id" in answers[0].headers["access-control-expose-headers"][0]

    def test_with_the_id_calls_are_answered(self, caller: Any) -> None:
        session_id = caller.send("GET", "/transmission/rpc").headers["x-transmission-session-id"][0]
        headers = {"X-Transmission-Session-Id": session_id, "Content-Type": None}
        body = json.dumps(CALL).encode()
        answer = caller.send("POST", "/transmission/rpc", body, headers)
        assert answer.result["torrent_count"] == 2
        assert caller.send("GET", "/transmission/rpc", headers=headers).status == 405
        wrong = headers | {"X-Transmission-Session-Id": session_id[:-1] + "\xe9"}
        assert caller.send("POST", "/transmission/rpc", body, wrong).status == 409

    def test_the_older_dialect_is_answered_in_its_own_form(self, caller: Any) -> None:
        def call(method: str, **arguments: object) -> Any:
            asked = {"method": method, "arguments": arguments, "tag": 4}
            answer = caller.post(asked, "/transmission/rpc", X_Transmission_Session_Id=session_id)
            assert (answer.status, answer.json["tag"]) == (200, 4)
            return answer.json

        session_id = caller.send("GET", "/transmission/rpc").headers["x-transmission-session-id"][0]
        rows = call("torrent-get", fields=["id", "downloadDir", "file-count", "no-such"], ids=1)
        (row,) = rows["arguments"]["torrents"]
        assert list(row) == ["id", "downloadDir", "file-count"]
        table = call("torrent-get", fields=["hashString"], format="table")["arguments"]["torrents"]
        assert table[0] == ["hashString"]
        assert call("session-stats")["arguments"]["torrentCount"] == 2
        assert call("torrent-stop", ids=[1])["result"] == "success"
        refused = call("no-such-method")
        assert refused == {
            "arguments": {}, "result": "there is no method no_such_method", "tag": 4,
        }  # fmt: skip


@pytest.mark.parametrize(
    ("seen", "told"),
    [("::ffff:192.0.2.7", "192.0.2.7"), ("2001:DB8::7", "2001:db8::7"), ("nowhere", "nowhere")],
)
def test_hosts_are_told_as_people_know_them(seen: str, told: str) -> None:
    address = IPv6Address("TCP", seen, 4711)
    request: Any = SimpleNamespace(getClientAddress=lambda: address)
    assert client_host(request) == told
