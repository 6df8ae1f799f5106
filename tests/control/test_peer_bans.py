"""peer_ban, peer_unban, peer_banned: p2pd's own."""

from __future__ import annotations

from typing import Any

import pytest

from p2pd.base.addresses import PeerAddress


def test_hosts_and_peers_are_banned(caller: Any, session: Any) -> None:
    answer = caller.call("peer_ban", addresses=["192.0.2.1", "2001:DB8::1", "[::1]:9"], hours=2)
    assert answer.result == {}
    addresses = (PeerAddress("192.0.2.1", 0), PeerAddress("2001:db8::1", 0), PeerAddress("::1", 9))
    caller.call("peer_ban", addresses=["192.0.2.1:5"], reason="it lied", hours=0)
    caller.call("peer_ban", addresses=["192.0.2.1"])
    assert session.asked == [
        ("ban", addresses, "by hand", 7200.0, ()),
        ("ban", (PeerAddress("192.0.2.1", 5),), "it lied", 0.0, ()),
        ("ban", (PeerAddress("192.0.2.1", 0),), "by hand", None, ()),
    ]


def test_bans_are_lifted(caller: Any, session: Any) -> None:
    assert caller.call("peer_unban", addresses=["192.0.2.1", "[::1]:9"]).result == {"lifted": 2}
    lifted = (PeerAddress("192.0.2.1", 0), PeerAddress("::1", 9))
    assert session.asked == [("lift_bans", lifted, ())]


def test_nodes_are_banned_by_their_keys(caller: Any, session: Any) -> None:
    assert caller.call("peer_ban", keys=["AB" * 32], hours=0).result == {}
    assert caller.call("peer_unban", keys=["ab" * 32]).result == {"lifted": 1}
    key = b"\xab" * 32
    assert session.asked == [("ban", (), "by hand", 0.0, (key,)), ("lift_bans", (), (key,))]


def test_bans_are_listed(caller: Any) -> None:
    assert caller.call("peer_banned").result == {
        "bans": [
            {"address": "192.0.2.1", "port": 0, "peer_id": "", "reason": "it lied",
             "since": 1000, "until": -1, "node_key": ""},
            {"address": "::1", "port": 6881, "peer_id": "/w==", "reason": "by hand",
             "since": 2000, "until": 3000, "node_key": ""},
            {"address": "", "port": 0, "peer_id": "", "reason": "by hand",
             "since": 2500, "until": -1, "node_key": "cd" * 32},
        ]
    }  # fmt: skip


@pytest.mark.parametrize(
    "params",
    [{}, {"addresses": "192.0.2.1"}, {"addresses": ["host.test"]}, {"addresses": [5]},
     {"addresses": ["192.0.2.1:0"]}, {"addresses": ["192.0.2.1"], "hours": -1},
     {"addresses": ["192.0.2.1"], "hours": 0.5}, {"addresses": ["192.0.2.1"], "reason": "x" * 201},
     {"addresses": ["192.0.2.1"] * 2001}, {"keys": []}, {"keys": ["ab"]}, {"keys": ["x" * 64]},
     {"keys": [7]}],
)  # fmt: skip
def test_refusals(caller: Any, session: Any, params: Any) -> None:
    code, sentence = caller.call("peer_ban", **params).error
    assert code == -32602
    assert sentence
    assert session.asked == []
