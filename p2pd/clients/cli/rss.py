"""p2pctl rss: feeds, rules of what is added of them, and items."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import click

from p2pd.base.errors import P2pdError
from p2pd.clients.api_client import JsonObject
from p2pd.clients.cli.invocation import Invocation, api_options, in_words, pass_invocation
from p2pd.clients.columns import Columns
from p2pd.clients.text import counted, moment, plain, size

STATES = ("new", "added", "duplicate", "waiting", "failed")
Command = TypeVar("Command", bound=Callable[..., Any])

FEED = click.argument("feed")
RULE = click.argument("rule")


def _secret(context: click.Context, param: click.Parameter, value: str | None) -> str | None:
    if value != "-":
        return value
    return str(click.prompt(param.name, hide_input=True, err=True, default="", show_default=False))


def secret_option(name: str, **more: Any) -> Callable[[Any], Any]:
    """An option for something that should be in no list of processes."""
    return click.option(name, callback=_secret, **more)


FEED_OPTIONS = (
    click.option("--minutes", "refresh_minutes", type=click.IntRange(5), help="Between two looks."),
    click.option("--user", help="To log in with at its server."),
    secret_option("--password", help="For that; - asks for it."),
    secret_option("--cookies", help="For its server, as NAME=VALUE; - asks."),
    click.option("--ttl/--no-ttl", "honors_ttl", default=None, help="Look less often if it wants."),
    click.option("--on/--off", "enabled", default=None, help="Whether it is asked at all."),
)
RULE_OPTIONS = (
    click.option("--feed", "feeds", multiple=True, help="A feed it is for. [all]"),
    click.option("--contains", "must_contain", help="Words of a title; | parts alternatives."),
    click.option("--not", "must_not_contain", help="Words that a title must not have."),
    click.option("--regex/--words", default=None, help="What both are: regular expressions."),
    click.option("--episodes", help="As S01E05-; S02E01-E08; S03-."),
    click.option("--smart/--all", "smart", default=None, help="Each episode once."),
    click.option("--repacks/--no-repacks", default=None, help="A PROPER or REPACK once more."),
    click.option("--min-mb", type=click.IntRange(0), help="At least so many MB; 0 is any."),
    click.option("--max-mb", type=click.IntRange(0), help="At most so many MB; 0 is any."),
    click.option("--dir", "download_dir", help="Where to; empty is the usual folder."),
    click.option("--label", "labels", multiple=True, help="A label that torrents get."),
    click.option("--paused/--started", default=None, help="How they are added."),
    click.option(
        "--bandwidth", "bandwidth_priority", type=click.IntRange(-1, 1), help="-1 is low."
    ),
    click.option("--owner", metavar="USER", help="Whose the torrents are; '' is nobody. [yours]"),
    click.option("--priority", type=int, help="Of several rules the highest has an item."),
    click.option("--ignore-days", type=click.IntRange(0), help="After a match; 0 is none."),
)


def with_options(options: tuple[Callable[[Any], Any], ...]) -> Callable[[Command], Command]:
    """Decorate a command with all of these."""

    def decorate(command: Command) -> Command:
        for option in reversed(options):
            command = option(command)
        return command

    return decorate


@click.group(invoke_without_command=True)
@api_options
@pass_invocation
@click.pass_context
def rss(context: click.Context, invocation: Invocation) -> None:
    """Add torrents from RSS and Atom feeds by rules; lists the feeds.

    FEED and RULE are an id or a name.

    \b
    p2pctl rss add tv https://tracker.example/rss --cookies -
    p2pctl rss rule add Shows --feed tv --contains 'show 1080p' --smart --label tv
    p2pctl rss preview Shows
    """
    if context.invoked_subcommand is None:
        with in_words():
            rows = invocation.client.call("rss_feed_get")["feeds"]
        invocation.show_rows(rows, _feed_table, "there are no feeds: p2pctl rss add NAME URL")


@rss.command()
@click.argument("name")
@click.argument("place", metavar="URL")
@with_options(FEED_OPTIONS)
@api_options
@pass_invocation
def add(invocation: Invocation, /, name: str, place: str, **options: Any) -> None:
    """Have a feed asked for items from now on."""
    with in_words():
        made = invocation.client.call("rss_feed_add", name=name, url=place, **given(options))
    _told(invocation, made["feed"], "added")


@rss.command(name="set")
@FEED
@click.option("--name", help="Another name.")
@click.option("--feed-url", "place", help="Another place.")
@with_options(FEED_OPTIONS)
@api_options
@pass_invocation
def set_feed(invocation: Invocation, /, feed: str, **options: Any) -> None:
    """Change a feed."""
    with in_words():
        id_ = _id_of(invocation, "feed", feed)
        changed = invocation.client.call("rss_feed_set", id=id_, **_placed(given(options)))
    _told(invocation, changed["feed"], "changed")


@rss.command()
@FEED
@api_options
@pass_invocation
def remove(invocation: Invocation, feed: str) -> None:
    """Forget a feed; a rule for it alone is switched off."""
    with in_words():
        id_ = _id_of(invocation, "feed", feed)
        invocation.client.call("rss_feed_remove", id=id_)
    _told(invocation, {"id": id_, "name": feed}, "removed")


@rss.command()
@FEED
@api_options
@pass_invocation
def refresh(invocation: Invocation, feed: str) -> None:
    """Ask a feed for items now."""
    with in_words():
        id_ = _id_of(invocation, "feed", feed)
        found = invocation.client.call_patiently("rss_feed_refresh", id=id_)["feed"]
        if found["problem"]:
            raise P2pdError(found["problem"])
    _told(invocation, found, counted(found["item_count"], "item"))


@rss.command()
@click.argument("feeds", nargs=-1, metavar="FEED...")
@click.option("--state", "states", type=click.Choice(STATES), multiple=True, help="Only such.")
@click.option("--limit", type=click.IntRange(1), default=50, show_default=True, help="At most.")
@api_options
@pass_invocation
def items(
    invocation: Invocation, feeds: tuple[str, ...], states: tuple[str, ...], limit: int
) -> None:
    """List the items of feeds, the latest first, and what became of them."""
    params: dict[str, Any] = {"limit": limit}
    with in_words():
        if feeds:
            params["feed_ids"] = [_id_of(invocation, "feed", feed) for feed in feeds]
        if states:
            params["states"] = list(states)
        rows = invocation.client.call("rss_items", **params)["items"]
    invocation.show_rows(rows, _item_table, "there are no items")


@rss.command()
@FEED
@click.argument("key")
@api_options
@pass_invocation
def fetch(invocation: Invocation, feed: str, key: str) -> None:
    """Add the torrent of an item, whatever the rules say; KEY is as items lists it."""
    with in_words():
        id_ = _id_of(invocation, "feed", feed)
        found = invocation.client.call_patiently("rss_item_add", feed_id=id_, key=key)["item"]
        if found["problem"]:
            raise P2pdError(found["problem"])
    _told(invocation, {**found, "name": found["title"]}, found["state"])


@rss.command()
@api_options
@pass_invocation
def rules(invocation: Invocation) -> None:
    """List the rules, and how often they matched."""
    with in_words():
        rows = invocation.client.call("rss_rule_get")["rules"]
    invocation.show_rows(rows, _rule_table, "there are no rules: p2pctl rss rule add NAME")


@rss.command()
@click.argument("names", nargs=-1, metavar="RULE...")
@with_options(RULE_OPTIONS)
@api_options
@pass_invocation
def preview(invocation: Invocation, /, names: tuple[str, ...], **options: Any) -> None:
    """Show what rules would add of what is in the feeds now; adds nothing.

    Those that are named, or all that are there, or one that is not there yet, of options:

    \b
    p2pctl rss preview --contains 'show 1080p' --smart
    """
    with in_words():
        params: dict[str, Any] = {}
        if names:
            params["ids"] = [_id_of(invocation, "rule", name) for name in names]
        chosen = _rule_params(invocation, options)
        if chosen:
            params["rule"] = chosen
        rows = invocation.client.call("rss_preview", **params)["items"]
    invocation.show_rows(rows, _preview_table, "nothing would be added")


@rss.group()
def rule() -> None:
    """Add, change and remove rules."""


@rule.command(name="add")
@click.argument("name")
@click.option("--on/--off", "enabled", default=None, help="Whether it holds.")
@with_options(RULE_OPTIONS)
@api_options
@pass_invocation
def add_rule(invocation: Invocation, /, name: str, enabled: bool | None, **options: Any) -> None:
    """Add torrents of feeds from now on; what is in them already is looked at, too."""
    with in_words():
        params = {**given({"enabled": enabled}), **_rule_params(invocation, options)}
        made = invocation.client.call("rss_rule_add", name=name, **params)
    _told(invocation, made["rule"], "added")


@rule.command(name="set")
@RULE
@click.option("--name", help="Another name.")
@click.option("--on/--off", "enabled", default=None, help="Whether it holds.")
@with_options(RULE_OPTIONS)
@api_options
@pass_invocation
def set_rule(
    invocation: Invocation, /, rule: str, name: str | None, enabled: bool | None, **options: Any
) -> None:
    """Change a rule."""
    with in_words():
        params = given({"name": name, "enabled": enabled}) | _rule_params(invocation, options)
        id_ = _id_of(invocation, "rule", rule)
        changed = invocation.client.call("rss_rule_set", id=id_, **params)
    _told(invocation, changed["rule"], "changed")


@rule.command(name="remove")
@RULE
@api_options
@pass_invocation
def remove_rule(invocation: Invocation, rule: str) -> None:
    """Forget a rule, and which episodes it has had."""
    with in_words():
        id_ = _id_of(invocation, "rule", rule)
        invocation.client.call("rss_rule_remove", id=id_)
    _told(invocation, {"id": id_, "name": rule}, "removed")


def given(options: dict[str, Any]) -> dict[str, Any]:
    """The options that were given."""
    return {name: value for name, value in options.items() if value not in (None, ())}


def _placed(found: dict[str, Any]) -> dict[str, Any]:
    """What is --feed-url here, where --url is the daemon's, is url in the API."""
    return {"url" if name == "place" else name: value for name, value in found.items()}


def _rule_params(invocation: Invocation, options: dict[str, Any]) -> dict[str, Any]:
    found = given(options)
    for bound in ("min", "max"):
        if f"{bound}_mb" in found:
            found[f"{bound}_size"] = found.pop(f"{bound}_mb") * 1_000_000
    if "regex" in found:
        found["syntax"] = "regex" if found.pop("regex") else "words"
    if "feeds" in found:
        found["feed_ids"] = [_id_of(invocation, "feed", feed) for feed in found.pop("feeds")]
    if "labels" in found:
        found["labels"] = list(found["labels"])
    return found


def _id_of(invocation: Invocation, kind: str, text: str) -> int:
    """Of a feed or a rule that is named by its id or its name. Raises P2pdError."""
    if text.isascii() and text.isdigit():
        return int(text)
    for row in invocation.client.call(f"rss_{kind}_get")[f"{kind}s"]:
        if row["name"] == text:
            return int(row["id"])
    raise P2pdError(f"there is no {kind} {text}")


def _told(invocation: Invocation, row: JsonObject, what: str) -> None:
    if invocation.as_json:
        invocation.tell(row)
    invocation.say(f"{plain(row['name'])}: {what}")


def _feed_table(rows: list[JsonObject]) -> Columns:
    table = Columns("Id>", "Items>", "Asked", "Next", "Name", "State", spare=["Asked", "Next"])
    for row in rows:
        state = plain(row["problem"], 300) or ("ok" if row["enabled"] else "off")
        style = "red" if row["problem"] else ""
        asked, later = moment(row["checked_date"]), moment(row["next_date"])
        name = plain(row["name"])
        table.add_row(
            str(row["id"]), str(row["item_count"]), asked, later, name, state, style=style
        )
    return table


def _rule_table(rows: list[JsonObject]) -> Columns:
    table = Columns("Id>", "Matches>", "Last", "Name", "Wants", spare=["Last"])
    for row in rows:
        wants = plain(row["problem"], 300) or plain(row["must_contain"], 100) or "anything"
        name = plain(row["name"]) + ("" if row["enabled"] else " (off)")
        style = "red" if row["problem"] else ""
        last = moment(row["last_match_date"])
        table.add_row(str(row["id"]), str(row["matches"]), last, name, wants, style=style)
    return table


def _item_table(rows: list[JsonObject]) -> Columns:
    table = Columns("Feed>", "Key", "Seen", "State", "Size>", "Title", spare=["Seen", "Size"])
    for row in rows:
        title = plain(row["title"]) + (f": {plain(row['problem'])}" if row["problem"] else "")
        how_big = "" if row["size"] < 0 else size(row["size"])
        seen = moment(row["seen_date"])
        table.add_row(str(row["feed_id"]), plain(row["key"]), seen, row["state"], how_big, title)
    return table


def _preview_table(rows: list[JsonObject]) -> Columns:
    table = Columns("Rule>", "Feed>", "State", "Title")
    for row in rows:
        state = plain(row["hindrance"]) or row["state"]
        style = "dim" if row["hindrance"] else ""
        table.add_row(
            str(row["rule_id"]), str(row["feed_id"]), state, plain(row["title"]), style=style
        )
    return table
