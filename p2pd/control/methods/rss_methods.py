"""p2pd's own: rss_feed_*, rss_rule_*, rss_items, rss_item_add and rss_preview (BEP 36).

Passwords and cookies are taken and never told again: only whether there are any.
"""

from __future__ import annotations

from dataclasses import asdict, fields
from typing import Any, Iterator

from txjsonrpc_ng.jsonrpc import BaseSubhandler

from p2pd.automation.rss.rss import Rss, Rule
from p2pd.automation.rss.rss_feeds import (
    LEAST_MINUTES,
    MOST_MINUTES,
    MOST_SEEN,
    Feed,
    ItemState,
    RssFeed,
    SeenItem,
)
from p2pd.automation.rss.rss_rules import RssRule, Verdict
from p2pd.automation.rss.title_filters import LONGEST, SYNTAXES
from p2pd.control.access.caller import current_caller
from p2pd.control.access.for_owners import owner_for
from p2pd.control.access.roles import Need
from p2pd.control.schema import (
    Check,
    JsonObject,
    Param,
    absolute_path,
    bind,
    boolean,
    described,
    integer,
    json_object,
    labels,
    list_of,
    one_of,
    refuse,
    schema_of,
    takes,
    text,
)

ABSENT: Any = object()
"""What a setter leaves as it is."""

MOST_BYTES = 2**50
ID = integer(1, 2**53)
IDS = list_of(ID, 1000)
USUAL_ITEMS = 200


@described({"type": "string", "pattern": "^https?://", "maxLength": 4096})
def http_url(name: str, value: object) -> str:
    """An http or https URL."""
    url: str = text(4096)(name, value).strip()
    if not url.lower().startswith(("http://", "https://")) or not url.isprintable():
        raise refuse(f"{name} must be an http or https URL")
    return url


@described({"type": "string", "minLength": 1, "maxLength": 100})
def shown_name(name: str, value: object) -> str:
    """A name for people."""
    found: str = text(100)(name, value).strip()
    if not found or not found.isprintable():
        raise refuse(f"{name} must be something to be read")
    return found


@described({"type": "string", "maxLength": 8192, "pattern": "^[ -~]*$"})
def header_value(name: str, value: object) -> str:
    """What may be in a header."""
    found: str = text(8192)(name, value)
    if not (found.isascii() and (found.isprintable() or not found)):
        raise refuse(f"{name} must be printable ASCII")
    return found


@described({"type": "string", "maxLength": 4096})
def folder_or_none(name: str, value: object) -> str:
    """An absolute path, or an empty text."""
    return "" if value == "" else str(absolute_path(name, value))


def or_null(check: Check) -> Check:
    """What a check takes, or null."""

    @described({"anyOf": [schema_of(check), {"type": "null"}]})
    def checked(name: str, value: object) -> Any:
        return None if value is None else check(name, value)

    return checked


FEED_PARAMS = (
    Param("name", shown_name),
    Param("url", http_url),
    Param("enabled", boolean, ABSENT),
    Param("refresh_minutes", integer(LEAST_MINUTES, MOST_MINUTES), ABSENT),
    Param("honors_ttl", boolean, ABSENT),
    Param("user", text(200), ABSENT),
    Param("password", text(200), ABSENT),
    Param("cookies", header_value, ABSENT),
)
RULE_PARAMS = (
    Param("name", shown_name),
    Param("enabled", boolean, ABSENT),
    Param("feed_ids", list_of(ID, 100), ABSENT),
    Param("must_contain", text(LONGEST), ABSENT),
    Param("must_not_contain", text(LONGEST), ABSENT),
    Param("syntax", one_of(*SYNTAXES), ABSENT),
    Param("episodes", text(LONGEST), ABSENT),
    Param("smart", boolean, ABSENT),
    Param("repacks", boolean, ABSENT),
    Param("min_size", integer(0, MOST_BYTES), ABSENT),
    Param("max_size", integer(0, MOST_BYTES), ABSENT),
    Param("download_dir", folder_or_none, ABSENT),
    Param("labels", labels, ABSENT),
    Param("paused", or_null(boolean), ABSENT),
    Param("bandwidth_priority", integer(-1, 1), ABSENT),
    Param("priority", integer(-1000, 1000), ABSENT),
    Param("ignore_days", integer(0, 3650), ABSENT),
    Param("owner", text(64), ABSENT),
)
_ID = Param("id", ID)
_IDS = Param("ids", IDS, None)


def changeable(params: tuple[Param, ...]) -> tuple[Param, ...]:
    """The same, each of which may be left out."""
    return tuple(Param(each.name, each.check, ABSENT) for each in params)


class RssMethods(BaseSubhandler):  # type: ignore[misc]
    """The methods whose names start with `rss`."""

    def __init__(self, rss: Rss) -> None:
        super().__init__()
        self._rss = rss

    # -- feeds ---------------------------------------------------------------------------------

    @takes(*FEED_PARAMS, strict=True)
    async def jsonrpc_feed_add(self, **chosen: Any) -> JsonObject:
        """Have a feed asked for items from now on."""
        return {"feed": feed_row(await self._rss.add_feed(RssFeed(**given(chosen))))}

    @takes(_IDS)
    async def jsonrpc_feed_get(self, ids: tuple[int, ...] | None) -> JsonObject:
        """The feeds, and how they stand."""
        found = self._rss.feeds.values() if ids is None else map(self._rss.feed, ids)
        return {"feeds": [feed_row(feed) for feed in found]}

    @takes(_ID, *changeable(FEED_PARAMS), strict=True)
    async def jsonrpc_feed_set(self, id: int, **chosen: Any) -> JsonObject:
        """Change a feed."""
        return {"feed": feed_row(await self._rss.set_feed(id, given(chosen)))}

    @takes(_ID)
    async def jsonrpc_feed_remove(self, id: int) -> JsonObject:
        """Forget a feed and its items; a rule for it alone is switched off."""
        await self._rss.remove_feed(id)
        return {}

    @takes(_ID)
    async def jsonrpc_feed_refresh(self, id: int) -> JsonObject:
        """Ask a feed now; answers when it was asked."""
        return {"feed": feed_row(await self._rss.refresh(id))}

    # -- rules ---------------------------------------------------------------------------------

    @takes(*RULE_PARAMS, strict=True)
    async def jsonrpc_rule_add(self, **chosen: Any) -> JsonObject:
        """A new rule, of which what is in the feeds already is asked, too."""
        wanted = _of_rule(chosen)
        wanted["owner"] = _owner(wanted.get("owner"))
        return {"rule": rule_row(await self._rss.add_rule(RssRule(**wanted)))}

    @takes(_IDS)
    async def jsonrpc_rule_get(self, ids: tuple[int, ...] | None) -> JsonObject:
        """The rules, and what came of them."""
        found = self._rss.rules.values() if ids is None else map(self._rss.rule, ids)
        return {"rules": [rule_row(rule) for rule in found]}

    @takes(_ID, *changeable(RULE_PARAMS), strict=True)
    async def jsonrpc_rule_set(self, id: int, **chosen: Any) -> JsonObject:
        """Change a rule."""
        wanted = _of_rule(chosen)
        if "owner" in wanted:
            wanted["owner"] = _owner(wanted["owner"], self._rss.rule(id).chosen.owner)
        return {"rule": rule_row(await self._rss.set_rule(id, wanted))}

    @takes(_ID)
    async def jsonrpc_rule_remove(self, id: int) -> JsonObject:
        """Forget a rule, and which episodes it has had."""
        await self._rss.remove_rule(id)
        return {}

    # -- items ---------------------------------------------------------------------------------

    @takes(
        Param("feed_ids", IDS, None),
        Param("states", list_of(one_of(*ItemState), 10), None),
        Param("limit", integer(1, 100 * MOST_SEEN), USUAL_ITEMS),
    )
    async def jsonrpc_items(
        self, feed_ids: tuple[int, ...] | None, states: tuple[str, ...] | None, limit: int
    ) -> JsonObject:
        """Items that were seen, the latest first."""
        feeds = self._rss.feeds.values() if feed_ids is None else map(self._rss.feed, feed_ids)
        found = [
            (feed, seen)
            for feed in feeds
            for seen in reversed(feed.items.values())
            if states is None or seen.state in states
        ]
        found.sort(key=lambda each: -each[1].seen_at)
        return {"items": [item_row(*each) for each in found[:limit]], "item_count": len(found)}

    @takes(Param("feed_id", ID), Param("key", text(100)))
    async def jsonrpc_item_add(self, feed_id: int, key: str) -> JsonObject:
        """Add the torrent of an item now, whatever rules say."""
        seen = await self._rss.add_item(feed_id, key, current_caller().identity.user)
        return {"item": item_row(self._rss.feed(feed_id), seen)}

    @takes(Param("rule", json_object, None), Param("ids", IDS, None))
    async def jsonrpc_preview(
        self, rule: JsonObject | None, ids: tuple[int, ...] | None
    ) -> JsonObject:
        """Which items of the feeds a rule would add, or the rules that are there. Adds nothing."""
        if rule is not None and ids is not None:
            raise refuse("give either rule or ids")
        rules = None if ids is None else {id_: self._rss.rule(id_).chosen for id_ in ids}
        if rule is not None:
            unknown = sorted(set(rule) - {param.name for param in RULE_PARAMS})
            if unknown:
                raise refuse(f"a rule has no {', '.join(unknown)[:300]}")
            rules = {0: RssRule(**_of_rule(bind({"name": "a rule", **rule}, RULE_PARAMS)))}
        verdicts = await self._rss.preview(rules)
        return {"items": list(self._previewed(verdicts))}

    def _previewed(self, verdicts: list[Verdict]) -> Iterator[JsonObject]:
        for verdict in verdicts:
            feed = self._rss.feeds.get(verdict.candidate.feed)
            seen = None if feed is None else feed.items.get(verdict.candidate.item.key)
            if feed is not None and seen is not None:
                row = item_row(feed, seen)
                yield {**row, "rule_id": verdict.rule, "hindrance": verdict.hindrance}


def feed_row(feed: Feed) -> JsonObject:
    """A feed as clients see it; dates are Unix seconds, 0 for never."""
    chosen, note = feed.chosen, feed.note
    secrets = ("password", "cookies")
    shown = {
        each.name: getattr(chosen, each.name) for each in fields(chosen) if each.name not in secrets
    }
    return {
        "id": feed.id,
        **shown,
        "has_password": bool(chosen.password),
        "has_cookies": bool(chosen.cookies),
        "title": note.title,
        "item_count": len(feed.items),
        "tried_date": int(note.tried_at),
        "checked_date": int(note.checked_at),
        "updated_date": int(note.updated_at),
        "next_date": int(feed.next_at()) if chosen.enabled else 0,
        "failures": note.failures,
        "problem": note.problem,
        "ttl": int(note.ttl),
        "updating": feed.busy,
    }


def rule_row(rule: Rule) -> JsonObject:
    """A rule as clients see it."""
    chosen = asdict(rule.chosen)
    history = rule.history
    problem = "a package that it needs is missing" if rule.compiled is None else history.problem
    return {
        "id": rule.id,
        **{name: value for name, value in chosen.items() if name != "feeds"},
        "feed_ids": list(rule.chosen.feeds),
        "labels": list(rule.chosen.labels),
        "matches": history.matches,
        "last_match_date": int(history.matched_at),
        "episodes_had": len(history.episodes),
        "problem": problem,
    }


def item_row(feed: Feed, seen: SeenItem) -> JsonObject:
    """An item as clients see it."""
    item = seen.item
    return {
        "feed_id": feed.id,
        "key": item.key,
        "title": item.title,
        "link": item.link,
        "page": item.page,
        "size": -1 if item.size is None else item.size,
        "published_date": int(item.published_at),
        "seen_date": int(seen.seen_at),
        "there": seen.there,
        "state": str(seen.state),
        "rule_id": seen.rule,
        "problem": seen.problem,
        "tries": seen.tries,
        "next_date": int(seen.next_at) if seen.state is ItemState.WAITING else 0,
        "hash_string": seen.hash_string,
    }


def given(values: JsonObject) -> JsonObject:
    """What was not left out."""
    return {name: value for name, value in values.items() if value is not ABSENT}


def _owner(asked: str | None, before: str | None = None) -> str:
    identity = current_caller().identity
    admin = identity.permits(Need.ADMIN)
    return owner_for(asked, identity.user, admin=admin, before=before)


def _of_rule(values: JsonObject) -> JsonObject:
    found = given(values)
    if "feed_ids" in found:
        found["feeds"] = found.pop("feed_ids")
    return found
