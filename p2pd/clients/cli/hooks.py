"""p2pctl hook: commands and webhooks on what happens to torrents."""

from __future__ import annotations

from typing import Any

import click

from p2pd.base.errors import P2pdError
from p2pd.clients.api_client import JsonObject
from p2pd.clients.cli.event_kinds import KINDS
from p2pd.clients.cli.invocation import Invocation, api_options, in_words, pass_invocation
from p2pd.clients.cli.rss import given, secret_option, with_options
from p2pd.clients.columns import Columns
from p2pd.clients.text import counted, moment, plain

HOOK = click.argument("hook_name", metavar="HOOK")
FILTERS = (
    click.option("--event", "events", type=click.Choice(KINDS), multiple=True, help="[all]"),
    click.option("--label", "labels", multiple=True, help="Only torrents with one of these."),
    click.option("--tracker", "trackers", multiple=True, help="Only those of such a host."),
)


@click.group(invoke_without_command=True)
@api_options
@pass_invocation
@click.pass_context
def hook(context: click.Context, invocation: Invocation) -> None:
    """Run commands, or tell servers, when something happens to torrents; lists the hooks.

    HOOK is an id or a name.

    \b
    p2pctl hook add-url chat https://example.org/hook --event done --secret -
    p2pctl hook add-command unpack --event done --label tv -- /usr/local/bin/unpack -q
    p2pctl hook test chat
    """
    if context.invoked_subcommand is None:
        with in_words():
            rows = invocation.client.call("hook_get")["hooks"]
        invocation.show_rows(rows, _hook_table, "there are no hooks")


@hook.command(name="add-url")
@click.argument("name")
@click.argument("place", metavar="URL")
@with_options(FILTERS)
@secret_option("--secret", help="Bodies are signed with it; - asks for it.")
@api_options
@pass_invocation
def add_url(invocation: Invocation, /, name: str, place: str, **options: Any) -> None:
    """Tell a server: POST of JSON, tried again until it takes it."""
    _add(invocation, {"name": name, "kind": "webhook", "url": place, **given(options)})


@hook.command(name="add-command")
@click.argument("name")
@click.argument("command", nargs=-1, required=True)
@with_options(FILTERS)
@click.option("--seconds", type=click.IntRange(1), help="After which it is ended. [300]")
@api_options
@pass_invocation
def add_command(
    invocation: Invocation, /, name: str, command: tuple[str, ...], **options: Any
) -> None:
    """Run a program on the daemon's host; no shell sees what is given."""
    chosen = {"name": name, "kind": "command", "command": list(command)}
    _add(invocation, chosen | given(options))


@hook.command(name="set")
@HOOK
@click.option("--name", help="Another name.")
@click.option("--on/--off", "enabled", default=None, help="Whether it does anything.")
@click.option("--hook-url", "url_of_hook", help="Another server.")
@with_options(FILTERS)
@secret_option("--secret", help="Another secret; - asks for it.")
@click.option("--seconds", type=click.IntRange(1), help="After which a command is ended.")
@api_options
@pass_invocation
def set_hook(invocation: Invocation, /, hook_name: str, **options: Any) -> None:
    """Change a hook; lists of events, labels and trackers take the place of the earlier ones."""
    with in_words():
        id_ = _id_of(invocation, hook_name)
        chosen = _listed(given(options))
        if "url_of_hook" in chosen:
            chosen["url"] = chosen.pop("url_of_hook")
        changed = invocation.client.call("hook_set", id=id_, **chosen)["hook"]
    _told(invocation, changed, "changed")


@hook.command()
@HOOK
@api_options
@pass_invocation
def remove(invocation: Invocation, hook_name: str) -> None:
    """Forget a hook, and what its server was not told yet."""
    with in_words():
        id_ = _id_of(invocation, hook_name)
        invocation.client.call("hook_remove", id=id_)
    _told(invocation, {"id": id_, "name": hook_name}, "removed")


@hook.command()
@HOOK
@api_options
@pass_invocation
def test(invocation: Invocation, hook_name: str) -> None:
    """Try a hook out with an event that did not happen."""
    with in_words():
        end = invocation.client.call_patiently("hook_test", id=_id_of(invocation, hook_name))
        if invocation.as_json:
            invocation.tell(end)
        for line in end["output"].splitlines():
            invocation.say(line)
        if end["problem"]:
            raise P2pdError(end["problem"])
    invocation.say(f"{plain(hook_name)}: it works ({end['status']})")


@hook.command()
@click.option("--dead", is_flag=True, help="Only those that were given up.")
@click.option("--limit", type=click.IntRange(1), default=50, show_default=True, help="At most.")
@api_options
@pass_invocation
def letters(invocation: Invocation, dead: bool, limit: int) -> None:
    """List what servers were not told yet, or were told in vain."""
    params: dict[str, Any] = {"limit": limit}
    if dead:
        params["states"] = ["dead"]
    with in_words():
        rows = invocation.client.call("hook_letters", **params)["letters"]
    invocation.show_rows(rows, _letter_table, "there are no letters")


@hook.command()
@click.argument("ids", type=int, nargs=-1, metavar="LETTER...")
@api_options
@pass_invocation
def retry(invocation: Invocation, ids: tuple[int, ...]) -> None:
    """Send letters again that were given up: those named, or all."""
    params = {"ids": list(ids)} if ids else {}
    with in_words():
        found = invocation.client.call("hook_letters_retry", **params)
    _counted(invocation, found, "to be sent again")


@hook.command()
@click.argument("ids", type=int, nargs=-1, required=True, metavar="LETTER...")
@api_options
@pass_invocation
def forget(invocation: Invocation, ids: tuple[int, ...]) -> None:
    """Forget letters, whether they wait or were given up."""
    with in_words():
        found = invocation.client.call("hook_letters_forget", ids=list(ids))
    _counted(invocation, found, "forgotten")


def _add(invocation: Invocation, chosen: dict[str, Any]) -> None:
    with in_words():
        made = invocation.client.call("hook_add", **_listed(chosen))["hook"]
    _told(invocation, made, "added")


def _listed(chosen: dict[str, Any]) -> dict[str, Any]:
    return {
        name: list(value) if isinstance(value, tuple) else value for name, value in chosen.items()
    }


def _id_of(invocation: Invocation, text: str) -> int:
    if text.isascii() and text.isdigit():
        return int(text)
    for row in invocation.client.call("hook_get")["hooks"]:
        if row["name"] == text and row["id"]:
            return int(row["id"])
    raise P2pdError(f"there is no hook {text} that clients set")


def _told(invocation: Invocation, row: JsonObject, what: str) -> None:
    if invocation.as_json:
        invocation.tell(row)
    invocation.say(f"{plain(row['name'])}: {what}")


def _counted(invocation: Invocation, found: JsonObject, what: str) -> None:
    if invocation.as_json:
        invocation.tell(found)
    invocation.say(f"{counted(found['count'], 'letter')} {what}")


def _hook_table(rows: list[JsonObject]) -> Columns:
    table = Columns("Id>", "Runs>", "Last", "Name", "Events", "Does", "", spare=["Last"])
    for row in rows:
        does = plain(row["url"] or " ".join(row["command"]), 200)
        name = plain(row["name"]) + ("" if row["enabled"] else " (off)")
        problem = plain(row["problem"], 300)
        table.add_row(
            str(row["id"] or "-"), str(row["runs"]), moment(row["last_date"]), name,
            ",".join(row["events"]) or "all", does, problem, style="red" if problem else "",
        )  # fmt: skip
    return table


def _letter_table(rows: list[JsonObject]) -> Columns:
    table = Columns("Id>", "Hook>", "Date", "State", "Tries>", "Event", "Problem")
    for row in rows:
        table.add_row(
            str(row["id"]), str(row["hook_id"]), moment(row["date"]), row["state"],
            str(row["tries"]), plain(row["event"]), plain(row["problem"], 300),
        )  # fmt: skip
    return table
