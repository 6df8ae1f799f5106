"""p2pctl bans, ban, unban."""

from __future__ import annotations

import json
from typing import Any

BANS = [
    {"address": "192.0.2.1", "port": 0, "peer_id": "", "node_key": "", "reason": "it lied\x1b[31m",
     "since": 1_700_000_000, "until": -1},
    {"address": "2001:db8::1", "port": 6881, "peer_id": "AA==", "node_key": "", "reason": "by hand",
     "since": 1_700_000_000, "until": 1_700_003_600},
    {"address": "127.0.0.1", "port": 0, "peer_id": "AA==", "node_key": "", "reason": "x",
     "since": 1_700_000_000, "until": -1},
    {"address": "", "port": 0, "peer_id": "", "node_key": "ab" * 32, "reason": "y",
     "since": 1_700_000_000, "until": -1},
]  # fmt: skip


def test_bans_are_listed(p2pctl: Any, daemon: Any) -> None:
    daemon.answers["peer_banned"] = {"bans": BANS}
    _, first, second, third, fourth = p2pctl("bans").output.splitlines()
    assert first.startswith("192.0.2.1 ")
    assert "until" not in first
    assert "it is lifted" in first
    assert "it lied" in first
    assert "\x1b" not in first
    assert second.startswith("[2001:db8::1]:6881 ")
    assert "one peer there" in third
    assert fourth.startswith(f"node {'ab' * 32} ")
    daemon.answers["peer_banned"] = {"bans": []}
    assert "nobody is banned" in p2pctl("bans").output
    daemon.answers["peer_banned"] = {"bans": BANS}
    assert json.loads(p2pctl("bans", "--json").output) == BANS


def test_a_ban_names_addresses_reason_and_hours(p2pctl: Any, daemon: Any) -> None:
    daemon.answers["peer_ban"] = {}
    result = p2pctl("ban", "192.0.2.1", "192.0.2.2:80", "--reason", "no", "--hours", "0")
    assert result.exit_code == 0
    assert result.output.splitlines() == ["192.0.2.1: banned", "192.0.2.2:80: banned"]
    assert p2pctl("ban", "::1").exit_code == 0
    assert daemon.asked("peer_ban") == [
        {"addresses": ["192.0.2.1", "192.0.2.2:80"], "reason": "no", "hours": 0},
        {"addresses": ["::1"]},
    ]
    assert p2pctl("ban", "--key", "ab" * 32).output == f"{'ab' * 32}: banned\n"
    assert daemon.asked("peer_ban")[-1] == {"keys": ["ab" * 32]}
    assert p2pctl("ban").exit_code == 2
    assert p2pctl("unban").exit_code == 2
    assert p2pctl("ban", "::1", "--hours", "-1").exit_code == 2


def test_bans_are_lifted_and_counted(p2pctl: Any, daemon: Any) -> None:
    daemon.answers["peer_unban"] = {"lifted": 1}
    assert p2pctl("unban", "192.0.2.1").output == "1 ban lifted\n"
    daemon.answers["peer_unban"] = {"lifted": 0}
    assert p2pctl("unban", "192.0.2.1").output == "0 bans lifted\n"
    assert json.loads(p2pctl("unban", "::1", "--json").output) == {"lifted": 0}
    assert daemon.asked("peer_unban")[0] == {"addresses": ["192.0.2.1"]}
