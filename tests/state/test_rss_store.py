"""Feeds, rules, items and episodes outlive the process, and damage as far as they are whole."""

from __future__ import annotations

from pathlib import Path

import pytest

from p2pd.state.database import Database
from p2pd.state.noted_rows import NotedRow
from p2pd.state.rss import FEEDS, RULES, EpisodeRow, ItemRow, RssStore
from tests.state.damaged import opened, result


@pytest.fixture
def database(tmp_path: Path) -> Database:
    return opened(tmp_path)


def fill(store: RssStore) -> tuple[int, int]:
    feed = result(store.add(FEEDS, {"name": "ä", "url": "http://x/"}, {"title": "t"}))
    rule = result(store.add(RULES, {"name": "r", "feeds": [feed]}, {}))
    result(store.save_items([ItemRow(feed, "k", {"title": "x"})], []))
    result(store.save_episodes([EpisodeRow(rule, "a|s1e1", 5.0)], 10))
    return feed, rule


def test_they_come_back_as_they_were(tmp_path: Path, database: Database) -> None:
    feed, rule = fill(RssStore(database))
    store = RssStore(database)
    result(store.save(FEEDS, [NotedRow(feed, {"name": "b"}, {"title": "u"})]))
    database.close()
    rows = result(RssStore(opened(tmp_path)).load())
    assert rows.feeds == [NotedRow(feed, {"name": "b"}, {"title": "u"})]
    assert rows.rules == [NotedRow(rule, {"name": "r", "feeds": [feed]}, {})]
    assert rows.items == [ItemRow(feed, "k", {"title": "x"})]
    assert rows.episodes == [EpisodeRow(rule, "a|s1e1", 5.0)]


def test_what_is_removed_takes_what_is_of_it_along(database: Database) -> None:
    store = RssStore(database)
    feed, rule = fill(store)
    result(store.remove_feed(feed, [NotedRow(rule, {"feeds": []}, {})]))
    result(store.save_items([ItemRow(feed, "late", {})], []))
    rows = result(store.load())
    assert (rows.feeds, rows.items) == ([], [])
    assert rows.rules[0].chosen == {"feeds": []}
    result(store.remove_rule(rule))
    result(store.save_episodes([EpisodeRow(rule, "late", 1.0)], 10))
    assert result(store.load()) == ([], [], [], [])
    assert result(store.add(FEEDS, {}, {})) == feed + 1


def test_items_and_episodes_are_forgotten(database: Database) -> None:
    store = RssStore(database)
    feed, rule = fill(store)
    result(store.save_items([ItemRow(feed, "new", {})], [(feed, "k")]))
    rows = [EpisodeRow(rule, f"e{n}", 10.0 + n) for n in range(5)]
    result(store.save_episodes(rows, 3))
    found = result(store.load())
    assert [row.key for row in found.items] == ["new"]
    assert [row.episode for row in found.episodes] == ["e2", "e3", "e4"]


def test_they_are_salvaged(tmp_path: Path, database: Database) -> None:
    store = RssStore(database)
    feed, _ = fill(store)
    other = result(store.add(FEEDS, {"name": "letter-X"}, {}))
    database.close()
    path = tmp_path / "state.db"
    path.write_bytes(path.read_bytes().replace(b"letter-X", b"letter-Y"))
    database = opened(tmp_path)
    rows = result(RssStore(database).load())
    assert "set aside" in database.notice
    assert [row.id for row in rows.feeds] == [feed]
    assert other not in [row.id for row in rows.feeds]
    assert len(rows.rules) == len(rows.items) == len(rows.episodes) == 1


@pytest.mark.parametrize("change", ["note = '{'", "row_sum = NULL", "feed = '{}'"])
def test_a_row_that_makes_no_sense_is_damage(database: Database, change: str) -> None:
    store = RssStore(database)
    fill(store)
    connection = database._connection
    assert connection is not None
    connection.execute(f"UPDATE rss_feeds SET {change}")
    assert result(store.load()).feeds == []
    assert "rss_feeds" in database.notice
