"""p2pctl share-limits, share-limit, labels, label, tracker-rules, tracker-rule."""

from __future__ import annotations

import json
from typing import Any

import click
import pytest

from p2pd.clients.cli.giving import Wish, minutes_words, read_minutes, read_ratio

SETTINGS = {
    "idle_seeding_limit": 30, "idle_seeding_limit_enabled": False, "seed_limit_action": "stop",
    "seed_ratio_limit": 2.0, "seed_ratio_limited": True, "seed_time_limit": 2880,
    "seed_time_limited": True,
}  # fmt: skip
SAYS_NOTHING = {
    "download_dir": None, "seed_idle_limit": None, "seed_idle_mode": None,
    "seed_limit_action": None, "seed_ratio_limit": None, "seed_ratio_mode": None,
    "seed_time_limit": None, "seed_time_mode": None, "speed_limit_down": None,
    "speed_limit_up": None, "torrent_count": 0,
}  # fmt: skip
LABELS = [
    {**SAYS_NOTHING, "label": "fi\x1b[31mlms", "torrent_count": 3, "move_torrents": True,
     "download_dir": "/films", "seed_ratio_mode": 1, "seed_ratio_limit": 1.5,
     "seed_limit_action": "remove_with_data", "speed_limit_up": 20},
    {**SAYS_NOTHING, "label": "linux", "move_torrents": None},
]  # fmt: skip
RULES = [{**SAYS_NOTHING, "host": "example.org", "label": "linux", "seed_idle_mode": 2,
          "seed_idle_limit": None}]  # fmt: skip
OF_TORRENT = {
    "is_finished": False, "seed_idle_limit": 30, "seed_idle_mode": 0,
    "seed_limit_action": "session", "seed_ratio_limit": 2.0, "seed_ratio_mode": 0,
    "seed_time_limit": 1440, "seed_time_mode": 0, "seed_limits_reached": [],
    "seed_limits_in_force": {
        "action": "stop", "idle_limit": None, "ratio_limit": 2.0, "time_limit": 90
    },
}  # fmt: skip


@pytest.fixture
def limited(daemon: Any) -> Any:
    daemon.answers["session_get"] = dict(SETTINGS)
    daemon.answers["label_get"] = {"labels": LABELS}
    daemon.answers["tracker_rule_get"] = {"rules": RULES}
    for torrent in daemon.torrents:
        torrent.update(OF_TORRENT)
    daemon.torrents[1].update(
        seed_ratio_mode=1, seed_limits_reached=["ratio", "idle"], is_finished=True
    )
    daemon.torrents[2].update(seed_limits_reached=["time"])
    return daemon


def lines_of(result: Any) -> list[str]:
    assert result.exit_code == 0, result.output
    return [" ".join(line.split()) for line in result.output.splitlines()]


@pytest.mark.parametrize(
    ("text", "wish"),
    [("2", Wish(1, 2.0)), ("0.25", Wish(1, 0.25)), ("NONE", Wish(2)), (" default", Wish(0))],
)
def test_ratios_are_read(text: str, wish: Wish) -> None:
    assert read_ratio(text) == wish


@pytest.mark.parametrize(
    ("text", "minutes"), [("45", 45), ("90m", 90), ("12h", 720), ("7D", 10080), ("0", 0)]
)
def test_times_are_read(text: str, minutes: int) -> None:
    assert read_minutes(text) == Wish(1, minutes)


@pytest.mark.parametrize("text", ["", "-1", "1e3", "nan", "1.", "two", "9" * 20])
def test_what_is_neither_is_refused(text: str) -> None:
    for read in (read_ratio, read_minutes):
        with pytest.raises(click.BadParameter, match="none, or default"):
            read(text)


def test_times_are_told_in_their_greatest_unit() -> None:
    assert [minutes_words(n) for n in (0, 45, 90, 120, 2880, None)] == [
        "0 min", "45 min", "90 min", "2 h", "2 d", "none",
    ]  # fmt: skip


def test_who_says_anything_is_shown(p2pctl: Any, limited: Any) -> None:
    assert lines_of(p2pctl("share-limits")) == [
        "Limits of Ratio Idle Time Then State",
        "session 2 none 2 d stop",
        "label fi[31mlms 1.5 remove with data",
        "tracker example.org none",
        "2 other film 2 none 90 min stop reached its ratio and idle limit",
    ]
    shown = json.loads(p2pctl("share-limits", "--json").output)
    assert shown["labels"] == LABELS[:1]
    assert [torrent["id"] for torrent in shown["torrents"]] == [2]


def test_what_holds_for_torrents_is_shown(p2pctl: Any, limited: Any) -> None:
    _, line = lines_of(p2pctl("share-limits", "Music"))
    assert line == "3 Music 2 none 90 min stop reached its time limit, and goes on"
    assert not limited.asked("session_get")


@pytest.mark.parametrize(
    ("arguments", "changes"),
    [
        (["--ratio", "2"], {"seed_ratio_limit": 2.0, "seed_ratio_limited": True}),
        (["--idle", "none"], {"idle_seeding_limit_enabled": False}),
        (["--time", "2h", "--then", "super-seed"],
         {"seed_time_limit": 120, "seed_time_limited": True, "seed_limit_action": "super_seed"}),
    ],
)  # fmt: skip
def test_the_sessions_limits_are_set(
    p2pctl: Any, limited: Any, arguments: list[str], changes: Any
) -> None:
    assert lines_of(p2pctl("share-limit", *arguments))[1].startswith("session")
    assert limited.asked("session_set") == [changes]
    assert json.loads(p2pctl("share-limit", *arguments, "--json").output) == {"session": SETTINGS}


@pytest.mark.parametrize(
    ("arguments", "changes"),
    [
        (["--ratio", "none", "--idle", "7d"],
         {"seed_ratio_mode": 2, "seed_idle_mode": 1, "seed_idle_limit": 10080}),
        (["--time", "default", "--then", "default"],
         {"seed_time_mode": 0, "seed_limit_action": "session"}),
    ],
)  # fmt: skip
def test_limits_of_torrents_are_set(
    p2pctl: Any, limited: Any, arguments: list[str], changes: Any
) -> None:
    assert lines_of(p2pctl("share-limit", "Music", *arguments))[1].startswith("3 Music")
    assert limited.asked("torrent_set") == [{"ids": [3], **changes}]


def test_labels_are_listed(p2pctl: Any, limited: Any) -> None:
    assert lines_of(p2pctl("labels")) == [
        "Label Torrents Down Up Ratio Idle Time Then Folder Moves",
        "fi[31mlms 3 20 kB/s 1.5 remove with data /films yes",
        "linux 0",
    ]
    limited.answers["label_get"] = {"labels": []}
    assert lines_of(p2pctl("labels")) == ["there is no label"]
    limited.answers["label_get"] = {"labels": LABELS}
    assert json.loads(p2pctl("labels", "--json").output) == LABELS


@pytest.mark.parametrize(
    ("arguments", "method", "params", "said"),
    [
        (["--download-dir", "/x/../y", "--move-torrents"], "label_set",
         {"download_dir": "/y", "move_torrents": True}, "set"),
        (["--download-dir", "none", "--ratio", "default", "--then", "default"], "label_set",
         {"download_dir": None, "seed_ratio_mode": None, "seed_ratio_limit": None,
          "seed_limit_action": None}, "set"),
        (["--up", "2M", "--down", "none", "--then", "remove"], "label_set",
         {"speed_limit_up": 2000, "speed_limit_down": None, "seed_limit_action": "remove"}, "set"),
        ([], "label_set", {}, "set"),
        (["--rename", "movies"], "label_rename", {"name": "movies"},
         "is movies now, on 2 torrents"),
        (["--forget"], "label_remove", {"from_torrents": False}, "says nothing any more"),
        (["--forget", "--from-torrents"], "label_remove", {"from_torrents": True},
         "removed from all torrents"),
    ],
)  # fmt: skip
def test_a_label_is_changed(
    p2pctl: Any, limited: Any, arguments: list[str], method: str, params: Any, said: str
) -> None:
    limited.answers["label_rename"] = {"torrent_count": 2}
    assert lines_of(p2pctl("label", "films", *arguments)) == [f"label films: {said}"]
    assert limited.asked(method) == [{"label": "films", **params}]


def test_rules_for_trackers_are_listed(p2pctl: Any, limited: Any) -> None:
    assert lines_of(p2pctl("tracker-rules")) == [
        "Tracker Torrents Down Up Ratio Idle Time Then Folder Label", "example.org 0 none linux",
    ]  # fmt: skip
    limited.answers["tracker_rule_get"] = {"rules": []}
    assert lines_of(p2pctl("tracker-rules")) == ["there is no rule for a tracker"]


def test_a_rule_for_a_tracker_is_changed(p2pctl: Any, limited: Any) -> None:
    said = lines_of(p2pctl("tracker-rule", "example.org", "--label", "none", "--time", "1d"))
    assert said == ["tracker example.org: set"]
    params = {"host": "example.org", "label": None, "seed_time_mode": 1, "seed_time_limit": 1440}
    assert limited.asked("tracker_rule_set") == [params]
    said = lines_of(p2pctl("tracker-rule", "example.org", "--forget"))
    assert said == ["tracker example.org: no rule any more"]
    assert limited.asked("tracker_rule_remove") == [{"host": "example.org"}]


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["share-limit"], "say what to set"), (["share-limit", "--ratio", "x"], "a ratio is"),
        (["share-limit", "--ratio", "default"], "the session has no default"),
        (["share-limit", "--then", "sell"], "sell"),
        (["label", "a", "--rename", "b", "--up", "1"], "one at a time"),
        (["label", "a", "--rename", "b", "--forget"], "one at a time"),
        (["label", "a", "--from-torrents"], "is for --forget"),
        (["tracker-rule", "a"], "say what to set"),
        (["tracker-rule", "a", "--forget", "--up", "1"], "say what to set"),
    ],
)  # fmt: skip
def test_wrong_usage(p2pctl: Any, limited: Any, arguments: list[str], sentence: str) -> None:
    result = p2pctl(*arguments)
    assert (result.exit_code, sentence in result.output) == (2, True), result.output
