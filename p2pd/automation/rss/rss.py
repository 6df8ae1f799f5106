"""Feeds and rules: what clients may ask of them, and what happens by itself (BEP 36).

Items that no rule wanted stay known, and are asked about again whenever their feed was asked or the
rules changed: so a new rule finds what is in the feeds already. Each item is added once.
"""

from __future__ import annotations

import random
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from typing import Any, Callable, Coroutine, Iterable, Mapping, Sequence

from twisted.internet.defer import Deferred
from twisted.logger import Logger

from p2pd.automation.owners import AddFor, as_nobodys
from p2pd.automation.refusals import RefusedError
from p2pd.automation.rss.feed_reader import ABSENT, AVAILABLE
from p2pd.automation.rss.feed_refresh import FeedRefresher
from p2pd.automation.rss.item_adding import ItemAdder
from p2pd.automation.rss.rss_feeds import (
    MOST_SEEN,
    Feed,
    FeedNote,
    ItemState,
    RssFeed,
    SeenItem,
    made,
    seen_of,
)
from p2pd.automation.rss.rss_rules import (
    Candidate,
    CompiledRule,
    RssRule,
    RuleHistory,
    Verdict,
    decide,
)
from p2pd.automation.rss.rule_pass import RulePass
from p2pd.automation.web import Web
from p2pd.base.clock import Clock
from p2pd.base.measures import Measure, bounded, counter
from p2pd.session.api import SessionApi
from p2pd.state.noted_rows import NotedRow
from p2pd.state.rss import FEEDS, RULES, ItemRow, RssStore

MOST_FEEDS = 100
MOST_RULES = 500
JITTER = 0.1
"""Part of an interval by which it is longer or shorter, so that not all the world asks at once."""


@dataclass(slots=True)
class Rule:
    """A rule and what came of it; not compiled when its filters make no sense any more."""

    id: int
    chosen: RssRule
    compiled: CompiledRule | None
    history: RuleHistory

    def row(self) -> NotedRow:
        """For keeping it; its episodes are kept apart."""
        note = {"matched_at": self.history.matched_at, "matches": self.history.matches}
        return NotedRow(self.id, asdict(self.chosen), note)


@dataclass(frozen=True, slots=True)
class RssParts:
    """What it is given. `in_thread` runs a function in a thread."""

    api: SessionApi
    store: RssStore
    web: Web
    clock: Clock
    wall: Callable[[], float]
    rng: random.Random
    in_thread: Any
    add_for: AddFor | None = None
    """Knows the owners of rules."""


class Rss:
    """All feeds and rules."""

    log = Logger()

    def __init__(self, parts: RssParts) -> None:
        self._parts = parts
        self.wall = parts.wall
        self.feeds: dict[int, Feed] = {}
        self.rules: dict[int, Rule] = {}
        self._refresher = FeedRefresher(self, parts.web, parts.clock, parts.in_thread)
        adder = ItemAdder(parts.add_for or as_nobodys(parts.api), parts.web, parts.in_thread)
        self._pass = RulePass(self, adder, parts.store, parts.clock, parts.in_thread)
        self._adder = adder
        self._closed = False
        self._works: set[Deferred[Any]] = set()

    # -- its life ------------------------------------------------------------------------------

    async def start(self) -> None:
        """Feeds, rules and items of earlier runs, and then the first questions."""
        rows = await self._parts.store.load()
        for row in rows.feeds:
            chosen, note = made(RssFeed, row.chosen), made(FeedNote, row.note)
            if chosen is not None:
                self.feeds[row.id] = Feed(row.id, chosen, note or FeedNote(), spread=self._spread())
        for item in rows.items:
            seen = seen_of(item.item)
            if seen is not None and item.feed in self.feeds:
                self.feeds[item.feed].items[seen.item.key] = seen
        for feed in self.feeds.values():
            feed.items = dict(sorted(feed.items.items(), key=_age))
        for row in rows.rules:
            rule = _rule_of(row)
            if rule is not None:
                self.rules[row.id] = rule
        for episode in rows.episodes:
            if episode.rule in self.rules:
                self.rules[episode.rule].history.episodes[episode.episode] = None
        self._refresher.start()
        self._pass.begin()

    def stop(self) -> None:
        """No more questions; what is under way is given up."""
        self._closed = True
        self._refresher.stop()
        self._pass.stop()
        for work in list(self._works):
            work.cancel()

    def background(self, work: Coroutine[Any, Any, Any], what: str) -> None:
        """Run something nobody waits for."""
        running = Deferred.fromCoroutine(work)
        self._works.add(running)
        running.addErrback(lambda failure: self._parts_failed(failure, what))
        running.addBoth(lambda _: self._works.discard(running))

    def _parts_failed(self, failure: Any, what: str) -> None:
        if not self._closed:
            self.log.failure("{what}: internal error", failure, what=what)

    def _spread(self) -> float:
        return self._parts.rng.uniform(1.0 - JITTER, 1.0 + JITTER)

    # -- feeds ---------------------------------------------------------------------------------

    async def add_feed(self, chosen: RssFeed) -> Feed:
        """A new feed, which is asked at once. Raises P2pdError."""
        if not AVAILABLE:
            raise RefusedError(ABSENT)
        if len(self.feeds) >= MOST_FEEDS:
            raise RefusedError(f"there are {MOST_FEEDS} feeds already")
        self._check_feed(chosen, 0)
        id_ = await self._parts.store.add(FEEDS, asdict(chosen), asdict(FeedNote()))
        self.feeds[id_] = feed = Feed(id_, chosen, spread=self._spread())
        self._refresher.arrange()
        return feed

    async def set_feed(self, id_: int, changes: Mapping[str, Any]) -> Feed:
        """Change a feed. Raises P2pdError."""
        feed = self.feed(id_)
        chosen = replace(feed.chosen, **changes)
        self._check_feed(chosen, id_)
        moved = chosen.url != feed.chosen.url
        feed.chosen = chosen
        if moved:
            feed.note = FeedNote()
            self._refresher.forget(feed)
        await self._save_feed(feed)
        self._refresher.arrange()
        self._pass.begin()
        return feed

    async def remove_feed(self, id_: int) -> None:
        """Forget a feed with its items. A rule for it alone is switched off. Raises P2pdError."""
        feed = self.feed(id_)
        changed = []
        for rule in self.rules.values():
            if id_ in rule.chosen.feeds:
                left = tuple(each for each in rule.chosen.feeds if each != id_)
                enabled = rule.chosen.enabled and bool(left)
                self._choose(rule, replace(rule.chosen, feeds=left, enabled=enabled))
                changed.append(rule.row())
        del self.feeds[id_]
        self._refresher.forget(feed)
        await self._parts.store.remove_feed(id_, changed)
        self._refresher.arrange()

    async def refresh(self, id_: int) -> Feed:
        """Ask a feed now; answers when it was asked. Raises P2pdError."""
        feed = self.feed(id_)
        await self._refresher.refresh(feed)
        return feed

    def feed(self, id_: int) -> Feed:
        """The feed of an id. Raises RefusedError."""
        if id_ not in self.feeds:
            raise RefusedError(f"there is no feed {id_}")
        return self.feeds[id_]

    def came(self, feed: Feed, changed: list[SeenItem], gone: list[str]) -> None:
        """A feed was asked."""
        if self.feeds.get(feed.id) is not feed:
            return
        self.background(self._save_feed(feed), "the feeds")
        self.save_items(feed, changed, gone)
        self._pass.begin([feed.id])

    def save_items(self, feed: Feed, changed: Iterable[SeenItem], gone: Iterable[str] = ()) -> None:
        """Have what was seen outlive the process."""
        rows = [ItemRow(feed.id, each.item.key, each.values()) for each in changed]
        forgotten = [(feed.id, key) for key in gone]
        if rows or forgotten:
            self.background(self._saved_items(rows, forgotten), "the items of feeds")

    async def _saved_items(self, rows: list[ItemRow], gone: list[tuple[int, str]]) -> None:
        await self._parts.store.save_items(rows, gone)

    async def _save_feed(self, feed: Feed) -> None:
        row = NotedRow(feed.id, asdict(feed.chosen), asdict(feed.note))
        await self._parts.store.save(FEEDS, [row])

    def _check_feed(self, chosen: RssFeed, id_: int) -> None:
        for other in self.feeds.values():
            if other.id != id_ and other.chosen.name == chosen.name:
                raise RefusedError(f"there is a feed {chosen.name!r} already")

    # -- rules ---------------------------------------------------------------------------------

    async def add_rule(self, chosen: RssRule) -> Rule:
        """A new rule, of which items that are known already are asked. Raises P2pdError."""
        if len(self.rules) >= MOST_RULES:
            raise RefusedError(f"there are {MOST_RULES} rules already")
        compiled = self._checked_rule(chosen, 0)
        id_ = await self._parts.store.add(RULES, asdict(chosen), {})
        self.rules[id_] = rule = Rule(id_, chosen, compiled, RuleHistory())
        self._pass.begin()
        return rule

    async def set_rule(self, id_: int, changes: Mapping[str, Any]) -> Rule:
        """Change a rule. Raises P2pdError."""
        rule = self.rule(id_)
        chosen = replace(rule.chosen, **changes)
        self._checked_rule(chosen, id_)
        self._choose(rule, chosen)
        await self.save_rules([rule])
        self._pass.begin()
        return rule

    async def remove_rule(self, id_: int) -> None:
        """Forget a rule, and which episodes it has had. Raises RefusedError."""
        self.rule(id_)
        del self.rules[id_]
        await self._parts.store.remove_rule(id_)

    def rule(self, id_: int) -> Rule:
        """The rule of an id. Raises RefusedError."""
        if id_ not in self.rules:
            raise RefusedError(f"there is no rule {id_}")
        return self.rules[id_]

    async def save_rules(self, rules: Sequence[Rule]) -> None:
        """Have them outlive the process."""
        await self._parts.store.save(RULES, [rule.row() for rule in rules])

    def _choose(self, rule: Rule, chosen: RssRule) -> None:
        rule.chosen = chosen
        rule.compiled = _compiled(chosen)
        rule.history.problem = ""

    def _checked_rule(self, chosen: RssRule, id_: int) -> CompiledRule:
        for other in self.rules.values():
            if other.id != id_ and other.chosen.name == chosen.name:
                raise RefusedError(f"there is a rule {chosen.name!r} already")
        for feed in chosen.feeds:
            self.feed(feed)
        if chosen.max_size and chosen.max_size < chosen.min_size:
            raise RefusedError("max_size is below min_size")
        return CompiledRule(chosen)

    # -- items ---------------------------------------------------------------------------------

    async def preview(self, rules: Mapping[int, RssRule] | None) -> list[Verdict]:
        """What these rules (None: those that are there) say of all items that the feeds have now.

        Nothing is added, and what was added already is asked about like the rest. Raises P2pdError.
        """
        if rules is None:
            compiled = {each.id: each.compiled for each in self.rules.values() if each.compiled}
        else:
            compiled = {id_: CompiledRule(replace(x, enabled=True)) for id_, x in rules.items()}
        histories = {id_: x.history for id_, x in self.rules.items() if id_ in compiled}
        candidates = [
            Candidate(feed.id, seen.item)
            for feed in self.feeds.values()
            for seen in feed.items.values()
            if seen.there
        ]
        now = self.wall()
        found: tuple[list[Verdict], dict[int, str]] = await self._parts.in_thread(
            lambda: decide(compiled, histories, candidates, now)
        )
        verdicts, problems = found
        if problems and rules is not None:
            raise RefusedError(next(iter(problems.values())))
        return verdicts

    async def add_item(self, feed_id: int, key: str, owner: str = "") -> SeenItem:
        """Add an item now, as its user wants it, whose it is then. Raises P2pdError."""
        feed = self.feed(feed_id)
        if key not in feed.items:
            raise RefusedError(f"the feed {feed.chosen.name} has no item {key[:60]}")
        seen = feed.items[key]
        await self._pass.add_by_hand(feed, seen, owner)
        return seen

    # -- in numbers ----------------------------------------------------------------------------

    def measures(self) -> list[Measure]:
        """Feeds, rules and items."""
        items = [seen for feed in self.feeds.values() for seen in feed.items.values()]
        waiting = sum(seen.state is ItemState.WAITING for seen in items)
        return [
            *bounded("rss_feeds", "Feeds that are asked for items.", len(self.feeds), MOST_FEEDS),
            *bounded("rss_rules", "Rules of what is added of feeds.", len(self.rules), MOST_RULES),
            counter("rss_failures_total", "Feeds that could not be had.", self._refresher.failures),
            counter("rss_added_total", "Torrents added from feeds.", self._adder.added),
            counter("rss_item_failures_total", "Items not added.", self._adder.failures),
            *bounded(
                "rss_items_waiting", "Items to be tried again.", waiting, MOST_FEEDS * MOST_SEEN
            ),
        ]


def _age(each: tuple[str, SeenItem]) -> tuple[float, float]:
    return each[1].seen_at, each[1].item.published_at


def _rule_of(row: NotedRow) -> Rule | None:
    chosen = made(RssRule, row.chosen, {"paused": (bool, type(None))})
    if chosen is None:
        return None
    history = made(RuleHistory, row.note) or RuleHistory()
    return Rule(row.id, chosen, _compiled(chosen), history)


def _compiled(chosen: RssRule) -> CompiledRule | None:
    """None where the package is missing that its filter needs."""
    with suppress(RefusedError):
        return CompiledRule(chosen)
    return None
