"""p2pctl rename: other names for a torrent, its folders and files."""

from __future__ import annotations

import click

from p2pd.clients.cli.choosing import ONE_TORRENT, torrent_of
from p2pd.clients.cli.invocation import Invocation, api_options, in_words, pass_invocation
from p2pd.clients.text import plain


@click.command()
@ONE_TORRENT
@click.argument("name")
@click.option(
    "--path", metavar="PATH",
    help="Which file or folder, as p2pctl files lists it, with or without the torrent's own "
    "folder; if it is not said, the torrent.",
)  # fmt: skip
@api_options
@pass_invocation
def rename(invocation: Invocation, word: str, name: str, path: str | None) -> None:
    """Rename a torrent, or a file or folder in it, on the disk too, while it goes on.

    \b
    Examples:
      p2pctl rename film "Film (1999)"
      p2pctl rename 7 notes.txt --path docs/readme.txt
    """
    with in_words():
        torrent = torrent_of(invocation, word, ["id", "name", "files"])
        top, whole = torrent["name"], path or torrent["name"]
        inside = path is not None and path != top and not path.startswith(f"{top}/")
        if inside and torrent["files"] and torrent["files"][0]["name"] != top:
            whole = f"{top}/{path}"
        answer = invocation.client.call(
            "torrent_rename_path", ids=[torrent["id"]], path=whole, name=name
        )
    if invocation.as_json:
        invocation.tell(answer)
    else:
        invocation.say(f"{torrent['id']} {plain(whole)}: is called {plain(name)} now")
