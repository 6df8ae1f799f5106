"""p2pctl set: how torrents download and seed."""

from __future__ import annotations

from typing import Any

import click

from p2pd.clients.cli.actions import pass_invocation
from p2pd.clients.cli.invocation import Invocation, api_options, in_words
from p2pd.clients.selection import choose
from p2pd.clients.text import plain

WORDS = click.argument("words", metavar="TORRENT...", nargs=-1, required=True)
SEEDING_MODES = ("session", "round_robin", "fastest_upload", "anti_leech")


@click.command("set")
@WORDS
@click.option(
    "--sequential/--rarest-first",
    "sequential_download",
    default=None,
    help="Get the pieces in order, or the rarest first.",
)
@click.option(
    "--from-piece",
    "sequential_download_from_piece",
    type=click.IntRange(0),
    metavar="PIECE",
    help="Where the order begins; the pieces before come last.",
)
@click.option(
    "--seed-choking",
    type=click.Choice(SEEDING_MODES),
    help="Whom to serve when complete: as the session does, everyone in turns, who takes most, "
    "or first who just began or is nearly complete.",
)
@click.option(
    "--super-seeding",
    type=click.Choice(["auto", "on", "off"]),
    help="As a seed, show each peer single pieces (BEP 16); auto: only while nobody else seeds.",
)
@api_options
@pass_invocation
def set_torrents(invocation: Invocation, /, words: tuple[str, ...], **wishes: Any) -> None:
    """Set how torrents get their pieces and whom they serve."""
    changes = {name: value for name, value in wishes.items() if value is not None}
    if not changes:
        raise click.UsageError("say what to set: one of the options")
    with in_words():
        chosen = choose(invocation.client, words)
        ids = [torrent["id"] for torrent in chosen]
        invocation.client.call("torrent_set", ids=ids, **changes)
    if invocation.as_json:
        invocation.tell({"torrents": [torrent | changes for torrent in chosen]})
    for torrent in chosen:
        invocation.say(f"{torrent['id']} {plain(torrent['name'])}: set")
