"""Rules are asked about items, in a thread, and what they want is added, pass by pass."""

from __future__ import annotations

from typing import Any, Coroutine, Iterable, Mapping, Protocol, Sequence

from twisted.internet.defer import Deferred, DeferredLock

from p2pd.automation.rss.item_adding import ItemAdder
from p2pd.automation.rss.rss_feeds import Feed, ItemState, SeenItem, waiting
from p2pd.automation.rss.rss_rules import (
    Candidate,
    CompiledRule,
    RssRule,
    RuleHistory,
    Verdict,
    decide,
)
from p2pd.base.clock import Clock, DelayedCall
from p2pd.state.rss import EpisodeRow, RssStore

MOST_EPISODES = 10_000
"""Of a rule that are remembered."""

LONGEST_NAP = 3600.0


class PassedRule(Protocol):
    """A rule, as rss.Rule is one."""

    id: int
    chosen: RssRule
    compiled: CompiledRule | None
    history: RuleHistory


class PassOwner(Protocol):
    """Rss."""

    @property
    def feeds(self) -> Mapping[int, Feed]: ...
    @property
    def rules(self) -> Mapping[int, Any]: ...
    def wall(self) -> float: ...
    def background(self, work: Coroutine[Any, Any, Any], what: str) -> None: ...
    def save_items(self, feed: Feed, changed: Iterable[SeenItem]) -> None: ...
    async def save_rules(self, rules: Sequence[Any]) -> None: ...


class RulePass:
    """`begin` whenever there is something new to ask about."""

    def __init__(
        self, owner: PassOwner, adder: ItemAdder, store: RssStore, clock: Clock, in_thread: Any
    ) -> None:
        self._owner = owner
        self._adder = adder
        self._store = store
        self._clock = clock
        self._in_thread = in_thread
        self._adding = DeferredLock()
        self._busy = False
        self._due: set[int] = set()
        """Feeds of which items are to be asked about."""
        self._stopped = False
        self._timer: DelayedCall | None = None

    def begin(self, feeds: Iterable[int] | None = None) -> None:
        """Now, or after the one that is under way; of all feeds, or of these."""
        self._due.update(self._owner.feeds if feeds is None else feeds)
        if self._due and not self._busy and not self._stopped:
            self._busy = True
            self._owner.background(self._run(), "the rules of feeds")

    def stop(self) -> None:
        """No more of them."""
        self._stopped = True
        self._cancel_timer()

    async def add_by_hand(self, feed: Feed, seen: SeenItem, owner: str) -> None:
        """An item that its user wants, with the session's settings."""
        await self._adding.run(self._locked, feed, seen, RssRule("its user", owner=owner), 0)

    async def _run(self) -> None:
        try:
            while self._due and not self._stopped:
                due, self._due = self._due, set()
                await self._once(due)
        finally:
            self._busy = False
        self._arrange()

    async def _once(self, due: set[int]) -> None:
        now = self._owner.wall()
        feeds = [feed for id_, feed in self._owner.feeds.items() if id_ in due]
        found = list(waiting(feeds, now))
        rules = {
            id_: rule.compiled
            for id_, rule in self._owner.rules.items()
            if rule.compiled is not None
        }
        if not found:
            return
        histories = {id_: self._owner.rules[id_].history for id_ in rules}
        candidates = [Candidate(feed.id, seen.item) for feed, seen in found]
        decided: tuple[list[Verdict], dict[int, str]] = await self._in_thread(
            lambda: decide(rules, histories, candidates, now)
        )
        verdicts, problems = decided
        for id_, rule in self._owner.rules.items():
            rule.history.problem = problems.get(id_, "")
        wanted = [verdict for verdict in verdicts if not verdict.hindrance]
        self._let_go(found, wanted)
        for verdict in wanted:
            await self._follow(verdict)

    def _let_go(self, found: list[tuple[Feed, SeenItem]], wanted: list[Verdict]) -> None:
        """Second tries of what no rule wants any more."""
        keys = {(verdict.candidate.feed, verdict.candidate.item.key) for verdict in wanted}
        for feed, seen in found:
            if seen.state is ItemState.WAITING and (feed.id, seen.item.key) not in keys:
                seen.state = ItemState.NEW
                self._owner.save_items(feed, [seen])

    async def _follow(self, verdict: Verdict) -> None:
        """What was wanted a moment ago is added, if feed, rule and item are still there."""
        feed = self._owner.feeds.get(verdict.candidate.feed)
        rule = self._owner.rules.get(verdict.rule)
        if feed is None or rule is None or self._stopped:
            return
        seen = feed.items.get(verdict.candidate.item.key)
        if seen is None or seen.state not in (ItemState.NEW, ItemState.WAITING):
            return
        await self._adding.run(self._locked, feed, seen, rule.chosen, rule.id)
        if seen.is_had():
            await self._remember(rule, verdict.episodes)

    def _locked(self, feed: Feed, seen: SeenItem, rule: RssRule, id_: int) -> Deferred[None]:
        return Deferred.fromCoroutine(self._add(feed, seen, rule, id_))

    async def _add(self, feed: Feed, seen: SeenItem, rule: RssRule, id_: int) -> None:
        seen.rule = id_
        await self._adder.add(feed, seen, rule, self._owner.wall())
        if self._owner.feeds.get(feed.id) is feed:
            self._owner.save_items(feed, [seen])

    async def _remember(self, rule: PassedRule, episodes: tuple[str, ...]) -> None:
        now = self._owner.wall()
        rule.history.matched_at = now
        rule.history.matches += 1
        if episodes:
            had = rule.history.episodes
            had.update(dict.fromkeys(episodes))
            for oldest in list(had)[: max(0, len(had) - MOST_EPISODES)]:
                del had[oldest]
            rows = [EpisodeRow(rule.id, each, now) for each in episodes]
            await self._store.save_episodes(rows, MOST_EPISODES)
        await self._owner.save_rules([rule])

    def _arrange(self) -> None:
        """The next second try."""
        self._cancel_timer()
        tries = [
            (seen.next_at, feed.id)
            for feed in self._owner.feeds.values()
            if feed.chosen.enabled
            for seen in feed.items.values()
            if seen.state is ItemState.WAITING
        ]
        if tries and not self._stopped:
            at, feed_id = min(tries)
            nap = min(max(at - self._owner.wall(), 1.0), LONGEST_NAP)
            self._timer = self._clock.callLater(nap, self.begin, [feed_id])

    def _cancel_timer(self) -> None:
        if self._timer is not None and self._timer.active():
            self._timer.cancel()
        self._timer = None
