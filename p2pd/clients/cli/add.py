"""p2pctl add: torrents from files, URLs, magnet links and info-hashes."""

from __future__ import annotations

import base64
import os
import re
from pathlib import Path
from typing import Any

import click

from p2pd.base.errors import P2pdError
from p2pd.clients.api_client import JsonObject
from p2pd.clients.cli.actions import pass_invocation
from p2pd.clients.cli.invocation import Invocation, api_options, in_words
from p2pd.clients.cli.waiting import wait_for
from p2pd.clients.text import plain

MAX_TORRENT = 23 * 1024 * 1024
"""What fits into the daemon's bound on a call, in base64."""

_REMOTE = re.compile(r"(?:magnet:|https?://)", re.IGNORECASE)
_HASH = re.compile(r"(?:[0-9a-fA-F]{40}|[0-9a-fA-F]{64})\Z")


@click.command()
@click.argument("sources", metavar="SOURCE...", nargs=-1, required=True)
@click.option("--wait", is_flag=True, help="Show the progress; return when all is downloaded.")
@click.option(
    "--timeout", type=click.FloatRange(min=0), help="With --wait: give up after so many seconds."
)
@click.option("--paused", is_flag=True, help="Do not start it.")
@click.option("--download-dir", type=click.Path(), help="Folder to download to.")
@click.option("--label", "labels", multiple=True, help="Label it; may be repeated.")
@click.option("--sequential", is_flag=True, help="Get the pieces in order.")
@api_options
@pass_invocation
def add(
    invocation: Invocation,
    sources: tuple[str, ...],
    wait: bool,
    timeout: float | None,
    paused: bool,
    download_dir: str | None,
    labels: tuple[str, ...],
    sequential: bool,
) -> None:
    """Add torrents: .torrent files, URLs of some, magnet links, info-hashes."""
    if wait and paused:
        raise click.UsageError("a paused torrent never gets done: --wait and --paused exclude")
    wishes: dict[str, Any] = {}
    if paused:
        wishes["paused"] = True
    if download_dir is not None:
        wishes["download_dir"] = os.path.abspath(download_dir)
    if labels:
        wishes["labels"] = list(labels)
    if sequential:
        wishes["sequential_download"] = True
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
    invocation.say(f"{torrent['id']} {plain(torrent['name'])}: {what}")
    return torrent | {"duplicate": duplicate}


def _content(source: str) -> dict[str, str]:
    """The param of torrent_add for a source. Raises P2pdError."""
    path = Path(source)
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
