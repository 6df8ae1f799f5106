"""What is in the audit log, and what never is."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.internet.defer import Deferred, fail

from p2pd.base.errors import StateError
from p2pd.control.access import passwords
from p2pd.control.access.audit import LONGEST, WAITING, AuditLog, shown
from p2pd.control.access.caller import Caller, Identity
from p2pd.control.access.roles import METHODS, Role

BOB = Caller(Identity("bob", Role.OPERATOR, "phone"), "192.0.2.1")


def entries(caller: Any, **params: Any) -> list[Any]:
    found: list[Any] = caller.call("audit_get", **params).result["entries"]
    return found


def test_who_did_what_from_where_and_what_became_of_it(caller: Any, session: Any) -> None:
    caller.host = "192.0.2.1"
    caller.call("torrent_set", ids=[1], peer_limit=5)
    session.fails_with = StateError("the disk is gone")
    caller.call("torrent_stop")
    first = {
        "id": 1, "time": 1_700_000_000, "user": "p2pd", "key": "", "address": "192.0.2.1",
        "method": "torrent_set", "ids": [1], "params": '{"peer_limit": 5}', "result": "ok",
    }  # fmt: skip
    second = first | {
        "id": 2, "method": "torrent_stop", "ids": "all", "params": "{}", "result": "system_error",
    }  # fmt: skip
    assert entries(caller) == [second, first]
    assert entries(caller, count=1) == [second]
    assert entries(caller, before=2) == [first]
    assert entries(caller, method="torrent_set", user="p2pd") == [first]


def test_what_reads_or_is_not_permitted_changes_nothing(caller: Any) -> None:
    caller.call("user_add", name="eve", role="read-only")
    token, caller.token = (
        caller.token,
        caller.call("api_key_add", name="k", user="eve").result["key"],
    )
    for method in METHODS:
        caller.call(method)
    caller.token = token
    noted = {(entry["user"], entry["method"]) for entry in entries(caller)}
    # Its own password is what anybody may change.
    assert noted == {("p2pd", "user_add"), ("p2pd", "api_key_add"), ("eve", "user_password")}


def test_both_dialects_and_batches_are_noted(caller: Any) -> None:
    got = caller.send("GET", "/transmission/rpc").headers["x-transmission-session-id"][0]
    stop = {"method": "torrent-stop", "arguments": {"ids": [2]}}
    caller.post(stop, "/transmission/rpc", X_Transmission_Session_Id=got)
    caller.post([{"jsonrpc": "2.0", "method": "torrent_start", "params": {"ids": 1}}] * 2)
    assert [(entry["method"], entry["ids"]) for entry in entries(caller)] == [
        ("torrent_start", [1]), ("torrent_start", [1]), ("torrent_stop", [2]),
    ]  # fmt: skip


def test_what_was_added_is_named(caller: Any) -> None:
    caller.call("torrent_add", filename="magnet:?xt=urn:btih:" + "ab" * 20 + "&tr=http://t/KEY")
    (entry,) = entries(caller)
    assert entry["ids"] == [1]
    assert json.loads(entry["params"])["filename"] == "magnet:?xt=urn:btih:" + "ab" * 20


def test_secrets_are_not_in_it(caller: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(passwords, "COSTS", (2, 1, 1))
    caller.call("user_add", name="eve", role="operator", password="SECRET-1-word")
    key = caller.call("api_key_add", name="phone", user="eve").result["key"]
    caller.call("user_password", old="SECRET-2", new="SECRET-3")
    caller.call(
        "torrent_add", filename="https://SECRET:SECRET@t.test/SECRET?k=SECRET", cookies="SECRET"
    )
    caller.call("torrent_add", metainfo="SECRET")
    caller.call("torrent_set", ids=1, tracker_list="http://a.test/SECRET\n\nudp://b.test:1/SECRET")
    caller.call("torrent_set", ids=1, tracker_add=["http://c.test/SECRET/announce"])
    caller.call("session_set", blocklist_url="https://lists.test/?pin=SECRET")
    answer = caller.call("audit_get")
    assert len(answer.result["entries"]) == 8
    assert b"SECRET" not in answer.body
    assert key.encode() not in answer.body
    assert b"http://c.test" in answer.body


WORDS = (
    st.text(max_size=40)
    | st.text("x", max_size=300)
    | st.sampled_from(["http://", "magnet:?xt=", "x://[::", "//", "\ud800"])
)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | WORDS,
    lambda inner: st.lists(inner, max_size=25) | st.dictionaries(WORDS, inner, max_size=4),
    max_leaves=25,
)


@settings(max_examples=50)
@given(st.dictionaries(st.text(max_size=20), VALUES, max_size=4))
def test_whatever_is_sent_is_shown_in_bounds(params: dict[str, Any]) -> None:
    assert len(shown(params)) <= LONGEST + 1


@given(secret=st.from_regex(r"[A-Za-z0-9]{12,40}", fullmatch=True), text=st.sampled_from([
    "http://t.test/{}/announce", "https://u:{}@t.test/", "http://t.test/a?passkey={}",
    "magnet:?xt=urn:btih:00&tr=http%3A%2F%2Ft.test%2F{}", "see http://t.test/{}#x and more",
    "udp://a.test:1\n\nudp://t.test:1/{}",
]))  # fmt: skip
def test_no_key_in_an_address_is_shown(secret: str, text: str) -> None:
    for value in (text.format(secret), [text.format(secret)], {"url": text.format(secret)}):
        assert secret not in shown({"value": value})


@pytest.mark.parametrize(
    "name", ["password", "api_key", "apikey", "key", "token", "cookies", "Authorization", "env"]
)
def test_what_is_called_like_a_secret_is_none_that_is_shown(name: str) -> None:
    assert shown({name: "abc", "inner": {name: ["abc"]}}).count("abc") == 0
    assert shown({name: True}) == json.dumps({name: True})


def test_settings_in_a_text_and_arguments_of_programs() -> None:
    text = json.dumps({"web_ui_password": "SECRET", "dl_limit": 5, "inner": [{"token": "SECRET"}]})
    found = shown({"json": text, "broken": '{"password": "SECRET"', "long": "[" + " " * 20_000})
    assert "SECRET" not in found
    assert "dl_limit" in found
    assert shown({"name": "[Group] a show"}) == '{"name": "[Group] a show"}'
    assert shown({"command": ["/bin/notify", "--token", "SECRET"]}) == json.dumps(
        {"command": ["/bin/notify", "…"]}
    )
    assert shown({"command": ["/bin/notify"]}) == json.dumps({"command": ["/bin/notify"]})


class Refusing:
    """A database that is gone, or does not answer."""

    def __init__(self) -> None:
        self.waiting: list[Deferred[None]] = []
        self.answers = False

    def add(self, entry: Any) -> Deferred[None]:
        if self.answers:
            return fail(StateError("the disk is gone"))
        self.waiting.append(Deferred())
        return self.waiting[-1]

    async def read(self, wanted: Any) -> list[Any]:
        return []


def test_a_database_that_does_not_answer_is_no_memory_without_end() -> None:
    memory = Refusing()
    log = AuditLog(memory, lambda: 0.0)
    for _ in range(WAITING + 50):
        log.note(BOB, "torrent_stop", {}, "ok", {})
    assert len(memory.waiting) == WAITING
    memory.waiting.pop().callback(None)
    log.note(BOB, "torrent_stop", {}, "ok", {})
    assert len(memory.waiting) == WAITING


def test_one_that_refuses_is_told_of_once(capsys: pytest.CaptureFixture[str]) -> None:
    memory = Refusing()
    memory.answers = True
    log = AuditLog(memory, lambda: 0.0)
    said: list[str] = []
    log.log = type("Log", (), {"error": lambda _, text, why: said.append(why)})()
    for _ in range(3):
        log.note(BOB, "torrent_stop", {}, "ok", {})
    assert said == ["the disk is gone"]
