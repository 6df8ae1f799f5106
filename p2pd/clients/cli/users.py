"""p2pctl users: who may call the daemon, and what."""

from __future__ import annotations

import sys
from typing import Any

import click

from p2pd.clients.api_client import JsonObject
from p2pd.clients.cli.choosing import complete_torrents
from p2pd.clients.cli.invocation import (
    Invocation,
    api_options,
    has_person,
    in_words,
    pass_invocation,
)
from p2pd.clients.cli.sizes import SIZE_OR_NONE
from p2pd.clients.columns import Columns
from p2pd.clients.selection import choose
from p2pd.clients.text import counted, plain, size

ROLES = ("admin", "operator", "read-only", "add-only")
NAME = click.argument("name", metavar="USER")
UNLIMITED = -1


def _options(command: Any) -> Any:
    decorators = (
        click.option("--password", is_flag=True, help="Ask for a password, or read it from stdin."),
        click.option(
            "--label", "labels", multiple=True,
            help='Sees torrents with it, and adds with it; repeat it; "" is none.',
        ),
        click.option("--own/--all", "own_only", default=None, help="See only the user's torrents."),
        click.option("--folder", help='Where all that is added goes; "" is the usual one.'),
        click.option(
            "--torrents", type=click.IntRange(-1), help="How many the user may have; -1: any."
        ),
        click.option(
            "--size", "most_bytes", type=SIZE_OR_NONE,
            help="Of all wanted files, like 500G or 2TiB, or none.",
        ),
    )  # fmt: skip
    for decorate in reversed(decorators):
        command = decorate(command)
    return command


@click.group(invoke_without_command=True)
@api_options
@pass_invocation
@click.pass_context
def users(context: click.Context, invocation: Invocation) -> None:
    """List, add, change and remove users of the daemon; admins may."""
    if context.invoked_subcommand is None:
        with in_words():
            rows = invocation.client.call("user_list")["users"]
        invocation.show_rows(rows, user_table, "there is nobody but p2pd, who has the token")


@users.command()
@NAME
@click.option("--role", type=click.Choice(ROLES), required=True)
@_options
@api_options
@pass_invocation
def add(invocation: Invocation, /, name: str, role: str, **given: Any) -> None:
    """Add a user.

    \b
    Example, of a friend who may have ten torrents:
      p2pctl users add bob --role add-only --password --torrents 10
    """
    with in_words():
        invocation.client.call("user_add", name=name, role=role, **_params(given))
    _tell(invocation, name, "added")


@users.command(name="set")
@NAME
@click.option("--role", type=click.Choice(ROLES))
@click.option("--no-password", is_flag=True, help="Take the password away: keys are left.")
@_options
@api_options
@pass_invocation
def change(
    invocation: Invocation, /, name: str, role: str | None, no_password: bool, **given: Any
) -> None:
    """Change a user."""
    if no_password and given["password"]:
        raise click.UsageError("--password and --no-password exclude each other")
    params = _params(given)
    if role is not None:
        params["role"] = role
    if no_password:
        params["password"] = ""
    if not params:
        raise click.UsageError("say what to change")
    with in_words():
        invocation.client.call("user_set", name=name, **params)
    _tell(invocation, name, "changed")


@users.command()
@NAME
@api_options
@pass_invocation
def remove(invocation: Invocation, name: str) -> None:
    """Remove a user and the user's keys; the torrents stay."""
    with in_words():
        invocation.client.call("user_remove", name=name)
    _tell(invocation, name, "removed")


@users.command()
@NAME
@click.argument(
    "words", metavar="TORRENT...", nargs=-1, required=True, shell_complete=complete_torrents
)
@api_options
@pass_invocation
def give(invocation: Invocation, name: str, words: tuple[str, ...]) -> None:
    """Have torrents be a user's."""
    with in_words():
        ids = [torrent["id"] for torrent in choose(invocation.client, list(words))]
        invocation.client.call("user_give", name=name, ids=ids)
    _tell(invocation, name, f"has {counted(len(ids), 'torrent')} more")


def user_table(rows: list[JsonObject]) -> Columns:
    """One line a user."""
    table = Columns("User", "Role", "Password", "Sees", "Torrents>", "Size>", "Labels", "Folder")
    for row in rows:
        narrow = row["own_only"] or row["role"] == "add-only"
        table.add_row(
            plain(row["name"]),
            plain(row["role"]),
            "yes" if row["has_password"] else "no",
            "own" if narrow else "labels" if row["labels"] else "all",
            "" if row["torrent_quota"] == UNLIMITED else str(row["torrent_quota"]),
            "" if row["size_quota"] == UNLIMITED else size(row["size_quota"]),
            plain(",".join(row["labels"]), 60),
            plain(row["download_dir"], 200),
        )
    return table


def _params(given: dict[str, Any]) -> JsonObject:
    found: JsonObject = {}
    if given["labels"]:
        found["labels"] = [label for label in given["labels"] if label]
    for option, name in (
        ("own_only", "own_only"), ("folder", "download_dir"), ("torrents", "torrent_quota"),
        ("most_bytes", "size_quota"),
    ):  # fmt: skip
        if given[option] is not None:
            found[name] = given[option]
    if given["password"]:
        found["password"] = _asked_for_password()
    return found


def _asked_for_password() -> str:
    if has_person():
        return str(click.prompt("Password", hide_input=True, confirmation_prompt=True))
    password = sys.stdin.readline(5000).rstrip("\r\n")
    if not password:
        raise click.UsageError("there is no password on stdin")
    return password


def _tell(invocation: Invocation, name: str, done: str) -> None:
    if invocation.as_json:
        invocation.tell({"name": name})
    invocation.say(f"{plain(name)}: {done}")
