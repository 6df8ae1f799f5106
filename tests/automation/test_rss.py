"""Feeds are asked when they are due, rules choose, and each item is added once."""

from __future__ import annotations

from typing import Any

import pytest
from twisted.web.http_headers import Headers

from p2pd.automation.refusals import RefusedError
from p2pd.automation.rss.rss_feeds import MOST_SEEN, ItemState, RssFeed
from p2pd.automation.rss.rss_rules import RssRule
from p2pd.automation.web import WebAnswer, WebError
from p2pd.session.torrents.torrent_requests import AddProblem, AddTorrentError
from p2pd.testing import make_torrent
from tests.automation.rss_world import FEED, World, item, result, rss

MAGNET = "magnet:?xt=urn:btih:" + "ab" * 20


@pytest.fixture
def world() -> World:
    return World()


def feed(world: World, *items: str, **chosen: Any) -> Any:
    world.web.holds[FEED] = rss(*items)
    return result(world.rss.add_feed(RssFeed(**{"name": "one", "url": FEED, **chosen})))


def rule(world: World, **chosen: Any) -> Any:
    return result(world.rss.add_rule(RssRule(**{"name": "all", **chosen})))


def states(world: World) -> dict[str, str]:
    return {
        seen.item.title: str(seen.state)
        for each in world.rss.feeds.values()
        for seen in each.items.values()
    }


def test_what_a_rule_wants_is_added_with_its_choices_and_once(world: World) -> None:
    feed(world, item("Big Film"), item("Other"), item("By magnet film", MAGNET))
    rule(
        world,
        must_contain="film",
        download_dir="/films",
        labels=("f", "g"),
        paused=True,
        bandwidth_priority=1,
    )
    assert [(x.download_dir, x.labels, x.paused, x.bandwidth_priority) for x in world.added()] == [
        ("/films", ("f", "g"), True, 1)
    ] * 2
    assert [x.magnet for x in world.added()] == [MAGNET, None]
    assert states(world) == {"Other": "new", "Big Film": "added", "By magnet film": "added"}
    world.later(3600)
    world.restart()
    world.later(3600)
    assert len(world.added()) == 2
    assert world.web.urls().count("http://feeds.test/Big.Film.torrent") == 1


def test_a_feed_is_asked_for_what_is_new_at_its_interval(world: World) -> None:
    made = feed(world, item("a"), refresh_minutes=10, user="me", password="pä", cookies="uid=1")
    assert made.note.etag == '"1"'
    first = world.web.asked[0]
    assert first.secret_headers["Cookie"] == "uid=1"
    assert first.secret_headers["Authorization"] == "Basic bWU6cMOk"
    assert "If-None-Match" not in first.headers
    world.web.holds[FEED] = 304
    world.later(8 * 60)
    assert len(world.web.asked) == 1
    world.later(4 * 60)
    assert len(world.web.asked) == 2
    assert world.web.asked[1].headers["If-None-Match"] == '"1"'
    assert made.note.problem == ""
    assert list(states(world)) == ["a"]


def test_secrets_go_to_the_servers_of_feeds_alone(world: World) -> None:
    feed(world, item("here"), item("there", "http://other.test/x.torrent"), cookies="uid=1")
    rule(world)
    secrets = {x.url: dict(x.secret_headers) for x in world.web.asked}
    assert secrets["http://feeds.test/here.torrent"] == {"Cookie": "uid=1"}
    assert secrets["http://other.test/x.torrent"] == {}


def test_a_login_in_a_url_holds_for_its_items(world: World) -> None:
    url = "http://me:pw@feeds.test/rss"
    world.web.holds[url] = rss(item("x"))
    result(world.rss.add_feed(RssFeed("one", url)))
    rule(world)
    assert world.web.asked[1].secret_headers == {"Authorization": "Basic bWU6cHc="}


def test_after_failures_it_is_left_alone_longer_each_time(world: World) -> None:
    made = feed(world)
    world.web.holds[FEED] = WebError("feeds.test: it does not answer")
    result(world.rss.set_feed(made.id, {"refresh_minutes": 5}))
    world.later(6 * 60)
    assert (made.note.failures, made.note.problem) == (1, "feeds.test: it does not answer")
    asked = len(world.web.asked)
    for minutes in (10, 20, 40):
        world.later(minutes * 60 - 5)
        assert len(world.web.asked) == asked
        world.later(10)
        asked += 1
        assert len(world.web.asked) == asked
    world.web.holds[FEED] = rss(item("a"))
    world.later(3600 * 2)
    assert made.note.failures == 0
    assert made.note.problem == ""


def test_a_server_may_ask_for_time(world: World) -> None:
    headers = Headers({"Retry-After": ["7200"]})
    made = feed(world)
    world.web.holds[FEED] = WebAnswer(429, b"", FEED, headers)
    world.later(3600)
    asked = len(world.web.asked)
    assert made.note.problem == "it answered 429"
    world.later(7000 - 1800)
    assert len(world.web.asked) == asked
    with pytest.raises(WebError, match="asked again in"):
        result(world.rss.refresh(made.id))
    world.later(3600)
    assert len(world.web.asked) == asked + 1


def test_ttl_makes_it_asked_less_often_unless_its_user_minds(world: World) -> None:
    made = feed(world, refresh_minutes=5)
    world.web.holds[FEED] = rss(head="<ttl>120</ttl>")
    world.later(6 * 60)
    asked = len(world.web.asked)
    world.later(90 * 60)
    assert len(world.web.asked) == asked
    result(world.rss.set_feed(made.id, {"honors_ttl": False}))
    assert len(world.web.asked) == asked + 1


def test_nobody_has_a_feed_asked_again_at_once(world: World) -> None:
    made = feed(world)
    with pytest.raises(WebError, match="one: it may be asked again in 60 seconds"):
        result(world.rss.refresh(made.id))
    world.later(61)
    world.web.holds[FEED] = rss(item("new one"))
    result(world.rss.refresh(made.id))
    assert list(states(world)) == ["new one"]


def test_two_feeds_at_a_time(world: World) -> None:
    world.web.waits = []
    for number in range(4):
        result(world.rss.add_feed(RssFeed(f"feed {number}", f"http://{number}.test/")))
    assert len(world.web.waits) == 2
    world.web.waits[0].callback(None)
    assert len(world.web.waits) == 3
    world.rss.stop()
    assert len(world.web.asked) == 3


def test_a_feed_that_is_removed_while_it_is_asked_leaves_nothing(world: World) -> None:
    world.web.waits = []
    made = feed(world, item("a"))
    only = rule(world, feeds=(made.id,))
    both = rule(world, name="all others")
    result(world.rss.remove_feed(made.id))
    assert (only.chosen.feeds, only.chosen.enabled, both.chosen.enabled) == ((), False, True)
    world.restart()
    assert world.rss.feeds == {}
    assert [each.chosen.enabled for each in world.rss.rules.values()] == [False, True]


@pytest.mark.parametrize(
    ("problem", "state"),
    [
        (AddTorrentError(AddProblem.CORRUPT, "no"), ItemState.FAILED),
        (AddTorrentError(AddProblem.SYSTEM, "full"), ItemState.WAITING),
    ],
)
def test_what_would_fail_again_is_not_tried_again(
    world: World, problem: Exception, state: ItemState, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def add(request: Any) -> Any:
        raise problem

    monkeypatch.setattr(world.session, "add", add)
    made = feed(world, item("a"))
    rule(world)
    (seen,) = made.items.values()
    assert (seen.state, seen.problem, seen.tries) == (state, str(problem), 1)


def test_a_torrent_that_is_not_there_is_tried_five_times(world: World) -> None:
    made = feed(world, item("a"))
    place = "http://feeds.test/a.torrent"
    world.web.holds[place] = 503
    rule(world)
    (seen,) = made.items.values()
    assert (seen.state, seen.problem) == (ItemState.WAITING, "its server answered 503")
    for minutes in (5, 15, 45, 135):
        world.later(minutes * 60 + 1)
    assert (seen.state, seen.tries) == (ItemState.FAILED, 5)
    world.later(86_400)
    assert world.web.urls().count(place) == 5
    # its user may still try
    world.web.holds[place] = None
    result(world.rss.add_item(made.id, seen.item.key))
    assert (seen.state, seen.problem) == (ItemState.ADDED, "")


def test_a_second_try_that_nobody_wants_any_more_is_let_go(world: World) -> None:
    made = feed(world, item("a"))
    world.web.holds["http://feeds.test/a.torrent"] = 503
    wanted = rule(world)
    result(world.rss.remove_rule(wanted.id))
    world.later(301)
    (seen,) = made.items.values()
    assert seen.state is ItemState.NEW
    assert len(world.added()) == 0


def test_a_second_try_outlives_a_restart(world: World) -> None:
    feed(world, item("a"))
    world.web.holds["http://feeds.test/a.torrent"] = 503
    rule(world)
    world.restart()
    world.web.holds["http://feeds.test/a.torrent"] = None
    world.later(301)
    assert states(world) == {"a": "added"}


def test_a_size_that_the_feed_does_not_tell_is_seen_later(world: World) -> None:
    world.web.holds["http://feeds.test/small.torrent"] = make_torrent({"a": bytes(10)})
    world.web.holds["http://feeds.test/big.torrent"] = make_torrent({"a": bytes(50_000)})
    made = feed(world, item("big"), item("small"), item("told", size=10))
    rule(world, min_size=1000)
    assert states(world) == {"told": "new", "small": "failed", "big": "added"}
    problem = next(x.problem for x in made.items.values() if x.item.title == "small")
    assert problem == "it has 10 bytes, which all does not want"


def test_a_redirect_to_a_magnet_link_is_one(world: World) -> None:
    feed(world, item("a"))
    world.web.holds["http://feeds.test/a.torrent"] = WebAnswer(0, b"", MAGNET, Headers())
    rule(world)
    assert [x.magnet for x in world.added()] == [MAGNET]


def test_each_episode_once_over_restarts(world: World) -> None:
    made = feed(world, item("Show S01E01 720p"), item("Show.S01E01.1080p"), item("Show S01E02"))
    rule(world, smart=True)
    assert sorted(states(world).values()) == ["added", "added", "new"]
    world.restart()
    made = world.rss.feeds[made.id]
    world.web.holds[FEED] = rss(
        item("Show S01E01 PROPER"), item("Show S01E01 REPACK"), item("Show S01E02 1080p")
    )
    world.later(7200)
    assert states(world)["Show S01E02 1080p"] == "new"
    # the last of a feed is the oldest
    assert states(world)["Show S01E01 REPACK"] == "added"
    assert states(world)["Show S01E01 PROPER"] == "new"


def test_days_in_which_nothing_else_is_matched(world: World) -> None:
    feed(world, item("b"), item("a"))
    made = rule(world, ignore_days=2)
    assert states(world) == {"a": "added", "b": "new"}
    world.web.holds[FEED] = rss(item("c"), item("b"))
    world.later(86_400)
    assert states(world)["c"] == "new"
    world.restart()
    world.later(86_401)
    assert states(world) == {"a": "added", "b": "added", "c": "new"}
    assert world.rss.rules[made.id].history.matches == 2


def test_of_two_rules_the_one_with_the_higher_priority_has_it(world: World) -> None:
    rule(world, labels=("low",))
    rule(world, name="first", labels=("high",), priority=5)
    feed(world, item("a"))
    assert [x.labels for x in world.added()] == [("high",)]


def test_a_rule_that_takes_too_long_says_so_and_matches_nothing(world: World) -> None:
    feed(world, item("a" * 280), item("b"))
    slow = rule(world, must_contain="(a+)+$x", syntax="regex")
    assert slow.history.problem == "its regular expression takes too long"
    assert world.added() == []
    with pytest.raises(RefusedError, match="takes too long"):
        result(world.rss.preview({slow.id: slow.chosen}))


def test_a_preview_adds_nothing_and_says_what_is_in_the_way(world: World) -> None:
    feed(world, item("Show S01E01"), item("Show S01E01 again"), item("Other"))
    chosen = RssRule("x", must_contain="show", smart=True, enabled=False)
    verdicts = result(world.rss.preview({0: chosen}))
    assert [(x.candidate.item.title, x.hindrance) for x in verdicts] == [
        ("Show S01E01 again", ""),
        ("Show S01E01", "the episode was had already"),
    ]
    assert world.added() == []
    rule(world, must_contain="other")
    assert [x.candidate.item.title for x in result(world.rss.preview(None))] == ["Other"]


def test_items_are_forgotten_when_there_are_too_many(world: World) -> None:
    made = feed(world)
    for reading in range(6):
        world.web.holds[FEED] = rss(*(item(f"{reading} {number}") for number in range(400)))
        world.later(3600)
    assert len(made.items) == MOST_SEEN
    assert sum(seen.there for seen in made.items.values()) == 400
    assert world.rss.measures()
    kept = world.database.connection.execute("SELECT count(*) FROM rss_items").fetchone()
    assert kept == (MOST_SEEN,)


@pytest.mark.parametrize(
    ("chosen", "words"),
    [
        ({"must_contain": "(", "syntax": "regex"}, "makes no sense"),
        ({"episodes": "x"}, "is no episode"),
        ({"feeds": (9,)}, "there is no feed 9"),
        ({"min_size": 5, "max_size": 4}, "max_size is below min_size"),
        ({"name": "there"}, "there is a rule 'there' already"),
    ],
)
def test_a_rule_that_makes_no_sense_is_refused(
    world: World, chosen: dict[str, Any], words: str
) -> None:
    rule(world, name="there")
    with pytest.raises(RefusedError, match=words):
        rule(world, **chosen)
    assert len(world.rss.rules) == 1


def test_what_was_kept_and_makes_no_sense_is_left_out(world: World) -> None:
    feed(world, item("a"), item("b"))
    connection = world.database.connection
    connection.execute("""UPDATE rss_items SET item = '{"key": 5}' WHERE item LIKE '%"a"%'""")
    connection.execute("INSERT INTO rss_items VALUES (77, 'x', '[]')")
    world.restart()
    assert list(states(world)) == ["b"]


def test_a_feed_that_moved_is_asked_anew(world: World) -> None:
    made = feed(world, item("a"))
    world.web.holds["http://new.test/"] = rss(item("b"))
    result(world.rss.set_feed(made.id, {"url": "http://new.test/"}))
    assert "If-None-Match" not in world.web.asked[-1].headers
    assert sorted(states(world)) == ["a", "b"]


def test_a_page_is_no_feed(world: World) -> None:
    world.web.holds[FEED] = b"<html><body>log in</body></html>"
    made = result(world.rss.add_feed(RssFeed("one", FEED)))
    assert made.note.problem == "it is no feed: neither RSS nor Atom"


def test_a_feed_that_moves_while_it_is_asked_is_asked_where_it_is_now(world: World) -> None:
    made = feed(world)
    world.web.waits = []
    world.later(3600)
    world.web.holds["http://new.test/"] = rss(item("b"))
    result(world.rss.set_feed(made.id, {"url": "http://new.test/"}))
    assert world.web.urls()[-2:] == [FEED, "http://new.test/"]
    world.web.waits[-1].callback(None)
    assert list(states(world)) == ["b"]
