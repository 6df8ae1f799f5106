"""p2pctl limits, limit, alt-speeds; speeds, days and times as people write them."""

from __future__ import annotations

import json
from typing import Any

import click
import pytest

from p2pd.clients.cli.speeds import (
    ALL_DAYS,
    NO_LIMIT,
    day_words,
    limit_in_both_units,
    limit_words,
    read_days,
    read_speed,
    read_time,
    time_words,
)

SETTINGS = {
    "alt_speed_down": 50, "alt_speed_enabled": False, "alt_speed_time_begin": 1380,
    "alt_speed_time_day": 0b0111110, "alt_speed_time_enabled": True, "alt_speed_time_end": 420,
    "alt_speed_up": 20, "limit_local_peers": True, "peer_speed_limit_down": 0,
    "peer_speed_limit_up": 64, "speed_limit_down": 500, "speed_limit_down_enabled": True,
    "speed_limit_up": 100, "speed_limit_up_enabled": False,
}  # fmt: skip
LABELS = [
    {"label": "b", "torrent_count": 1, "speed_limit_down": None, "speed_limit_up": 3},
    {"label": "free", "torrent_count": 1, "speed_limit_down": None, "speed_limit_up": None},
    {"label": "li\x1b[31mnux", "torrent_count": 0, "speed_limit_down": 7, "speed_limit_up": None},
]


@pytest.fixture
def settings(daemon: Any) -> dict[str, Any]:
    """What the daemon says its settings are."""
    daemon.answers["session_get"] = dict(SETTINGS)
    daemon.answers["label_get"] = {"labels": LABELS}
    found: dict[str, Any] = daemon.answers["session_get"]
    return found


@pytest.mark.parametrize(
    ("text", "kilobytes"),
    [
        ("500", 500), ("0", 0), ("1.4", 1), ("500kB/s", 500), ("2M", 2000), ("2MB", 2000),
        ("1.5 MB/s", 1500), ("512KiB", 524), ("1mib", 1049), ("1GB", 1_000_000),
        (" none ", NO_LIMIT), ("NONE", NO_LIMIT),
    ],
)  # fmt: skip
def test_speeds_are_read_with_units_of_either_kind(text: str, kilobytes: int) -> None:
    assert read_speed(text) == kilobytes


@pytest.mark.parametrize(
    "text", ["", "fast", "-1", "0.4", "1e3", "2TB", "5 B", "1,5", "nan", "9" * 30, "MB"]
)
def test_what_is_no_speed_is_refused_in_words(text: str) -> None:
    with pytest.raises(click.BadParameter, match=r"a speed is a number|the least limit"):
        read_speed(text)


@pytest.mark.parametrize(
    ("text", "days", "words"),
    [
        ("mon-fri", 0b0111110, "mon-fri"), ("sat,sun", 0b1000001, "sat,sun"),
        ("all", ALL_DAYS, "every day"), ("Fri-Mon", 0b1100011, "mon,fri-sun"),
        ("wed", 0b0001000, "wed"), ("mon-sun", ALL_DAYS, "every day"),
        ("sat-tue, thu", 0b1010111, "mon,tue,thu,sat,sun"),
    ],
)  # fmt: skip
def test_days_are_read_and_told(text: str, days: int, words: str) -> None:
    assert read_days(text) == days
    assert day_words(days) == words
    assert read_days(words.replace("every day", "all")) == days
    assert day_words(0) == "no day"


def test_times_of_day_are_read_and_told() -> None:
    for text, minutes in (("0:00", 0), ("9:05", 545), ("23:59", 1439), ("24:00", 1440)):
        assert read_time(text) == minutes
        assert time_words(minutes) == text.zfill(5)


@pytest.mark.parametrize("text", ["24:01", "9", "9:60", "noon", "-1:00", "99:00"])
def test_what_is_no_time_and_no_day_is_refused(text: str) -> None:
    with pytest.raises(click.BadParameter, match="a time of day is like"):
        read_time(text)
    with pytest.raises(click.BadParameter, match="days are like"):
        read_days(text)


def test_limits_are_told_in_words() -> None:
    assert limit_words(500) == "500 kB/s"
    assert limit_in_both_units(500) == "500 kB/s (488.3 KiB/s)"
    assert limit_words(0) == limit_in_both_units(0) == "0: nothing"
    assert limit_words(None) == limit_in_both_units(NO_LIMIT) == "no limit"


def test_all_limits_are_shown(p2pctl: Any, daemon: Any, settings: dict[str, Any]) -> None:
    daemon.torrents[0] |= {
        "download_limit": 70, "download_limited": True, "download_limit_in_force": 7000,
        "upload_limit": 5, "upload_limit_in_force": -1,
    }  # fmt: skip
    daemon.torrents[2] |= {"honors_session_limits": False}
    output = p2pctl("limits").output
    assert "\x1b" not in output
    lines = [" ".join(line.split()) for line in output.splitlines()]
    assert lines[1:] == [
        "session 500 kB/s no limit in force",
        "alternative speeds 50 kB/s 20 kB/s off",
        "each peer no limit 64 kB/s in force",
        "label b no limit 3 kB/s in force",
        "label li[31mnux 7 kB/s no limit in force",
        "1 Big Film ]0;ownedgpj.exe 70 kB/s no limit lowest: down 7 kB/s, up no limit",
        "3 Music no limit no limit lowest: down no limit, up no limit, ignores the session's",
        "the alternative speeds are scheduled: mon-fri, 23:00 to 07:00 of the next day",
        "peers in the local network are under the limits too",
    ]
    settings |= {"alt_speed_enabled": True, "alt_speed_time_enabled": False}
    lines = [" ".join(line.split()) for line in p2pctl("limits").output.splitlines()]
    assert lines[1:3] == [
        "session 500 kB/s no limit the alternative speeds hold",
        "alternative speeds 50 kB/s 20 kB/s in force",
    ]
    assert lines[-2] == "there is no schedule for the alternative speeds"
    told = json.loads(p2pctl("limits", "--json").output)
    assert told["alt_speed_down"] == 50
    assert [torrent["id"] for torrent in told["torrents"]] == [1, 3]


def test_limits_of_a_torrent_are_shown_without_the_sessions(p2pctl: Any, daemon: Any) -> None:
    _, line = p2pctl("limits", "Music").output.splitlines()
    assert line.split()[:2] == ["3", "Music"]
    assert not daemon.asked("session_get")
    assert json.loads(p2pctl("limits", "Music", "--json").output)["torrents"][0]["id"] == 3


@pytest.mark.parametrize(
    ("arguments", "changes"),
    [
        (["--down", "500"], {"speed_limit_down": 500, "speed_limit_down_enabled": True}),
        (["--up", "none"], {"speed_limit_up_enabled": False}),
        (["--down", "0", "--up", "2M"],
         {"speed_limit_down": 0, "speed_limit_down_enabled": True,
          "speed_limit_up": 2000, "speed_limit_up_enabled": True}),
        (["--spare-local"], {"limit_local_peers": False}),
        (["--each-peer", "--down", "9"], {"peer_speed_limit_down": 9}),
        (["--each-peer", "--up", "none"], {"peer_speed_limit_up": 0}),
    ],
)  # fmt: skip
def test_limits_of_the_session_are_set(
    p2pctl: Any, daemon: Any, settings: dict[str, Any], arguments: list[str], changes: Any
) -> None:
    result = p2pctl("limit", *arguments)
    assert result.exit_code == 0, result.output
    assert daemon.asked("session_set") == [changes]
    assert p2pctl("limit", *arguments, "--json").output == json.dumps(settings) + "\n"


def test_what_was_set_is_told(p2pctl: Any, daemon: Any, settings: dict[str, Any]) -> None:
    assert p2pctl("limit", "--up", "none").output == (
        "session: down 500 kB/s (488.3 KiB/s), up no limit\n"
    )
    settings["alt_speed_enabled"], settings["limit_local_peers"] = True, False
    _, second, third = p2pctl("limit", "--up", "none").output.splitlines()
    assert second == "the alternative speeds hold instead, until they are turned off"
    assert third == "peers in the local network are under no limit"
    assert "every single peer: down no limit" in p2pctl("limit", "--each-peer", "--up", "9").output
    assert p2pctl("limit", "--label", "li\x1b[31mnux", "--up", "none").output.splitlines() == [
        "label li[31mnux: down 7 kB/s (6.8 KiB/s), up no limit",
        "no torrent has this label now",
    ]
    assert "now" not in p2pctl("limit", "--label", "b", "--up", "3").output
    assert json.loads(p2pctl("limit", "--label", "b", "--up", "3", "--json").output) == LABELS[0]
    assert daemon.asked("label_set")[:2] == [
        {"label": "li\x1b[31mnux", "speed_limit_up": None}, {"label": "b", "speed_limit_up": 3},
    ]  # fmt: skip


def test_limits_of_torrents_are_set(p2pctl: Any, daemon: Any) -> None:
    result = p2pctl("limit", "Music", "1", "--down", "1MB", "--up", "none", "--ignore-session")
    assert result.exit_code == 0
    assert [line.split()[0] for line in result.output.splitlines()[1:]] == ["1", "3"]
    assert p2pctl("limit", "Music", "--honor-session", "--json").exit_code == 0
    assert daemon.asked("torrent_set") == [
        {"ids": [3, 1], "download_limit": 1000, "download_limited": True,
         "upload_limited": False, "honors_session_limits": False},
        {"ids": [3], "honors_session_limits": True},
    ]  # fmt: skip
    assert not daemon.asked("session_set")


@pytest.mark.parametrize(
    ("arguments", "status", "words"),
    [
        (["limit"], 2, "say what to set"),
        (["limit", "Music"], 2, "say what to set"),
        (["limit", "Music", "--each-peer", "--up", "1"], 2, "exclude each other"),
        (["limit", "--label", "b", "--each-peer", "--up", "1"], 2, "exclude each other"),
        (["limit", "--label", "b", "--honor-session"], 2, "name the torrents"),
        (["limit", "Music", "--spare-local"], 2, "for the whole session"),
        (["limit", "--label", "b"], 2, "say what to set"),
        (["limit", "--up", "fast"], 2, "a speed is a number of kB/s"),
        (["limit", "--each-peer", "--up", "0"], 1, "a peer to ban"),
        (["limit", "nowhere", "--up", "1"], 1, "no torrent is called 'nowhere'"),
        (["limits", "nowhere"], 1, "no torrent is called 'nowhere'"),
        (["alt-speeds", "maybe"], 2, "'maybe' is not one of"),
        (["alt-speeds", "--down", "none"], 2, "always limits"),
        (["alt-speeds", "--days", "someday"], 2, "days are like"),
        (["alt-speeds", "--from", "9"], 2, "a time of day is like"),
        (["alt-speeds", "--no-schedule", "--to", "9:00"], 2, "exclude each other"),
    ],
)  # fmt: skip
def test_what_makes_no_sense_is_refused(
    p2pctl: Any, daemon: Any, settings: Any, arguments: list[str], status: int, words: str
) -> None:
    result = p2pctl(*arguments)
    assert result.exit_code == status
    assert words in result.output
    assert not daemon.asked("session_set")
    assert not daemon.asked("torrent_set")


@pytest.mark.parametrize(
    ("arguments", "changes"),
    [
        (["on"], [{"alt_speed_enabled": True}]),
        (["off"], [{"alt_speed_enabled": False}]),
        (["--down", "5", "--up", "0"], [{"alt_speed_down": 5, "alt_speed_up": 0}]),
        (["--no-schedule"], [{"alt_speed_time_enabled": False}]),
        (["--schedule"], [{"alt_speed_time_enabled": True}]),
        (["--from", "23:00", "--to", "7:00", "--days", "mon-fri", "on"],
         [{"alt_speed_time_begin": 1380, "alt_speed_time_end": 420, "alt_speed_time_day": 62,
           "alt_speed_time_enabled": True}, {"alt_speed_enabled": True}]),
        ([], []),
    ],
)  # fmt: skip
def test_alternative_speeds_are_turned_set_and_scheduled(
    p2pctl: Any, daemon: Any, settings: dict[str, Any], arguments: list[str], changes: Any
) -> None:
    result = p2pctl("alt-speeds", *arguments)
    assert result.exit_code == 0, result.output
    assert daemon.asked("session_set") == changes
    assert result.output.splitlines() == [
        "the alternative speeds are off: down 50 kB/s (48.8 KiB/s), up 20 kB/s (19.5 KiB/s)",
        "the alternative speeds are scheduled: mon-fri, 23:00 to 07:00 of the next day",
    ]
    assert json.loads(p2pctl("alt-speeds", *arguments, "--json").output) == settings


def test_info_tells_the_limits_that_hold(p2pctl: Any, daemon: Any) -> None:
    assert "at most" not in p2pctl("info", "Music").output
    daemon.torrents[2] |= {"download_limit_in_force": 500_000, "upload_limit_in_force": 0}
    output = " ".join(p2pctl("info", "Music").output.split())
    assert "Down at most 500 kB/s (488.3 KiB/s) Up at most 0: nothing" in output
