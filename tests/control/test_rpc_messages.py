"""JSON-RPC 2.0 itself: parsing, ids, batches, notifications, errors that leak nothing."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from p2pd.base.errors import P2pdError
from p2pd.control.errors import RpcCode, RpcError
from p2pd.control.message import MAX_BATCH, MAX_DEPTH, Call, parse_body, parse_json

CALL = {"jsonrpc": "2.0", "id": 1, "method": "session_stats"}

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=20,
)
CALLS = st.fixed_dictionaries(
    {},
    optional={
        "jsonrpc": st.sampled_from(["2.0", "1.0", 2, "1e400"]),
        "id": VALUES,
        "method": st.sampled_from(
            ["torrent_add", "torrent_get", "torrent_set", "peer_add", "session_set", "__dir__",
             "torrent___dir__", "free_space", "torrent", "session_get"]
        ) | st.text(max_size=80),
        "params": st.dictionaries(
            st.sampled_from(["ids", "fields", "metainfo", "filename", "addresses", "labels", "path",
                             "tracker_list", "format", "files_wanted", "download_dir"]), VALUES
        ) | VALUES,
    },
)  # fmt: skip


@pytest.mark.parametrize(
    "body",
    [b"", b"{", b"\xff\xfe", b"\xef\xbb\xbf{}", b"NaN", b'{"a":Infinity}', b"1e400", b"[1e999]",
     b"1" * 5000, b'"\n"', b"{'a':1}", b'{"jsonrpc":"2.0"}x', b"[" * 100_000],
)  # fmt: skip
def test_what_is_no_json_is_refused_in_words(caller: Any, body: bytes) -> None:
    with pytest.raises(RpcError) as caught:
        parse_json(body)
    assert caught.value.code in (RpcCode.PARSE_ERROR, RpcCode.INVALID_REQUEST)
    assert caught.value.sentence
    if body:
        answer = caller.send("POST", "/rpc", body)
        assert (answer.status, answer.json["id"]) == (200, None)
        assert answer.error[0] in (-32700, -32600)


def test_depth_and_number_of_values_are_bounded() -> None:
    parse_json(b"[" * MAX_DEPTH + b"]" * MAX_DEPTH)
    for body in (b"[" * (MAX_DEPTH + 1) + b"]" * (MAX_DEPTH + 1), b"[" + b"[]," * 600_000 + b"1]"):
        with pytest.raises(RpcError) as caught:
            parse_json(body)
        assert caught.value.code is RpcCode.INVALID_REQUEST


@pytest.mark.parametrize(
    ("value", "code"),
    [
        (1, -32600), ("x", -32600), (None, -32600), ([], -32600), ({}, -32600),
        ({"method": "session_stats", "id": 1}, -32600),
        (CALL | {"jsonrpc": "1.0"}, -32600), (CALL | {"jsonrpc": 2.0}, -32600),
        (CALL | {"method": 5}, -32600), (CALL | {"id": True}, -32600),
        (CALL | {"id": [1]}, -32600), (CALL | {"id": {}}, -32600),
        (CALL | {"params": [1]}, -32602), (CALL | {"params": None}, -32602),
        (CALL | {"method": "session_fly"}, -32601), (CALL | {"method": ""}, -32601),
        (CALL | {"method": "session"}, -32601), (CALL | {"method": "session_stats "}, -32601),
        (CALL | {"method": "session___dir__"}, -32601), (CALL | {"method": "__dir__"}, -32601),
        (CALL | {"method": "session_" + "x" * 1000}, -32601),
    ],
)  # fmt: skip
def test_bad_calls_get_their_code(caller: Any, value: Any, code: int) -> None:
    answer = caller.post(value)
    assert answer.status == 200
    assert answer.error[0] == code
    assert answer.error[1]


@pytest.mark.parametrize("call_id", [0, -5, 1.5, "", "x" * 100, None, "\ud800"])
def test_an_id_comes_back_as_it_was(caller: Any, call_id: Any) -> None:
    assert caller.post(CALL | {"id": call_id}).json["id"] == call_id


def test_a_notification_is_done_and_gets_no_answer(caller: Any, session: Any) -> None:
    answer = caller.post({"jsonrpc": "2.0", "method": "torrent_stop", "params": {"ids": [1]}})
    assert (answer.status, answer.body) == (204, b"")
    assert session.asked == [("stop", 1)]
    assert caller.post({"jsonrpc": "2.0", "method": "session_fly"}).status == 204


def test_a_batch_is_answered_in_order_without_its_notifications(caller: Any, session: Any) -> None:
    start = {"jsonrpc": "2.0", "method": "torrent_start", "params": {"ids": 2}}
    answer = caller.post([CALL, start, 5, CALL | {"id": "b"}])
    assert [(one["id"], "error" in one) for one in answer.json] == [
        (1, False), (None, True), ("b", False)
    ]  # fmt: skip
    assert session.asked == [("start", 2)]
    assert caller.post([start, start]).status == 204


def test_a_batch_has_a_cap(caller: Any) -> None:
    assert len(caller.post([CALL] * MAX_BATCH).json) == MAX_BATCH
    assert caller.post([CALL] * (MAX_BATCH + 1)).error[0] == -32600


def test_an_exception_never_leaks(caller: Any, session: Any) -> None:
    session.fails_with = KeyError("secret")
    answer = caller.call("torrent_stop", ids=[1])
    assert answer.error[0] == -32603
    assert b"secret" not in answer.body
    assert b"Traceback" not in answer.body


def test_a_refusal_of_the_session_keeps_its_sentence(caller: Any, session: Any) -> None:
    session.fails_with = P2pdError("the disk is full")
    assert caller.call("torrent_stop", ids=[1]).error == (5, "the disk is full")


@given(
    data=st.binary(max_size=200)
    | st.text(alphabet='{}[],:"0-+eE.\\ truefalsn', max_size=60).map(str.encode)
)
def test_any_bytes_are_calls_or_a_refusal(data: bytes) -> None:
    try:
        body = parse_body(data)
    except RpcError as error:
        assert error.sentence  # noqa: PT017 - most bodies are refused, some are calls
        return
    assert all(isinstance(entry, Call) or entry.error.sentence for entry in body.entries)


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(value=CALLS | st.lists(CALLS, max_size=3) | VALUES)
def test_no_call_is_ever_a_500(caller: Any, value: Any) -> None:
    body = json.dumps(value, allow_nan=True).encode()
    answer = caller.send("POST", "/rpc", body)
    assert answer.status in (200, 204)
    replies = answer.json if answer.body else []
    for reply in replies if isinstance(replies, list) else [replies]:
        assert reply["jsonrpc"] == "2.0"
        assert reply.get("error", {}).get("code") != -32603
