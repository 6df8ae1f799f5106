"""A feed: what its user set, how it stands, and the items that were seen of it.

What was kept of it comes back through the checks here. Times are Unix seconds. No input or output.
"""

from __future__ import annotations

import enum
from dataclasses import asdict, dataclass, field, fields
from typing import Any, Iterable, Iterator, Mapping, TypeVar

from p2pd.automation.rss.feed_reader import FeedItem, ReadFeed

MINUTE = 60.0
LEAST_MINUTES, MOST_MINUTES = 5, 7 * 24 * 60
USUAL_MINUTES = 30

FIRST_RETRY = 10 * MINUTE
"""Seconds after a first failure; then twice as many each time."""

LONGEST_RETRY = 24 * 60 * MINUTE
LONGEST_WISH = 24 * 60 * MINUTE
"""What a server may ask for by Retry-After."""

MOST_SEEN = 1000
"""Items of a feed that are remembered: twice what one reading of it may have."""

Kept = TypeVar("Kept")


class ItemState(enum.StrEnum):
    """What became of an item; the words are the API's."""

    NEW = "new"
    """No rule wanted it so far."""
    ADDED = "added"
    DUPLICATE = "duplicate"
    """Its torrent was there already."""
    WAITING = "waiting"
    """It could not be had, and will be tried again."""
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class RssFeed:
    """A feed as its user set it."""

    name: str
    url: str
    enabled: bool = True
    refresh_minutes: int = USUAL_MINUTES
    honors_ttl: bool = True
    """Whether it is asked less often when it wants that (``ttl``, BEP 36)."""
    user: str = ""
    password: str = field(default="", repr=False)
    cookies: str = field(default="", repr=False)
    """For its server alone, as a Cookie header has them."""


@dataclass(slots=True)
class FeedNote:
    """How a feed stands."""

    title: str = ""
    tried_at: float = 0.0
    checked_at: float = 0.0
    """When it was there the last time, changed or not."""
    updated_at: float = 0.0
    failures: int = 0
    problem: str = ""
    wished_at: float = 0.0
    """Before this its server does not want to be asked."""
    ttl: float = 0.0
    etag: str = ""
    last_modified: str = ""


@dataclass(slots=True)
class SeenItem:
    """An item, and what became of it."""

    item: FeedItem
    seen_at: float
    state: ItemState = ItemState.NEW
    there: bool = True
    """Whether it was in the feed the last time."""
    rule: int = 0
    """The rule that wanted it; 0: none, or its user."""
    problem: str = ""
    tries: int = 0
    next_at: float = 0.0
    hash_string: str = ""

    def is_had(self) -> bool:
        """Whether its torrent is, or was, in the session."""
        return self.state in (ItemState.ADDED, ItemState.DUPLICATE)

    def values(self) -> dict[str, Any]:
        """For keeping it."""
        rest = {each.name: getattr(self, each.name) for each in fields(self) if each.name != "item"}
        return {**asdict(self.item), **rest}


@dataclass(slots=True)
class Feed:
    """A feed with its items, the oldest first. `spread` makes its interval its own."""

    id: int
    chosen: RssFeed
    note: FeedNote = field(default_factory=FeedNote)
    items: dict[str, SeenItem] = field(default_factory=dict)
    spread: float = 1.0
    busy: bool = False

    def next_at(self) -> float:
        """When it is to be asked; 0: at once."""
        note = self.note
        if note.failures:
            retry = min(FIRST_RETRY * 2.0 ** min(note.failures - 1, 20), LONGEST_RETRY)
            return max(note.tried_at + retry, note.wished_at)
        if not note.checked_at:
            return 0.0
        return max(note.checked_at + self._interval() * self.spread, note.wished_at)

    def _interval(self) -> float:
        wanted = self.chosen.refresh_minutes * MINUTE
        return max(wanted, self.note.ttl) if self.chosen.honors_ttl else wanted

    def take_in(self, read: ReadFeed, now: float) -> tuple[list[SeenItem], list[str]]:
        """What it has now: items that are new or changed, and keys of those that are forgotten."""
        self.note.title, self.note.ttl = read.title, read.ttl
        keys = {item.key for item in read.items}
        changed = [seen for key, seen in self.items.items() if seen.there != (key in keys)]
        for seen in changed:
            seen.there = not seen.there
        # The last one of a feed is the oldest.
        for item in reversed(read.items):
            seen_before = self.items.get(item.key)
            if seen_before is None:
                self.items[item.key] = seen = SeenItem(item, now)
                changed.append(seen)
            elif seen_before.item != item:
                seen_before.item = item
                changed.append(seen_before)
        gone = self._forget()
        return [seen for seen in changed if seen.item.key in self.items], gone

    def _forget(self) -> list[str]:
        gone = []
        for key in [key for key, seen in self.items.items() if not seen.there]:
            if len(self.items) <= MOST_SEEN:
                break
            del self.items[key]
            gone.append(key)
        return gone


def seen_of(values: object) -> SeenItem | None:
    """An item that was kept; None if it makes no sense."""
    item = made(FeedItem, values, {"size": (int, type(None))})
    if item is None or not isinstance(values, Mapping):
        return None
    try:
        given = {**values, "item": item, "state": ItemState(values.get("state", "new"))}
    except (ValueError, TypeError):
        return None
    types = {"item": (FeedItem,), "state": (ItemState,), "seen_at": (int, float)}
    return made(SeenItem, given, types)


def made(
    kind: type[Kept], values: object, types: Mapping[str, tuple[type, ...]] | None = None
) -> Kept | None:
    """A dataclass of values that were kept, what is not among them left as usual.

    None if one is of another type than the field's default, or than `types` says of it.
    """
    if not isinstance(values, Mapping):
        return None
    given: dict[str, Any] = {}
    for each in fields(kind):  # type: ignore[arg-type]
        if each.name in values:
            value = values[each.name]
            wanted = (types or {}).get(each.name) or _types_of(each.default)
            if isinstance(value, list) and tuple in wanted:
                value = tuple(value)
            if not isinstance(value, wanted) or (isinstance(value, bool) and bool not in wanted):
                return None
            given[each.name] = value
    try:
        return kind(**given)
    except TypeError:
        return None


def _types_of(default: object) -> tuple[type, ...]:
    if isinstance(default, float):
        return (int, float)
    return (type(default),) if isinstance(default, (bool, int, tuple)) else (str,)


def waiting(feeds: Iterable[Feed], now: float) -> Iterator[tuple[Feed, SeenItem]]:
    """Items that rules are to be asked about: those nobody wanted yet, and second tries."""
    for feed in feeds:
        if feed.chosen.enabled:
            for seen in feed.items.values():
                again = seen.state is ItemState.WAITING and seen.next_at <= now
                if again or (seen.state is ItemState.NEW and seen.there):
                    yield feed, seen
