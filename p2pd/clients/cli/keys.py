"""p2pctl keys: keys of the daemon's users."""

from __future__ import annotations

from typing import Any

import click

from p2pd.clients.api_client import JsonObject
from p2pd.clients.cli.invocation import Invocation, api_options, in_words, pass_invocation
from p2pd.clients.cli.users import ROLES
from p2pd.clients.columns import Columns
from p2pd.clients.text import moment, plain


@click.group(invoke_without_command=True)
@api_options
@pass_invocation
@click.pass_context
def keys(context: click.Context, invocation: Invocation) -> None:
    """List, make and revoke keys of the daemon's users; admins may."""
    if context.invoked_subcommand is None:
        with in_words():
            rows = invocation.client.call("api_key_list")["keys"]
        invocation.show_rows(rows, key_table, "there are no keys but the token")


@keys.command()
@click.argument("name")
@click.option("--user", help="Whose it is. [your own]")
@click.option("--role", type=click.Choice(ROLES), help="Not more than the user's. [the user's]")
@click.option("--label", "labels", multiple=True, help="Shows only torrents with it; repeat it.")
@click.option("--days", type=click.IntRange(1), help="When it expires. [never]")
@api_options
@pass_invocation
def add(
    invocation: Invocation, name: str, user: str | None, role: str | None,
    labels: tuple[str, ...], days: int | None,
) -> None:  # fmt: skip
    """Make a key, which is shown this once; NAME is what it is for.

    \b
    Example, of one that only looks, for a month:
      p2pctl keys add dashboard --role read-only --days 30
    """
    params: dict[str, Any] = {"name": name, "labels": list(labels)}
    given = {"user": user, "role": role, "days": days}
    params |= {option: value for option, value in given.items() if value is not None}
    with in_words():
        made = invocation.client.call("api_key_add", **params)
    if invocation.as_json:
        invocation.tell(made)
        return
    invocation.warn(f"key {made['id']} of {plain(made['user'])} ({made['role']}), shown this once:")
    invocation.say(made["key"])


@keys.command()
@click.argument("number", metavar="ID", type=click.IntRange(1))
@api_options
@pass_invocation
def remove(invocation: Invocation, number: int) -> None:
    """Revoke a key: it is good for nothing from now on."""
    with in_words():
        invocation.client.call("api_key_remove", id=number)
    if invocation.as_json:
        invocation.tell({"id": number})
    invocation.say(f"key {number}: revoked")


def key_table(rows: list[JsonObject]) -> Columns:
    """One line a key."""
    table = Columns("Id>", "Name", "User", "Role", "Made", "Used", "Expires", "Labels")
    for row in rows:
        expires = moment(row["expires_date"]) if row["expires_date"] else "never"
        table.add_row(
            str(row["id"]),
            plain(row["name"], 60),
            plain(row["user"]),
            plain(row["role"]),
            moment(row["created_date"]),
            moment(row["used_date"]) if row["used_date"] else "",
            expires,
            plain(",".join(row["labels"]), 60),
        )
    return table
