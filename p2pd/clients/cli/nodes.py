"""p2pctl node, nodes: who this node is, and which others it trusts."""

from __future__ import annotations

import sys

import click

from p2pd.clients.api_client import JsonObject
from p2pd.clients.cli.invocation import (
    Invocation,
    api_options,
    has_person,
    in_words,
    pass_invocation,
)
from p2pd.clients.columns import Columns
from p2pd.clients.text import counted, moment, plain

KEY_DIGITS = 64
SHOWN_TO = {
    "off": "nobody (peers.identity is off)",
    "trusted": "nodes that it trusts",
    "all": "all nodes, but in private torrents to those that it trusts",
}


@click.group(invoke_without_command=True)
@api_options
@pass_invocation
@click.pass_context
def node(context: click.Context, invocation: Invocation) -> None:
    """Show the key that this node is known by, or have another one."""
    if context.invoked_subcommand is None:
        with in_words():
            identity = invocation.client.call("node_identity")
        _tell(invocation, identity)


@node.command()
@click.option(
    "--stranger", is_flag=True,
    help="The old key does not vouch for the new one: nobody can tell that it is the same node.",
)  # fmt: skip
@click.option("--yes", "-y", is_flag=True, help="Do not ask.")
@api_options
@pass_invocation
def rotate(invocation: Invocation, stranger: bool, yes: bool) -> None:
    """Have another key.

    Nodes that trust the old one trust the new one when they meet it: the old one vouches for it.
    """
    if not yes:
        if not has_person():
            raise click.UsageError("without a terminal --yes says that it is meant")
        click.confirm("The old key cannot be had back. Go on?", abort=True, err=True)
    with in_words():
        identity = invocation.client.call("node_rotate", succession=not stranger)
    _tell(invocation, identity)


def _tell(invocation: Invocation, identity: JsonObject) -> None:
    if invocation.as_json:
        invocation.tell(identity)
    elif identity["problem"]:
        invocation.say(f"this node has no key: {plain(identity['problem'], 400)}")
        sys.exit(1)
    else:
        invocation.say(f"Key:      {plain(identity['key'])}")
        shown = SHOWN_TO.get(identity["shown_to"], identity["shown_to"])
        invocation.say(f"Shown to: {plain(shown)}")
        if identity["former_key"]:
            invocation.say(f"Before:   {plain(identity['former_key'])}, which vouches for it")


@click.group(invoke_without_command=True)
@api_options
@pass_invocation
@click.pass_context
def nodes(context: click.Context, invocation: Invocation) -> None:
    """List the nodes that are trusted; trust others, or no more."""
    if context.invoked_subcommand is None:
        with in_words():
            rows = invocation.client.call("nodes_list")["nodes"]
        invocation.show_rows(rows, node_table, "no nodes are trusted")


@nodes.command()
@click.argument("key", metavar="KEY")
@click.option("--name", default="", help="What to call it.")
@api_options
@pass_invocation
def trust(invocation: Invocation, key: str, name: str) -> None:
    """Trust the node with a key (its user's p2pctl node shows it), or call it something else."""
    with in_words():
        invocation.client.call("nodes_trust", key=key, name=name)
    if invocation.as_json:
        invocation.tell({"key": key.lower(), "name": name})
    else:
        invocation.say(f"{plain(name or key)}: trusted")


@nodes.command()
@click.argument("words", metavar="KEY|NAME...", nargs=-1, required=True)
@api_options
@pass_invocation
def untrust(invocation: Invocation, words: tuple[str, ...]) -> None:
    """Trust nodes no more, by their keys or names."""
    with in_words():
        rows = invocation.client.call("nodes_list")["nodes"]
        keys = [_key(word, rows) for word in words]
        answer = invocation.client.call("nodes_untrust", keys=keys)
    if invocation.as_json:
        invocation.tell(answer)
    else:
        invocation.say(f"{counted(answer['removed'], 'node')} trusted no more")


def _key(word: str, rows: list[JsonObject]) -> str:
    """The key of one trusted node."""
    found = [row["key"] for row in rows if word in (row["name"], row["key"])]
    if len(found) == 1:
        return str(found[0])
    if len(word) == KEY_DIGITS and not found:
        return word
    many = "several trusted nodes are" if found else "no trusted node is"
    raise click.ClickException(f"{many} called {plain(word)}")


def node_table(rows: list[JsonObject]) -> Columns:
    """One line a trusted node."""
    table = Columns("Name", "Key", "Since", "Last at", "Here>", spare=("Since",))
    for row in rows:
        table.add_row(
            plain(row["name"], 60),
            plain(row["key"]),
            moment(row["since"]),
            plain(row["address"]),
            str(row["connections"]),
        )
    return table
