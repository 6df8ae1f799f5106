"""p2pctl add: torrents from files, URLs, magnet links and info-hashes."""

from __future__ import annotations

import base64
import os
import re
import sys
from pathlib import Path
from typing import Any

import click

from p2pd.base.errors import P2pdError
from p2pd.clients.api_client import JsonObject
from p2pd.clients.cli.actions import TIMEOUT
from p2pd.clients.cli.change import read_wishes, torrent_options
from p2pd.clients.cli.choosing import complete_labels
from p2pd.clients.cli.files import file_options
from p2pd.clients.cli.invocation import Invocation, api_options, in_words, pass_invocation
from p2pd.clients.cli.waiting import wait_for
from p2pd.clients.text import plain

MAX_TORRENT = 23 * 1024 * 1024
"""What fits into the daemon's bound on a call, in base64."""

LAYOUTS = {
    "original": "original", "subfolder": "subfolder", "no-subfolder": "no_subfolder"
}  # fmt: skip
_REMOTE = re.compile(r"(?:magnet:|https?://)", re.IGNORECASE)
_HASH = re.compile(r"(?:[0-9a-fA-F]{40}|[0-9a-fA-F]{64})\Z")


@click.command()
@click.argument("sources", metavar="SOURCE...", nargs=-1, required=True)
@click.option("--wait", is_flag=True, help="Show the progress; return when all is downloaded.")
@TIMEOUT
@click.option("--paused", is_flag=True, help="Do not start it.")
@click.option(
    "--metadata-only", is_flag=True,
    help="Of a magnet link get the metadata and stop: its files can be chosen then.",
)  # fmt: skip
@click.option("--download-dir", type=click.Path(), help="Folder to download to.")
@click.option(
    "--label", "labels", metavar="LABEL", multiple=True, shell_complete=complete_labels,
    help="Label it; may be repeated.",
)  # fmt: skip
@click.option(
    "--sequential/--rarest-first", "sequential_download", default=None,
    help="Get the pieces in order, or the rarest first.",
)  # fmt: skip
@click.option(
    "--find", "find_data", flag_value="in_place",
    help="Look for its data in folders that the daemon knows, check it and seed it from there.",
)  # fmt: skip
@click.option(
    "--find-link", "find_data", flag_value="hard_link",
    help="The same, and link what is right to the folder that it goes to.",
)  # fmt: skip
@click.option("--name", help="What its file or folder is called. [as in the torrent]")
@click.option(
    "--layout", "content_layout", type=click.Choice(list(LAYOUTS)),
    callback=lambda _, __, word: LAYOUTS.get(word),
    help="subfolder: a single file is in a folder of its name, too; no-subfolder: several files "
    "are in none of their own.",
)  # fmt: skip
@torrent_options
@click.option(
    "--queue-position", type=click.IntRange(0, 2**31 - 1), metavar="POSITION",
    help="Where it stands in the queue; 0 is the first.",
)  # fmt: skip
@file_options
@click.option("--cookies", help="For URLs: name1=content1; name2=content2.")
@api_options
@pass_invocation
def add(
    invocation: Invocation,
    /,
    sources: tuple[str, ...],
    wait: bool,
    timeout: float | None,
    paused: bool,
    metadata_only: bool,
    download_dir: str | None,
    labels: tuple[str, ...],
    **others: Any,
) -> None:
    """Add torrents: .torrent files (- is stdin), URLs of some, magnet links, info-hashes.

    FILES are indices of files in the torrent: 3, 0-4, or 1,3,8-10. SPEED is in kB/s, or like 2MB;
    TIME is in minutes, or like 12h or 7d.

    \b
    Examples:
      p2pctl add debian.torrent --label linux --wait
      p2pctl add 'magnet:?xt=urn:btih:...' --download-dir /srv/films --sequential
      p2pctl add film.torrent --ratio 1.5 --idle 30d --then remove --priority low
    """
    if any(value == () for value in others.values()):
        # In torrent_add an empty list is none: it may come before the files are known.
        raise click.UsageError("all is for p2pctl files: when adding, say which by their indices")
    if others["name"] is not None and len(sources) > 1:
        raise click.UsageError("one name is for one torrent")
    if wait and (paused or metadata_only):
        option = "--paused" if paused else "--metadata-only"
        raise click.UsageError(f"a paused torrent never gets done: --wait and {option} exclude")
    wishes: dict[str, Any] = {"paused": True} if paused else {}
    if metadata_only:
        wishes["metadata_only"] = True
    if download_dir is not None:
        wishes["download_dir"] = os.path.abspath(download_dir)
    if labels:
        wishes["labels"] = list(labels)
    more, speeds = read_wishes(others)
    wishes |= {
        name: list(value) if isinstance(value, tuple) else value for name, value in more.items()
    }
    wishes |= speeds.to_add()
    with in_words():
        added = [_add(invocation, source, wishes) for source in sources]
        if wait:
            wait_for(invocation, [torrent["id"] for torrent in added], timeout)
    if invocation.as_json:
        invocation.tell(added)


def _add(invocation: Invocation, source: str, wishes: dict[str, Any]) -> JsonObject:
    answer = invocation.client.call("torrent_add", **_content(source), **wishes)
    duplicate = "torrent_duplicate" in answer
    torrent: JsonObject = answer["torrent_duplicate" if duplicate else "torrent_added"]
    what = "is there already" if duplicate else "added"
    if found := torrent.get("data_found_in"):
        what += f"; what looks like its data is in {plain(found)} and is checked"
    invocation.say(f"{torrent['id']} {plain(torrent['name'])}: {what}")
    return torrent | {"duplicate": duplicate}


def _content(source: str) -> dict[str, str]:
    """The param of torrent_add for a source. Raises P2pdError."""
    path = Path(source)
    if source == "-":
        return {"metainfo": base64.b64encode(_stdin()).decode("ascii")}
    if _REMOTE.match(source) or (_HASH.match(source) and not path.exists()):
        return {"filename": source}
    try:
        with path.open("rb") as file:
            data = file.read(MAX_TORRENT + 1)
    except OSError as error:
        raise P2pdError(f"{source} cannot be read: {error.strerror or error}") from None
    if len(data) > MAX_TORRENT:
        raise P2pdError(f"{source} is bigger than {MAX_TORRENT} bytes")
    return {"metainfo": base64.b64encode(data).decode("ascii")}


def _stdin() -> bytes:
    data = sys.stdin.buffer.read(MAX_TORRENT + 1)
    if len(data) > MAX_TORRENT:
        raise P2pdError(f"what came on stdin is bigger than {MAX_TORRENT} bytes")
    return data
