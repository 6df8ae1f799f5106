"""p2pctl queue, groups, group, port-test, and what set and list have of these."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.clients.conftest import torrent

SETTINGS = {
    "download_queue_enabled": True, "download_queue_size": 1, "queue_stalled_enabled": True,
    "queue_stalled_minutes": 30, "seed_queue_enabled": False, "seed_queue_size": 10,
}  # fmt: skip
SLOW = {
    "honors_session_limits": False, "name": "slow", "speed_limit_down": 50,
    "speed_limit_down_enabled": True, "speed_limit_up": 20, "speed_limit_up_enabled": False,
}  # fmt: skip


@pytest.fixture(autouse=True)
def answers(daemon: Any) -> None:
    daemon.torrents = [
        torrent(1, "second", queue_position=1, status=3, group="slow"),
        torrent(2, "first", queue_position=0, is_stalled=True, bandwidth_priority=1),
    ]
    daemon.answers |= {
        "session_get": dict(SETTINGS), "session_set": {}, "torrent_set": {}, "group_set": {},
        "group_get": {"group": [dict(SLOW)]}, "group_remove": {},
        **{f"queue_move_{where}": {} for where in ("top", "up", "down", "bottom")},
    }  # fmt: skip


def test_the_queue_is_shown_in_its_order(p2pctl: Any) -> None:
    result = p2pctl("queue")
    assert result.exit_code == 0
    lines = result.stdout.splitlines()
    assert [line.split()[-1] for line in lines[:3]] == ["Name", "first", "second"]
    assert "downloading, stalled" in lines[1]
    assert "queued" in lines[2]
    assert "at most 1 torrent download at a time; 1 wait to download" in lines
    assert "as many seed as want to" in lines
    assert "one of which nothing moved for 30 minutes does not count" in lines


def test_the_queue_for_scripts(p2pctl: Any) -> None:
    told = json.loads(p2pctl("queue", "--json").stdout)
    assert [row["id"] for row in told.pop("torrents")] == [2, 1]
    assert told == SETTINGS


@pytest.mark.parametrize("where", ["top", "up", "down", "bottom"])
def test_torrents_are_moved(p2pctl: Any, daemon: Any, where: str) -> None:
    result = p2pctl("queue", "1-2", f"--{where}")
    assert result.exit_code == 0
    assert daemon.asked(f"queue_move_{where}") == [{"ids": [1, 2]}]
    assert f"1 second: moved {where}" in result.stdout


def test_one_is_moved_to_a_place(p2pctl: Any, daemon: Any) -> None:
    assert p2pctl("queue", "second", "--to", "0").exit_code == 0
    assert daemon.asked("torrent_set") == [{"ids": [1], "queue_position": 0}]
    assert p2pctl("queue", "1-2", "--to", "0").exit_code == 1


def test_how_many_run_is_set(p2pctl: Any, daemon: Any) -> None:
    result = p2pctl("queue", "--downloads", "3", "--seeds", "off", "--stalled", "10", "--json")
    assert json.loads(result.stdout) == SETTINGS
    assert daemon.asked("session_set") == [
        {
            "download_queue_enabled": True, "download_queue_size": 3, "seed_queue_enabled": False,
            "queue_stalled_enabled": True, "queue_stalled_minutes": 10,
        }
    ]  # fmt: skip


@pytest.mark.parametrize(
    "wrong",
    [
        ["1"], ["--top"], ["1", "--top", "--to", "1"], ["--downloads", "many"],
        ["--downloads", "-1"], ["--stalled", "0"], ["--seeds", "9999999"], ["--seeds", "\u0663"],
    ],
)  # fmt: skip
def test_what_makes_no_sense_is_wrong_usage(p2pctl: Any, daemon: Any, wrong: list[str]) -> None:
    assert p2pctl("queue", *wrong).exit_code == 2
    assert daemon.asked("session_set") == []


def test_groups_are_listed_with_their_members(p2pctl: Any, daemon: Any) -> None:
    lines = p2pctl("groups").stdout.splitlines()
    assert lines[1].split() == ["1", "50", "kB/s", *["no", "limit", "do", "not", "hold", "slow"]]
    daemon.answers["group_get"] = {"group": []}
    assert "there are no groups" in p2pctl("groups").stdout
    daemon.answers["group_get"] = {"group": [dict(SLOW)]}
    assert json.loads(p2pctl("groups", "--json").stdout) == [SLOW]


def test_a_group_is_made_filled_and_removed(p2pctl: Any, daemon: Any) -> None:
    words = ["--up", "none", "--down", "2MB", "--honor-session", "--add", "1-2", "--drop", "first"]
    result = p2pctl("group", "slow", *words)
    assert result.exit_code == 0
    assert daemon.asked("group_set") == [
        {
            "name": "slow", "speed_limit_down": 2000, "speed_limit_down_enabled": True,
            "speed_limit_up_enabled": False, "honors_session_limits": True,
        }
    ]  # fmt: skip
    assert daemon.asked("torrent_set") == [
        {"ids": [1, 2], "group": "slow"}, {"ids": [2], "group": ""}
    ]  # fmt: skip
    assert "group slow: 1 torrent, down 50 kB/s" in result.stdout
    assert p2pctl("group", "slow", "--remove").stdout == "group slow: removed\n"
    assert daemon.asked("group_remove") == [{"name": "slow"}]
    assert p2pctl("group", "slow", "--remove", "--up", "1").exit_code == 2


def test_set_has_groups_and_priorities(p2pctl: Any, daemon: Any) -> None:
    assert p2pctl("set", "1", "--group", "slow", "--priority", "high").exit_code == 0
    assert p2pctl("set", "1", "--no-group", "--priority", "normal").exit_code == 0
    assert daemon.asked("torrent_set") == [
        {"ids": [1], "group": "slow", "bandwidth_priority": 1},
        {"ids": [1], "group": "", "bandwidth_priority": 0},
    ]
    assert p2pctl("set", "1", "--no-group", "--group", "a").exit_code == 2


def test_info_and_list_know_them(p2pctl: Any) -> None:
    said = p2pctl("info", "first").stdout
    assert "Place in the queue" in said
    assert "ratio 2, time 7 d, then super seed" in said
    assert "Owner               bob" in said
    assert "high" in said
    rows = json.loads(p2pctl("list", "--sort", "queue", "--json").stdout)
    assert [row["id"] for row in rows] == [2, 1]
    rows = json.loads(p2pctl("list", "--state", "queued", "--json").stdout)
    assert [row["id"] for row in rows] == [1]


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (
            {"port_is_open": True, "ip_protocol": "ipv4", "last_incoming_date": 1_700_000_000},
            "the port is open: somebody came over IPv4",
        ),
        (
            {"port_is_open": False, "ip_protocol": "ipv6", "last_incoming_date": 1_700_000_000},
            "nobody came over IPv6 in the last hour; the last one did",
        ),
        (
            {"port_is_open": False, "last_incoming_date": 0},
            "nobody outside the local network has come since the start",
        ),
    ],
)
def test_the_port_test(p2pctl: Any, daemon: Any, answer: dict[str, Any], words: str) -> None:
    daemon.answers["port_test"] = answer
    assert words in p2pctl("port-test").stdout
    assert json.loads(p2pctl("port-test", "--json", "--ipv6").stdout) == answer
    assert daemon.asked("port_test") == [{}, {"ip_protocol": "ipv6"}]
