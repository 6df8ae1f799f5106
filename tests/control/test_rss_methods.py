"""rss_*: feeds, rules, items and previews over the API."""

from __future__ import annotations

from typing import Any

import pytest

from tests.automation.rss_world import FEED, World, item, rss
from tests.control.fake_session import FakeSession

INVALID = -32602


@pytest.fixture
def world() -> World:
    return World()


@pytest.fixture
def call(world: World, caller_with: Any) -> Any:
    made = caller_with(rss=world.rss)
    return lambda method, **params: made.call(method, **params)


def add_feed(world: World, call: Any, *items: str, **params: Any) -> dict[str, Any]:
    world.web.holds[FEED] = rss(*items)
    found: dict[str, Any] = call("rss_feed_add", **{"name": "one", "url": FEED, **params}).result
    return found["feed"]


def test_feeds_are_added_shown_changed_and_removed(world: World, call: Any) -> None:
    feed = add_feed(world, call, item("a"), cookies="uid=1", password="pw", refresh_minutes=60)
    assert feed["has_cookies"]
    assert feed["has_password"]
    assert "uid=1" not in str(feed)
    assert "pw" not in str(call("rss_feed_get").json)
    (shown,) = call("rss_feed_get", ids=[feed["id"]]).result["feeds"]
    assert (shown["name"], shown["title"], shown["item_count"]) == ("one", "t", 1)
    assert shown["next_date"] > shown["checked_date"] > 0
    changed = call("rss_feed_set", id=feed["id"], cookies="", enabled=False).result["feed"]
    assert (changed["has_cookies"], changed["enabled"], changed["next_date"]) == (False, False, 0)
    assert (changed["url"], changed["has_password"]) == (FEED, True)
    assert call("rss_feed_remove", id=feed["id"]).result == {}
    assert call("rss_feed_get").result == {"feeds": []}


def test_a_feed_is_refreshed(world: World, call: Any) -> None:
    feed = add_feed(world, call)
    code, sentence = call("rss_feed_refresh", id=feed["id"]).error
    assert (code, "it may be asked again in 60 seconds" in sentence) == (8, True)
    world.later(61)
    world.web.holds[FEED] = rss(item("new"))
    assert call("rss_feed_refresh", id=feed["id"]).result["feed"]["item_count"] == 1


def test_rules_are_added_shown_changed_and_removed(world: World, call: Any) -> None:
    feed = add_feed(world, call, item("Show S01E01"), item("Film"))
    rule = call(
        "rss_rule_add", name="shows", feed_ids=[feed["id"]], must_contain="show", smart=True,
        labels=["tv"], paused=None, download_dir="/tv", ignore_days=0, episodes="S01-",
    ).result["rule"]  # fmt: skip
    (shown,) = call("rss_rule_get").result["rules"]
    assert (shown["feed_ids"], shown["labels"], shown["paused"]) == ([feed["id"]], ["tv"], None)
    assert (shown["matches"], shown["episodes_had"], shown["problem"]) == (1, 1, "")
    assert shown["last_match_date"] > 0
    changed = call("rss_rule_set", id=rule["id"], paused=True, download_dir="").result["rule"]
    assert (changed["paused"], changed["download_dir"], changed["smart"]) == (True, "", True)
    assert call("rss_rule_remove", id=rule["id"]).result == {}
    assert call("rss_rule_get").result == {"rules": []}


def test_items_are_listed_and_added_by_hand(world: World, call: Any) -> None:
    feed = add_feed(world, call, item("b", size=5), item("a"))
    found = call("rss_items", feed_ids=[feed["id"]], states=["new"], limit=1).result
    assert found["item_count"] == 2
    (first,) = found["items"]
    assert (first["title"], first["size"], first["state"]) == ("b", 5, "new")
    added = call("rss_item_add", feed_id=feed["id"], key=first["key"]).result["item"]
    assert (added["state"], added["hash_string"]) == ("added", world.session.all[0].hash_string)
    assert call("rss_items", states=["added"]).result["item_count"] == 1
    assert len(world.added()) == 1


def test_a_preview_of_a_rule_that_is_not_there_yet(world: World, call: Any) -> None:
    feed = add_feed(world, call, item("Show S01E01"), item("Show S01E01 x"), item("Film"))
    rule = {"must_contain": "show", "smart": True, "feed_ids": [feed["id"]]}
    found = call("rss_preview", rule=rule).result["items"]
    assert [(x["title"], x["rule_id"], bool(x["hindrance"])) for x in found] == [
        ("Show S01E01 x", 0, False),
        ("Show S01E01", 0, True),
    ]
    assert world.added() == []
    there = call("rss_rule_add", name="films", must_contain="film", enabled=False).result["rule"]
    assert call("rss_preview").result == {"items": []}
    assert len(call("rss_preview", ids=[there["id"]]).result["items"]) == 1


@pytest.mark.parametrize(
    ("method", "params", "words"),
    [
        ("rss_feed_add", {"name": "x", "url": "file:///etc/passwd"}, "http or https URL"),
        ("rss_feed_add", {"name": " ", "url": "http://x/"}, "name must be"),
        ("rss_feed_add", {"name": "x", "url": "http://x/", "cookies": "a\r\nb: c"}, "ASCII"),
        ("rss_feed_add", {"name": "x", "url": "http://x/", "refresh_minutes": 1}, "between 5"),
        (
            "rss_feed_add",
            {"name": "x", "url": "http://x/", "other": 1},
            "set here: other",
        ),
        ("rss_feed_set", {"id": 5, "name": "x"}, "there is no feed 5"),
        ("rss_feed_get", {"ids": [5]}, "there is no feed 5"),
        ("rss_feed_remove", {"id": 5}, "there is no feed 5"),
        ("rss_feed_refresh", {"id": 5}, "there is no feed 5"),
        ("rss_rule_add", {"name": "x", "must_contain": "(", "syntax": "regex"}, "no sense"),
        ("rss_rule_add", {"name": "x", "episodes": "soon"}, "is no episode"),
        ("rss_rule_add", {"name": "x", "feed_ids": [7]}, "there is no feed 7"),
        ("rss_rule_set", {"id": 7}, "there is no rule 7"),
        ("rss_rule_remove", {"id": 7}, "there is no rule 7"),
        ("rss_items", {"states": ["odd"]}, "one of"),
        ("rss_item_add", {"feed_id": 7, "key": "x"}, "there is no feed 7"),
        ("rss_preview", {"rule": {"odd": 1}}, "a rule has no odd"),
        ("rss_preview", {"rule": {}, "ids": [1]}, "either rule or ids"),
    ],
)
def test_what_makes_no_sense_is_refused(
    call: Any, method: str, params: dict[str, Any], words: str
) -> None:
    code, sentence = call(method, **params).error
    assert code == INVALID
    assert words in sentence


def test_a_path_that_is_not_absolute_has_its_own_code(call: Any) -> None:
    assert call("rss_rule_add", name="x", download_dir="tv").error[0] == 3


def test_a_session_without_feeds_has_no_methods_for_them(session: FakeSession) -> None:
    from tests.control.conftest import Caller

    assert Caller(session, rss=None).call("rss_feed_get").error[0] == -32601


def test_whose_the_torrents_of_a_rule_are(world: World, call: Any) -> None:
    add_feed(world, call, item("film"))
    rule = call("rss_rule_add", name="r", must_contain="film").result["rule"]
    assert rule["owner"] == "p2pd"
    assert world.session.owners == [""]  # of a world without users: all of it is nobody's
    other = call("rss_rule_add", name="other", owner="bob", enabled=False).result["rule"]
    assert other["owner"] == "bob"
    assert call("rss_rule_set", id=other["id"], owner="").result["rule"]["owner"] == ""
    assert call("rss_rule_set", id=other["id"], name="x").result["rule"]["owner"] == ""
