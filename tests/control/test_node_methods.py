"""node_identity, node_rotate; nodes_trust, nodes_untrust, nodes_list: p2pd's own."""

from __future__ import annotations

from typing import Any

import pytest

KEY = "ab" * 32


def test_who_this_node_is(caller: Any) -> None:
    assert caller.call("node_identity").result == {
        "key": "aa" * 32, "former_key": "bb" * 32, "problem": "", "shown_to": "trusted",
    }  # fmt: skip


def test_another_key(caller: Any, session: Any) -> None:
    assert caller.call("node_rotate").result["key"] == "ac" * 32
    caller.call("node_rotate", succession=False)
    assert session.asked == [("rotate", True), ("rotate", False)]


def test_nodes_are_trusted_and_trusted_no_more(caller: Any, session: Any) -> None:
    assert caller.call("nodes_trust", key=KEY.upper(), name="friend").result == {}
    assert caller.call("nodes_trust", key=KEY).result == {}
    assert caller.call("nodes_untrust", keys=[KEY]).result == {"removed": 1}
    key = bytes.fromhex(KEY)
    assert session.asked == [("trust", key, "friend"), ("trust", key, ""), ("untrust", (key,))]


def test_trusted_nodes_are_listed(caller: Any) -> None:
    assert caller.call("nodes_list").result == {
        "nodes": [
            {"address": "192.0.2.1", "connections": 2, "key": "cc" * 32, "name": "friend",
             "since": 1000}
        ]
    }  # fmt: skip


def test_a_key_that_is_nobodys_is_refused_in_words(caller: Any) -> None:
    _, sentence = caller.call("nodes_trust", key="00" * 32).error
    assert "anybody can sign" in sentence


@pytest.mark.parametrize(
    ("method", "params"),
    [
        ("nodes_trust", {}),
        ("nodes_trust", {"key": "ab"}),
        ("nodes_trust", {"key": "zz" * 32}),
        ("nodes_trust", {"key": "ä" * 64}),
        ("nodes_trust", {"key": "٣" * 64}),
        ("nodes_trust", {"key": KEY, "name": "x" * 61}),
        ("nodes_untrust", {"keys": KEY}),
        ("nodes_untrust", {"keys": [KEY] * 501}),
        ("node_rotate", {"succession": "yes"}),
    ],
)
def test_refusals(caller: Any, session: Any, method: str, params: dict[str, Any]) -> None:
    code, sentence = caller.call(method, **params).error
    assert code == -32602
    assert sentence
    assert session.asked == []
