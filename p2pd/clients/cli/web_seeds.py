"""p2pctl web-seeds: which servers give a torrent's data out, how they are doing, and other ones."""

from __future__ import annotations

import click

from p2pd.base.errors import P2pdError
from p2pd.clients.cli.choosing import ONE_TORRENT, the_one, torrent_with
from p2pd.clients.cli.invocation import Invocation, api_options, in_words, pass_invocation
from p2pd.clients.cli.tables import web_seed_table
from p2pd.clients.text import plain


@click.command("web-seeds")
@ONE_TORRENT
@click.option("--add", "added", metavar="URL", multiple=True, help="Add one.")
@click.option(
    "--add-http-seed", "added_pieces", metavar="URL", multiple=True,
    help="Add one that is asked by pieces (BEP 17).",
)  # fmt: skip
@click.option("--remove", "removed", metavar="URL", multiple=True, help="Take one away.")
@click.option(
    "--change", "changed", metavar="OLD NEW", multiple=True, nargs=2,
    help="Have another address in the place of one.",
)  # fmt: skip
@api_options
@pass_invocation
def web_seeds(
    invocation: Invocation, word: str, added: tuple[str, ...], added_pieces: tuple[str, ...],
    removed: tuple[str, ...], changed: tuple[tuple[str, str], ...],
) -> None:  # fmt: skip
    """List the web seeds of a torrent and how they are doing, or change them.

    \b
    Examples:
      p2pctl web-seeds debian --add http://mirror.example/debian.iso
      p2pctl web-seeds debian --remove http://old.example/debian.iso
    """
    with in_words():
        number = the_one(invocation, word)
        params: dict[str, list[str]] = {}
        if changed:
            params["webseed_list"] = _changed(invocation, number, changed)
        given = {"webseed_remove": removed, "webseed_add": added, "httpseed_add": added_pieces}
        params |= {name: list(urls) for name, urls in given.items() if urls}
        if params:
            invocation.client.call("torrent_set", ids=[number], **params)
        rows = torrent_with(invocation, number, ["webseeds_ex"])["webseeds_ex"]
    invocation.show_rows(rows, web_seed_table, "it has no web seeds")


def _changed(
    invocation: Invocation, number: int, changed: tuple[tuple[str, str], ...]
) -> list[str]:
    rows = torrent_with(invocation, number, ["webseeds_ex"])["webseeds_ex"]
    urls = [row["url"] for row in rows if row["kind"] == "files"]
    for old, new in changed:
        if old not in urls:
            raise P2pdError(f"{plain(old, 200)} is none of its web seeds")
        urls[urls.index(old)] = new
    return urls
