"""p2pctl peers, add-peers."""

from __future__ import annotations

import click

from p2pd.clients.cli.choosing import ONE_TORRENT, the_one, torrent_of
from p2pd.clients.cli.invocation import Invocation, api_options, in_words, pass_invocation
from p2pd.clients.cli.tables import peer_table, source_table
from p2pd.clients.text import counted


@click.command()
@ONE_TORRENT
@click.option("--sources", is_flag=True, help="List where its peers come from instead.")
@api_options
@pass_invocation
def peers(invocation: Invocation, word: str, sources: bool) -> None:
    """List the connected peers of a torrent, or where they come from.

    \b
    Flags:  D  it sends to us          d  we want something, it chokes us
            U  we send to it           u  it wants something, we choke it
            K  it would send to us, we want nothing
            ?  we would send to it, it wants nothing
            O  it is served by way of trial
            S  it snubs us: it lets us ask, and sends nothing
            E  encrypted               e  the handshake alone is encrypted
            I  it came to us
    """
    with in_words():
        if sources:
            found = torrent_of(invocation, word, ["discovery"])["discovery"]
            invocation.show_rows(found, source_table, "it has no sources of peers")
            return
        rows = torrent_of(invocation, word, ["peers"])["peers"]
    invocation.show_rows(rows, peer_table, "no peers are connected")


@click.command("add-peers")
@ONE_TORRENT
@click.argument("addresses", metavar="ADDRESS...", nargs=-1, required=True)
@api_options
@pass_invocation
def add_peers(invocation: Invocation, word: str, addresses: tuple[str, ...]) -> None:
    """Tell a torrent of peers (192.0.2.1:6881, [2001:db8::1]:6881), which are dialled at once."""
    with in_words():
        number = the_one(invocation, word)
        answer = invocation.client.call("peer_add", ids=[number], addresses=list(addresses))
    if invocation.as_json:
        invocation.tell(answer)
    invocation.say(f"{counted(answer['added'], 'new peer')}")
