"""p2pctl move: have torrents' files in another folder."""

from __future__ import annotations

import os

import click

from p2pd.clients.cli.actions import pass_invocation
from p2pd.clients.cli.invocation import Invocation, api_options, in_words
from p2pd.clients.selection import choose
from p2pd.clients.text import plain


@click.command()
@click.argument("words", metavar="TORRENT...", nargs=-1, required=True)
@click.argument("folder", type=click.Path())
@click.option("--find", is_flag=True, help="The files are there already: look, and go on there.")
@api_options
@pass_invocation
def move(invocation: Invocation, words: tuple[str, ...], folder: str, find: bool) -> None:
    """Move torrents' files to another folder; FOLDER is one of the daemon's machine.

    They are moved while the torrents go on; p2pctl list and info show how far that is. To move them
    to the folder where they are ends a move that is under way.
    """
    place = os.path.abspath(folder)
    with in_words():
        chosen = choose(invocation.client, words)
        ids = [torrent["id"] for torrent in chosen]
        invocation.client.call("torrent_set_location", ids=ids, location=place, move=not find)
    if invocation.as_json:
        invocation.tell({"torrents": chosen, "location": place})
    done = "is looked for in" if find else "will be moved to"
    for torrent in chosen:
        invocation.say(f"{torrent['id']} {plain(torrent['name'])}: {done} {plain(place)}")
