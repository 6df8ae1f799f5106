"""p2pctl node, nodes."""

from __future__ import annotations

import json
from typing import Any

KEY = "ab" * 32
NODES = [
    {"key": KEY, "name": "friend\x1b", "since": 1_700_000_000, "address": "192.0.2.1",
     "connections": 2},
    {"key": "cd" * 32, "name": "", "since": 1_700_000_000, "address": "", "connections": 0},
]  # fmt: skip
IDENTITY = {"key": KEY, "former_key": "", "problem": "", "shown_to": "trusted"}


def test_the_key_of_this_node_is_shown(p2pctl: Any, daemon: Any) -> None:
    daemon.answers["node_identity"] = IDENTITY
    output = p2pctl("node").output
    assert KEY in output
    assert "nodes that it trusts" in output
    assert "vouches" not in output
    daemon.answers["node_identity"] = {**IDENTITY, "former_key": "cd" * 32}
    assert f"{'cd' * 32}, which vouches for it" in p2pctl("node").output
    daemon.answers["node_identity"] = IDENTITY
    assert json.loads(p2pctl("node", "--json").output) == IDENTITY


def test_why_there_is_no_key_is_said(p2pctl: Any, daemon: Any) -> None:
    daemon.answers["node_identity"] = {**IDENTITY, "key": "", "problem": "it is sealed"}
    result = p2pctl("node")
    assert result.exit_code == 1
    assert "it is sealed" in result.output


def test_another_key_is_had_when_it_is_meant(p2pctl: Any, daemon: Any) -> None:
    daemon.answers["node_rotate"] = {**IDENTITY, "former_key": "cd" * 32}
    assert p2pctl("node", "rotate").exit_code == 2
    assert daemon.asked("node_rotate") == []
    assert KEY in p2pctl("node", "rotate", "--yes").output
    assert p2pctl("node", "rotate", "-y", "--stranger").exit_code == 0
    assert daemon.asked("node_rotate") == [{"succession": True}, {"succession": False}]


def test_trusted_nodes_are_listed(p2pctl: Any, daemon: Any) -> None:
    daemon.answers["nodes_list"] = {"nodes": NODES}
    _, first, second = p2pctl("nodes").output.splitlines()
    assert first.startswith("friend")
    assert KEY in first
    assert "\x1b" not in first
    assert "192.0.2.1" in first
    assert "cd" * 32 in second
    daemon.answers["nodes_list"] = {"nodes": []}
    assert "no nodes are trusted" in p2pctl("nodes").output
    daemon.answers["nodes_list"] = {"nodes": NODES}
    assert json.loads(p2pctl("nodes", "--json").output) == NODES


def test_nodes_are_trusted_under_a_name(p2pctl: Any, daemon: Any) -> None:
    daemon.answers["nodes_trust"] = {}
    assert p2pctl("nodes", "trust", KEY, "--name", "friend").output == "friend: trusted\n"
    assert p2pctl("nodes", "trust", KEY).output == f"{KEY}: trusted\n"
    assert daemon.asked("nodes_trust")[0] == {"key": KEY, "name": "friend"}


def test_nodes_are_trusted_no_more_by_key_or_name(p2pctl: Any, daemon: Any) -> None:
    named = [{**NODES[0], "name": "friend"}, NODES[1]]
    daemon.answers["nodes_list"] = {"nodes": named}
    daemon.answers["nodes_untrust"] = {"removed": 2}
    output = p2pctl("nodes", "untrust", "friend", "cd" * 32).output
    assert output == "2 nodes trusted no more\n"
    assert daemon.asked("nodes_untrust") == [{"keys": [KEY, "cd" * 32]}]
    assert "no trusted node is called nobody" in p2pctl("nodes", "untrust", "nobody").output
    daemon.answers["nodes_list"] = {"nodes": [named[0], {**named[1], "name": "friend"}]}
    result = p2pctl("nodes", "untrust", "friend")
    assert result.exit_code == 1
    assert "several trusted nodes are called friend" in result.output
