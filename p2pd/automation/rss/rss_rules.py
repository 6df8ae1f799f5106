"""The rules of what is added of which feed, and what they say of items. Pure but for its filters.

The checks of a rule's values are here: who takes them from clients or from the database hands them
in as they are.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Iterable, Mapping, Sequence

from p2pd.automation.rss.episodes import Episode, EpisodeFilter, episode_of
from p2pd.automation.rss.feed_reader import FeedItem
from p2pd.automation.rss.title_filters import (
    WORDS,
    TitleFilter,
    TooSlowError,
    title_filter,
)

DAY = 86_400.0
REPACK = "|again"
"""What follows the key of an episode of which a PROPER or REPACK was had, too."""


@dataclass(frozen=True, slots=True)
class RssRule:
    """A rule as its user set it. Sizes are bytes; 0 is no bound."""

    name: str
    enabled: bool = True
    feeds: tuple[int, ...] = ()
    """Their ids; none: all feeds."""
    must_contain: str = ""
    must_not_contain: str = ""
    syntax: str = WORDS
    """Of both: one of title_filters.SYNTAXES."""
    episodes: str = ""
    smart: bool = False
    """Each episode once."""
    repacks: bool = True
    """Whether a PROPER or REPACK is taken once though the episode was had."""
    min_size: int = 0
    max_size: int = 0
    download_dir: str = ""
    """Empty: the session's."""
    labels: tuple[str, ...] = ()
    paused: bool | None = None
    """None: as the session adds torrents."""
    bandwidth_priority: int = 0
    """-1 low, 0 normal, 1 high: of torrents that are added."""
    priority: int = 0
    """Of several rules that want an item, the one with the highest has it."""
    ignore_days: int = 0
    """Days after a match in which nothing else is matched; 0: none."""
    owner: str = ""
    """The user whose torrents they are; empty: nobody's."""


@dataclass(slots=True)
class RuleHistory:
    """What came of a rule."""

    matched_at: float = 0.0
    matches: int = 0
    problem: str = ""
    """Why it matches nothing: it took too long."""
    episodes: dict[str, None] = field(default_factory=dict)
    """Keys of those that were had, the oldest first."""


@dataclass(frozen=True, slots=True)
class Candidate:
    """An item that rules are asked about."""

    feed: int
    item: FeedItem


@dataclass(frozen=True, slots=True)
class Verdict:
    """A rule wants an item, or would but for `hindrance`."""

    candidate: Candidate
    rule: int
    hindrance: str = ""
    episodes: tuple[str, ...] = ()
    """To be remembered when it was added."""


class CompiledRule:
    """A rule, ready to be asked."""

    def __init__(self, rule: RssRule) -> None:
        """Raises RefusedError for filters that make no sense."""
        self.rule = rule
        self._wanted = title_filter(rule.must_contain, rule.syntax)
        self._unwanted = title_filter(rule.must_not_contain, rule.syntax)
        self._episodes = EpisodeFilter(rule.episodes)

    def wants(self, candidate: Candidate, episode: Episode | None) -> bool:
        """Whether it is one of those, whatever was had already. Raises TooSlowError."""
        rule, item = self.rule, candidate.item
        return (
            (not rule.feeds or candidate.feed in rule.feeds)
            and _fits(rule, item.size)
            and self._episodes.lets(episode)
            and _has(self._wanted, item.title, empty=True)
            and not _has(self._unwanted, item.title, empty=False)
        )


def size_fits(rule: RssRule, size: int) -> bool:
    """Whether so many bytes are within its bounds."""
    return size >= rule.min_size and (not rule.max_size or size <= rule.max_size)


def decide(
    rules: Mapping[int, CompiledRule],
    histories: Mapping[int, RuleHistory],
    candidates: Iterable[Candidate],
    now: float,
) -> tuple[list[Verdict], dict[int, str]]:
    """What is wanted by which rule, in the order of the candidates, and what is wrong with rules.

    Every rule that would have an item but for what it had already is told of, too. May take long,
    for a thread; changes nothing of what it is given.
    """
    found = [_Deciding(id_, rules[id_], histories.get(id_)) for id_ in _order(rules)]
    verdicts: list[Verdict] = []
    for candidate in candidates:
        episode = episode_of(candidate.item.title)
        for each in found:
            verdict = each.verdict(candidate, episode, now)
            if verdict is not None:
                verdicts.append(verdict)
                if not verdict.hindrance:
                    break
    return verdicts, {each.id: each.problem for each in found if each.problem}


def _order(rules: Mapping[int, CompiledRule]) -> Sequence[int]:
    enabled = [id_ for id_, each in rules.items() if each.rule.enabled]
    return sorted(enabled, key=lambda id_: (-rules[id_].rule.priority, id_))


class _Deciding:
    """A rule, and what it has had with what it gets now."""

    def __init__(self, id_: int, compiled: CompiledRule, history: RuleHistory | None) -> None:
        self.id = id_
        self.problem = ""
        self._compiled = compiled
        self._had = set(history.episodes) if history else set()
        self._matched_at = history.matched_at if history else 0.0

    def verdict(self, candidate: Candidate, episode: Episode | None, now: float) -> Verdict | None:
        if self.problem:
            return None
        try:
            if not self._compiled.wants(candidate, episode):
                return None
        except TooSlowError as problem:
            self.problem = str(problem)
            return None
        keys = self._keys(episode)
        hindrance = self._hindrance(keys, now)
        if not hindrance:
            self._had.update(keys)
            self._matched_at = now
        return Verdict(candidate, self.id, hindrance, tuple(keys))

    def _keys(self, episode: Episode | None) -> list[str]:
        if not self._compiled.rule.smart or episode is None:
            return []
        keys = episode.keys()
        return [*keys, *(key + REPACK for key in keys)] if episode.again else keys

    def _hindrance(self, keys: list[str], now: float) -> str:
        rule = self._compiled.rule
        if keys and self._had.issuperset(keys if rule.repacks else _first_times(keys)):
            return "the episode was had already"
        if rule.ignore_days and now - self._matched_at < rule.ignore_days * DAY:
            return f"something else was matched less than {rule.ignore_days} days ago"
        return ""


def _first_times(keys: Sequence[str]) -> list[str]:
    return [key for key in keys if not key.endswith(REPACK)]


def _fits(rule: RssRule, size: int | None) -> bool:
    """A size that the feed does not tell is seen when the torrent is there."""
    return size is None or size_fits(rule, size)


def _has(wanted: TitleFilter | None, title: str, *, empty: bool) -> bool:
    return empty if wanted is None else wanted.matches(title)
