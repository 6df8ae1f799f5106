"""p2pctl groups, group: torrents that share speed limits."""

from __future__ import annotations

from typing import Any

import click

from p2pd.clients.api_client import JsonObject
from p2pd.clients.cli.choosing import torrents_of
from p2pd.clients.cli.invocation import Invocation, api_options, in_words, pass_invocation
from p2pd.clients.cli.limit_tables import pair_words
from p2pd.clients.cli.limits import DOWN, UP, switched
from p2pd.clients.cli.speeds import limit_words
from p2pd.clients.columns import Columns
from p2pd.clients.selection import choose
from p2pd.clients.text import counted, plain


def complete_groups(
    context: click.Context, option: click.Parameter, begun: str
) -> list[click.shell_completion.CompletionItem]:
    """The groups that torrents are in."""
    every = {torrent["group"] for torrent in torrents_of(context, ["group"])} - {""}
    fitting = sorted(group for group in every if group.startswith(begun))
    return [click.shell_completion.CompletionItem(group) for group in fitting]


@click.command()
@api_options
@pass_invocation
def groups(invocation: Invocation) -> None:
    """List the bandwidth groups, their limits, and how many torrents are in each."""
    with in_words():
        rows = invocation.client.call("group_get")["group"]
        torrents = [] if invocation.as_json else invocation.client.torrents(["group"])
    members = [torrent["group"] for torrent in torrents]

    def table(rows: list[JsonObject]) -> Columns:
        columns = Columns("Torrents>", "Down", "Up", "Session's limits", "Group")
        for row in rows:
            down, up = _limits(row)
            session = "hold, too" if row["honors_session_limits"] else "do not hold"
            columns.add_row(
                str(members.count(row["name"])), limit_words(down), limit_words(up), session,
                plain(row["name"], 255),
            )  # fmt: skip
        return columns

    invocation.show_rows(rows, table, "there are no groups: make one with p2pctl group NAME")


@click.command()
@click.argument("name", shell_complete=complete_groups)
@DOWN
@UP
@click.option(
    "--honor-session/--ignore-session", "honor", default=None,
    help="Whether the session's limits hold for its torrents, too.",
)  # fmt: skip
@click.option("--add", "added", metavar="TORRENT", multiple=True, help="Put torrents in it.")
@click.option("--drop", "dropped", metavar="TORRENT", multiple=True, help="Take torrents out.")
@click.option("--remove", is_flag=True, help="Forget the group; its torrents are in none, then.")
@api_options
@pass_invocation
def group(
    invocation: Invocation, name: str, down: int | None, up: int | None, honor: bool | None,
    added: tuple[str, ...], dropped: tuple[str, ...], remove: bool,
) -> None:  # fmt: skip
    """Make a bandwidth group, change its limits, or which torrents are in it.

    All torrents of a group share its limits. SPEED is as with limit.

    \b
    Examples:
      p2pctl group slow --up 200 --add debian --add 3-7
      p2pctl group slow --remove
    """
    changes: dict[str, Any] = switched("speed_limit_down", "speed_limit_down_enabled", down)
    changes |= switched("speed_limit_up", "speed_limit_up_enabled", up)
    if honor is not None:
        changes["honors_session_limits"] = honor
    if remove and (changes or added or dropped):
        raise click.UsageError("--remove is said alone")
    with in_words():
        if remove:
            invocation.client.call("group_remove", name=name)
            row: JsonObject = {"name": name}
        else:
            invocation.client.call("group_set", name=name, **changes)
            _put(invocation, added, name)
            _put(invocation, dropped, "")
            row = invocation.client.call("group_get", name=name)["group"][0]
            row["torrents"] = _members(invocation, name)
    if invocation.as_json:
        invocation.tell(row)
    elif remove:
        invocation.say(f"group {plain(name, 255)}: removed")
    else:
        members = counted(len(row["torrents"]), "torrent")
        invocation.say(f"group {plain(name, 255)}: {members}, {pair_words(*_limits(row))}")


def _put(invocation: Invocation, words: tuple[str, ...], name: str) -> None:
    if words:
        ids = [torrent["id"] for torrent in choose(invocation.client, words)]
        invocation.client.call("torrent_set", ids=ids, group=name)


def _members(invocation: Invocation, name: str) -> list[int]:
    rows = invocation.client.torrents(["id", "group"])
    return [row["id"] for row in rows if row["group"] == name]


def _limits(row: JsonObject) -> tuple[int | None, int | None]:
    down = row["speed_limit_down"] if row["speed_limit_down_enabled"] else None
    up = row["speed_limit_up"] if row["speed_limit_up_enabled"] else None
    return down, up
