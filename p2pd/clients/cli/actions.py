"""p2pctl start, stop, verify, remove."""

from __future__ import annotations

from typing import Any

import click

from p2pd.clients.cli.invocation import Invocation, api_options, in_words
from p2pd.clients.selection import NAMING_FIELDS, choose
from p2pd.clients.text import plain

pass_invocation = click.make_pass_decorator(Invocation, ensure=True)

WORDS = click.argument("words", metavar="TORRENT...", nargs=-1)
EVERYTHING = click.option("--all", "everything", is_flag=True, help="All torrents.")


@click.command()
@WORDS
@EVERYTHING
@api_options
@pass_invocation
def start(invocation: Invocation, words: tuple[str, ...], everything: bool) -> None:
    """Start torrents."""
    _act(invocation, words, everything, "torrent_start", "started")


@click.command()
@WORDS
@EVERYTHING
@api_options
@pass_invocation
def stop(invocation: Invocation, words: tuple[str, ...], everything: bool) -> None:
    """Stop torrents."""
    _act(invocation, words, everything, "torrent_stop", "stopped")


@click.command()
@WORDS
@EVERYTHING
@api_options
@pass_invocation
def verify(invocation: Invocation, words: tuple[str, ...], everything: bool) -> None:
    """Check the data on disk anew, piece by piece."""
    _act(invocation, words, everything, "torrent_verify", "will be checked")


@click.command()
@WORDS
@EVERYTHING
@click.option("--delete-data", is_flag=True, help="Delete the downloaded files too.")
@click.option("-y", "--yes", is_flag=True, help="Do not ask, whatever is about to go.")
@api_options
@pass_invocation
def remove(
    invocation: Invocation,
    words: tuple[str, ...],
    everything: bool,
    delete_data: bool,
    yes: bool,
) -> None:
    """Remove torrents; their files stay unless --delete-data is given."""
    if everything and not yes:
        raise click.UsageError("--all removes every torrent: say --yes too")
    done = "removed, with its data" if delete_data else "removed"
    _act(invocation, words, everything, "torrent_remove", done, delete_local_data=delete_data)


def _act(
    invocation: Invocation,
    words: tuple[str, ...],
    everything: bool,
    method: str,
    done: str,
    **params: Any,
) -> None:
    if everything == bool(words):
        raise click.UsageError("name the torrents, or say --all")
    with in_words():
        client = invocation.client
        chosen = client.torrents(NAMING_FIELDS) if everything else choose(client, words)
        if chosen:
            client.call(method, ids=[torrent["id"] for torrent in chosen], **params)
    if invocation.as_json:
        invocation.tell({"torrents": chosen})
    for torrent in chosen:
        invocation.say(f"{torrent['id']} {plain(torrent['name'])}: {done}")
