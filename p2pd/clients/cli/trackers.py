"""p2pctl trackers: whom a torrent asks for peers, what they said, and other ones."""

from __future__ import annotations

from pathlib import Path

import click

from p2pd.base.errors import P2pdError
from p2pd.clients.cli.choosing import ONE_TORRENT, the_one, torrent_with
from p2pd.clients.cli.invocation import Invocation, api_options, in_words, pass_invocation
from p2pd.clients.cli.tables import tracker_table
from p2pd.clients.text import plain

MAX_LIST = 2 * 1024 * 1024


@click.command()
@ONE_TORRENT
@click.option("--add", "added", metavar="URL", multiple=True, help="Add one, a tier of its own.")
@click.option("--remove", "removed", metavar="URL", multiple=True, help="Take one away.")
@click.option(
    "--change", "changed", metavar="OLD NEW", multiple=True, nargs=2,
    help="Have another address in the place of one.",
)  # fmt: skip
@click.option(
    "--replace", "listed", type=click.Path(), metavar="FILE",
    help="Have those of a file (- is stdin): a URL a line, a blank line between tiers.",
)  # fmt: skip
@api_options
@pass_invocation
def trackers(
    invocation: Invocation, word: str, added: tuple[str, ...], removed: tuple[str, ...],
    changed: tuple[tuple[str, str], ...], listed: str | None,
) -> None:  # fmt: skip
    """List the trackers of a torrent and what they answered last, or change them.

    \b
    Examples:
      p2pctl trackers debian --add http://tracker.example/announce
      p2pctl trackers debian --remove http://old.example/announce
    """
    if listed is not None and (added or removed or changed):
        raise click.UsageError("--replace excludes --add, --remove and --change")
    with in_words():
        number = the_one(invocation, word)
        if listed is not None:
            _set(invocation, number, _read(listed))
        if changed:
            _change(invocation, number, changed)
        if removed:
            _remove(invocation, number, removed)
        if added:
            invocation.client.call("torrent_set", ids=[number], tracker_add=list(added))
        rows = torrent_with(invocation, number, ["tracker_stats"])["tracker_stats"]
    invocation.show_rows(rows, tracker_table, "it has no trackers")


def _set(invocation: Invocation, number: int, tiers: str) -> None:
    invocation.client.call("torrent_set", ids=[number], tracker_list=tiers)


def _remove(invocation: Invocation, number: int, removed: tuple[str, ...]) -> None:
    lines = torrent_with(invocation, number, ["tracker_list"])["tracker_list"].splitlines()
    for url in removed:
        if url not in lines:
            raise P2pdError(f"{plain(url, 200)} is none of its trackers")
    _set(invocation, number, "\n".join(line for line in lines if line not in removed))


def _change(invocation: Invocation, number: int, changed: tuple[tuple[str, str], ...]) -> None:
    here = torrent_with(invocation, number, ["trackers"])["trackers"]
    ids = {tracker["announce"]: tracker["id"] for tracker in here}
    replaced: list[int | str] = []
    for old, new in changed:
        if old not in ids:
            raise P2pdError(f"{plain(old, 200)} is none of its trackers")
        replaced += [ids[old], new]
    invocation.client.call("torrent_set", ids=[number], tracker_replace=replaced)


def _read(path: str) -> str:
    try:
        with click.open_file(path, "rb") if path == "-" else Path(path).open("rb") as file:
            return file.read(MAX_LIST).decode("utf-8")
    except OSError as error:
        raise P2pdError(f"{path} cannot be read: {error.strerror or error}") from None
    except UnicodeDecodeError:
        raise P2pdError(f"{path} is no text") from None
