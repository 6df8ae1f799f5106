"""Feeds, rules, items that were seen and episodes that were had: their tables.

What is in their JSON is for who hands it in to know; here it is only sure to be JSON.
"""

from __future__ import annotations

import json
import sqlite3
from typing import Iterable, NamedTuple, Sequence

from twisted.internet.defer import Deferred

from p2pd.state.database import Database
from p2pd.state.noted_rows import NotedRow, Values, add_noted, noted_rows
from p2pd.state.row_types import checked, sum_of

FEEDS, RULES = "rss_feeds", "rss_rules"


class ItemRow(NamedTuple):
    """An item that a feed had."""

    feed: int
    key: str
    item: Values


class EpisodeRow(NamedTuple):
    """An episode that a rule has had, and when."""

    rule: int
    episode: str
    at: float


class RssRows(NamedTuple):
    """All there is. Items and episodes are those of feeds and rules that are there."""

    feeds: list[NotedRow]
    rules: list[NotedRow]
    items: list[ItemRow]
    episodes: list[EpisodeRow]


class RssStore:
    """Their tables."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def load(self) -> Deferred[RssRows]:
        """All of them."""
        return self._database.run(_load)

    def add(self, table: str, chosen: Values, note: Values) -> Deferred[int]:
        """A new feed or rule; its id."""
        return self._database.run(add_noted, table, json.dumps(chosen), json.dumps(note))

    def save(self, table: str, rows: Iterable[NotedRow]) -> Deferred[None]:
        """Feeds or rules as they are now, if they are there."""
        return self._database.run(_save, table, [_texts(row) for row in rows])

    def remove_feed(self, id_: int, rules: Iterable[NotedRow]) -> Deferred[None]:
        """A feed with its items; the rules that named it are other ones now."""
        return self._database.run(_remove_feed, id_, [_texts(row) for row in rules])

    def remove_rule(self, id_: int) -> Deferred[None]:
        """A rule with its episodes."""
        return self._database.run(_remove_rule, id_)

    def save_items(
        self, rows: Iterable[ItemRow], gone: Iterable[tuple[int, str]]
    ) -> Deferred[None]:
        """Items that are new or changed, and those that are forgotten."""
        texts = [(row.feed, row.key, json.dumps(row.item)) for row in rows]
        return self._database.run(_save_items, texts, list(gone))

    def save_episodes(self, rows: Iterable[EpisodeRow], most: int) -> Deferred[None]:
        """Episodes that were had; beyond so many of a rule the oldest are forgotten."""
        return self._database.run(_save_episodes, list(rows), most)


_Texts = tuple[int, str, str]


def _texts(row: NotedRow) -> _Texts:
    return row.id, json.dumps(row.chosen), json.dumps(row.note)


def _load(cursor: sqlite3.Cursor) -> RssRows:
    feeds, rules = noted_rows(cursor, FEEDS), noted_rows(cursor, RULES)
    cursor.execute("SELECT feed, key, item FROM rss_items WHERE feed IN (SELECT id FROM rss_feeds)")
    items = [checked("rss_items", row) for row in cursor.fetchall()]
    cursor.execute(
        "SELECT rule, episode, at FROM rss_episodes"
        " WHERE rule IN (SELECT id FROM rss_rules) ORDER BY at"
    )
    episodes = [EpisodeRow(*checked("rss_episodes", row)) for row in cursor.fetchall()]
    read = [ItemRow(feed, key, json.loads(item)) for feed, key, item in items]
    return RssRows(feeds, rules, read, episodes)


def _save(cursor: sqlite3.Cursor, table: str, rows: Sequence[_Texts]) -> None:
    column = "feed" if table == FEEDS else "rule"
    cursor.executemany(
        f"UPDATE {table} SET {column} = ?, note = ?, row_sum = ? WHERE id = ?",
        [(chosen, note, sum_of((chosen, note)), id_) for id_, chosen, note in rows],
    )


def _remove_feed(cursor: sqlite3.Cursor, id_: int, rules: Sequence[_Texts]) -> None:
    cursor.execute("DELETE FROM rss_items WHERE feed = ?", [id_])
    cursor.execute("DELETE FROM rss_feeds WHERE id = ?", [id_])
    _save(cursor, RULES, rules)


def _remove_rule(cursor: sqlite3.Cursor, id_: int) -> None:
    cursor.execute("DELETE FROM rss_episodes WHERE rule = ?", [id_])
    cursor.execute("DELETE FROM rss_rules WHERE id = ?", [id_])


def _save_items(
    cursor: sqlite3.Cursor, rows: Sequence[tuple[int, str, str]], gone: Sequence[tuple[int, str]]
) -> None:
    cursor.executemany("DELETE FROM rss_items WHERE feed = ? AND key = ?", gone)
    # A feed may have been removed meanwhile: nothing of it may be left.
    cursor.executemany(
        "INSERT OR REPLACE INTO rss_items SELECT ?1, ?2, ?3"
        " WHERE EXISTS (SELECT 1 FROM rss_feeds WHERE id = ?1)",
        rows,
    )


def _save_episodes(cursor: sqlite3.Cursor, rows: Sequence[EpisodeRow], most: int) -> None:
    cursor.executemany(
        "INSERT OR IGNORE INTO rss_episodes SELECT ?1, ?2, ?3"
        " WHERE EXISTS (SELECT 1 FROM rss_rules WHERE id = ?1)",
        rows,
    )
    for rule in {row.rule for row in rows}:
        cursor.execute(
            "DELETE FROM rss_episodes WHERE rule = ?1 AND episode IN (SELECT episode"
            " FROM rss_episodes WHERE rule = ?1 ORDER BY at DESC LIMIT -1 OFFSET ?2)",
            [rule, most],
        )
