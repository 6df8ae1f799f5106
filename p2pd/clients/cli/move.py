"""p2pctl move: have torrents' files in another folder."""

from __future__ import annotations

import os

import click

from p2pd.clients.cli.choosing import chooses_torrents, tell_chosen
from p2pd.clients.cli.invocation import Invocation, api_options, in_words, pass_invocation
from p2pd.clients.selection import Wanted
from p2pd.clients.text import plain


@click.command()
@chooses_torrents
@click.argument("folder", type=click.Path())
@click.option("--find", is_flag=True, help="The files are there already: look, and go on there.")
@api_options
@pass_invocation
def move(invocation: Invocation, wanted: Wanted, folder: str, find: bool) -> None:
    """Move torrents' files to another folder; FOLDER is one of the daemon's machine.

    They are moved while the torrents go on; p2pctl list and info show how far that is. To move them
    to the folder where they are ends a move that is under way.
    """
    place = os.path.abspath(folder)
    with in_words():
        chosen = wanted.find(invocation.client)
        ids = [torrent["id"] for torrent in chosen]
        if ids:
            client = invocation.client
            client.call("torrent_set_location", ids=ids, location=place, move=not find)
    done = "is looked for in" if find else "will be moved to"
    tell_chosen(invocation, chosen, f"{done} {plain(place)}", {"location": place})
