"""p2pctl rss."""

from __future__ import annotations

import json
from typing import Any

import pytest

from p2pd.automation.rss.rss_feeds import ItemState
from p2pd.clients.cli.rss import STATES

FEED = {
    "id": 3, "name": "tv\x1b[31m", "item_count": 7, "checked_date": 1_700_000_000,
    "next_date": 1_700_003_600, "problem": "", "enabled": True,
}  # fmt: skip
RULE = {
    "id": 4, "name": "Shows", "matches": 2, "last_match_date": 0, "problem": "", "enabled": False,
    "must_contain": "show",
}  # fmt: skip
ITEM = {
    "feed_id": 3, "key": "abc", "title": "Show S01E01\u202e", "size": -1, "state": "failed",
    "seen_date": 1_700_000_000, "problem": "gone", "rule_id": 4, "hindrance": "it was had",
}  # fmt: skip


@pytest.fixture(autouse=True)
def answers(daemon: Any) -> None:
    daemon.answers |= {
        "rss_feed_get": {"feeds": [FEED, FEED | {"id": 5, "name": "films", "problem": "no"}]},
        "rss_rule_get": {"rules": [RULE]},
        "rss_items": {"items": [ITEM]},
        "rss_preview": {"items": [ITEM]},
        **{f"rss_feed_{act}": {"feed": FEED} for act in ("add", "set", "refresh")},
        **{f"rss_rule_{act}": {"rule": RULE} for act in ("add", "set")},
        "rss_item_add": {"item": ITEM | {"problem": "", "state": "added"}},
    }


def test_feeds_are_listed(p2pctl: Any) -> None:
    _, first, second = p2pctl("rss").output.splitlines()
    assert "ok" in first
    assert "\x1b" not in first
    assert second.endswith("no")
    assert json.loads(p2pctl("rss", "--json").output)[0]["id"] == 3


def test_a_feed_is_added_changed_refreshed_and_removed(p2pctl: Any, daemon: Any) -> None:
    result = p2pctl(
        "rss", "add", "tv", "http://x/", "--minutes", "9", "--cookies", "-", input="c=1\n"
    )
    assert result.exit_code == 0, result.output
    assert daemon.asked("rss_feed_add") == [
        {"name": "tv", "url": "http://x/", "refresh_minutes": 9, "cookies": "c=1"}
    ]
    assert p2pctl("rss", "set", "films", "--off", "--no-ttl").exit_code == 0
    assert daemon.asked("rss_feed_set") == [{"id": 5, "enabled": False, "honors_ttl": False}]
    assert p2pctl("rss", "set", "3", "--feed-url", "http://y/").exit_code == 0
    assert daemon.asked("rss_feed_set")[1] == {"id": 3, "url": "http://y/"}
    assert p2pctl("rss", "refresh", "5").output.endswith("7 items\n")
    assert p2pctl("rss", "remove", "films").output == "films: removed\n"
    assert daemon.asked("rss_feed_remove") == [{"id": 5}]
    assert "there is no feed odd" in p2pctl("rss", "remove", "odd").output


def test_a_feed_that_fails_says_why(p2pctl: Any, daemon: Any) -> None:
    daemon.answers["rss_feed_refresh"] = {"feed": FEED | {"problem": "it answered 404"}}
    result = p2pctl("rss", "refresh", "3")
    assert (result.exit_code, "it answered 404" in result.output) == (1, True)


def test_rules_are_listed_added_changed_and_removed(p2pctl: Any, daemon: Any) -> None:
    assert "Shows (off)" in p2pctl("rss", "rules").output
    result = p2pctl(
        "rss", "rule", "add", "Shows", "--feed", "films", "--contains", "show", "--regex",
        "--smart", "--max-mb", "2", "--label", "tv", "--label", "x", "--paused",
    )  # fmt: skip
    assert result.output == "Shows: added\n"
    assert daemon.asked("rss_rule_add") == [
        {"name": "Shows", "feed_ids": [5], "must_contain": "show", "syntax": "regex",
         "smart": True, "max_size": 2_000_000, "labels": ["tv", "x"], "paused": True}
    ]  # fmt: skip
    assert p2pctl("rss", "rule", "set", "Shows", "--name", "Y", "--on").exit_code == 0
    assert daemon.asked("rss_rule_set") == [{"id": 4, "name": "Y", "enabled": True}]
    assert p2pctl("rss", "rule", "remove", "4").exit_code == 0
    assert daemon.asked("rss_rule_remove") == [{"id": 4}]


def test_items_are_listed_and_added(p2pctl: Any, daemon: Any) -> None:
    output = p2pctl("rss", "items", "films", "--state", "failed", "--limit", "5").output
    assert "Show S01E01: gone" in output
    assert "\u202e" not in output
    wanted = {"feed_ids": [5], "states": ["failed"], "limit": 5}
    assert daemon.asked("rss_items") == [wanted]
    assert p2pctl("rss", "fetch", "3", "abc").output.endswith("added\n")
    assert daemon.asked("rss_item_add") == [{"feed_id": 3, "key": "abc"}]
    daemon.answers["rss_item_add"] = {"item": ITEM}
    assert p2pctl("rss", "fetch", "3", "abc").exit_code == 1


def test_every_state_can_be_named() -> None:
    assert tuple(ItemState) == STATES


def test_a_preview(p2pctl: Any, daemon: Any) -> None:
    assert "it was had" in p2pctl("rss", "preview", "Shows").output
    assert p2pctl("rss", "preview", "--contains", "x", "--json").exit_code == 0
    assert daemon.asked("rss_preview") == [{"ids": [4]}, {"rule": {"must_contain": "x"}}]
