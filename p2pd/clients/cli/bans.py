"""p2pctl bans, ban, unban."""

from __future__ import annotations

from typing import Any

import click

from p2pd.clients.cli.invocation import Invocation, api_options, in_words, pass_invocation
from p2pd.clients.cli.tables import ban_table
from p2pd.clients.text import counted, plain

ADDRESSES = click.argument("addresses", metavar="[ADDRESS...]", nargs=-1)
KEYS = click.option(
    "--key", "keys", multiple=True, help="A node, wherever it is, by its key; repeat it."
)


@click.command()
@api_options
@pass_invocation
def bans(invocation: Invocation) -> None:
    """List who is banned, why, and until when."""
    with in_words():
        rows = invocation.client.call("peer_banned")["bans"]
    invocation.show_rows(rows, ban_table, "nobody is banned")


@click.command()
@ADDRESSES
@KEYS
@click.option("--reason", help="Why, to be listed with it.")
@click.option(
    "--hours", type=click.IntRange(0), help="How long; 0 is until it is lifted. [the daemon's]"
)
@api_options
@pass_invocation
def ban(
    invocation: Invocation,
    addresses: tuple[str, ...],
    keys: tuple[str, ...],
    reason: str | None,
    hours: int | None,
) -> None:
    """Ban hosts (192.0.2.1), single peers there (192.0.2.1:6881), or nodes (--key) everywhere."""
    params = _meant(addresses, keys)
    if reason is not None:
        params["reason"] = reason
    if hours is not None:
        params["hours"] = hours
    with in_words():
        invocation.client.call("peer_ban", **params)
    if invocation.as_json:
        invocation.tell(_meant(addresses, keys))
    for who in (*addresses, *keys):
        invocation.say(f"{plain(who)}: banned")


def _meant(addresses: tuple[str, ...], keys: tuple[str, ...]) -> dict[str, Any]:
    if not addresses and not keys:
        raise click.UsageError("say who: an ADDRESS, or --key with that of a node")
    meant: dict[str, Any] = {}
    if addresses:
        meant["addresses"] = list(addresses)
    if keys:
        meant["keys"] = list(keys)
    return meant


@click.command()
@ADDRESSES
@KEYS
@api_options
@pass_invocation
def unban(invocation: Invocation, addresses: tuple[str, ...], keys: tuple[str, ...]) -> None:
    """Lift the bans of hosts, of single peers there, or of nodes."""
    with in_words():
        answer = invocation.client.call("peer_unban", **_meant(addresses, keys))
    if invocation.as_json:
        invocation.tell(answer)
    else:
        invocation.say(f"{counted(answer['lifted'], 'ban')} lifted")
