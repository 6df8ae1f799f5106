"""p2pctl list, info, magnet, pieces."""

from __future__ import annotations

import click

from p2pd.clients.api_client import JsonObject
from p2pd.clients.cli.choosing import (
    ONE_TORRENT,
    chooses_torrents,
    chooses_torrents_or_all,
    torrent_of,
)
from p2pd.clients.cli.invocation import Invocation, api_options, in_words, pass_invocation
from p2pd.clients.cli.tables import LIST_FIELDS, info_table, torrent_table
from p2pd.clients.piece_map import PieceMap
from p2pd.clients.selection import Wanted
from p2pd.clients.text import counted, percent, plain, size

INFO_FIELDS = [
    "activity_date", "added_date", "bandwidth_priority", "comment", "corrupt_ever", "creator",
    "current_dir", "date_created", "discovery", "disk_state", "done_date", "download_dir",
    "download_limit_in_force",
    "downloaded_ever",
    "error", "error_string", "eta", "file_count", "hash_string", "have_valid", "id", "info_hash_v1",
    "info_hash_v2", "is_private", "labels", "left_until_done", "magnet_link", "owner",
    "seed_limits_in_force",
    "metadata_percent_complete", "move", "name", "peer_limit", "peers_connected",
    "peers_getting_from_us", "peers_sending_to_us", "percent_complete", "percent_done",
    "group", "has_secret", "piece_count", "piece_size", "queue_position", "rate_download",
    "rate_upload", "recheck_progress",
    "seconds_downloading", "seconds_seeding", "seed_choking", "sequential_download",
    "sequential_download_from_piece", "size_when_done", "status", "super_seeding", "total_size",
    "tls", "tracker_stats", "trusted_only", "upload_limit_in_force", "upload_ratio",
    "uploaded_ever",
]  # fmt: skip


SORT_KEYS = {
    "added": "added_date",
    "done": "percent_done",
    "down": "rate_download",
    "id": "id",
    "left": "eta",
    "name": "name",
    "peers": "peers_connected",
    "ratio": "upload_ratio",
    "size": "size_when_done",
    "queue": "queue_position",
    "state": "status",
    "up": "rate_upload",
}
MOST_ERRORS = 10
LONGEST_LINK = 64 * 1024
MAP_WIDTH = 100
NO_TORRENTS = "there are no torrents: add one with p2pctl add"


@click.command("list")
@chooses_torrents_or_all
@click.option(
    "--sort", type=click.Choice(sorted(SORT_KEYS)), default="id", show_default=True,
    help="What to sort by.",
)  # fmt: skip
@click.option("--reverse", is_flag=True, help="The other way round.")
@api_options
@pass_invocation
def list_torrents(invocation: Invocation, wanted: Wanted, sort: str, reverse: bool) -> None:
    """List the torrents; reasons of errors are told on stderr.

    \b
    Examples:
      p2pctl list --state downloading --sort left
      p2pctl list --label linux --json
    """
    with in_words():
        ids = [torrent["id"] for torrent in wanted.find(invocation.client)] if wanted else None
        torrents = invocation.client.torrents(LIST_FIELDS, ids) if ids != [] else []
        state = invocation.client.call("session_get", fields=["state_notice"])
    if notice := state.get("state_notice"):
        invocation.warn(notice)
    torrents.sort(key=lambda torrent: _sort_key(torrent, SORT_KEYS[sort]), reverse=reverse)
    nothing = "no torrent is like that" if wanted else NO_TORRENTS
    invocation.show_rows(torrents, torrent_table, nothing)
    if not invocation.as_json:
        _warn_of_errors(invocation, torrents)


def _sort_key(torrent: JsonObject, field: str) -> tuple[bool, str | float, int]:
    """What is not known, like the time left of most, comes last."""
    value = torrent[field]
    unknown = field == "eta" and value < 0
    return unknown, value.casefold() if isinstance(value, str) else value, torrent["id"]


def _warn_of_errors(invocation: Invocation, torrents: list[JsonObject]) -> None:
    wrong = [torrent for torrent in torrents if torrent["error"]]
    for torrent in wrong[:MOST_ERRORS]:
        invocation.warn(f"{torrent['id']} {torrent['name']}: {torrent['error_string']}")
    if len(wrong) > MOST_ERRORS:
        invocation.warn(f"and {counted(len(wrong) - MOST_ERRORS, 'error')} more")


@click.command()
@ONE_TORRENT
@api_options
@pass_invocation
def info(invocation: Invocation, word: str) -> None:
    """Tell everything about a torrent."""
    torrent = _one(invocation, word, INFO_FIELDS)
    if invocation.as_json:
        invocation.tell(torrent)
    else:
        invocation.show(info_table(torrent))


@click.command()
@chooses_torrents
@api_options
@pass_invocation
def magnet(invocation: Invocation, wanted: Wanted) -> None:
    """Print magnet links of torrents, a line each, with their trackers."""
    with in_words():
        ids = [torrent["id"] for torrent in wanted.find(invocation.client)]
        fields = ["hash_string", "id", "magnet_link", "name"]
        torrents = invocation.client.torrents(fields, ids) if ids else []
    if invocation.as_json:
        invocation.tell(torrents)
        return
    for torrent in torrents:
        click.echo(plain(torrent["magnet_link"], LONGEST_LINK))  # cut short it would be useless


@click.command()
@ONE_TORRENT
@api_options
@pass_invocation
def pieces(invocation: Invocation, word: str) -> None:
    """Draw which pieces of a torrent are here, and which the connected peers have.

    Each cell stands for as many pieces as it takes to fit: full where all of them are here, a dot
    where none is, and an exclamation mark where one is missing that no connected peer has.
    """
    fields = ["availability", "name", "piece_count", "piece_size", "pieces"]
    torrent = _one(invocation, word, fields)
    if invocation.as_json:
        invocation.tell(torrent)
        return
    drawn = PieceMap(torrent["pieces"], torrent["piece_count"], torrent["availability"])
    if not drawn.count:
        invocation.say("the pieces are not known yet: the metadata is still to come")
        return
    width = min(invocation.console.width, MAP_WIDTH)
    for line in drawn.text_lines(width, invocation.ascii_only):
        invocation.say(line)
    here = f"{drawn.here} of {counted(drawn.count, 'piece')} of {size(torrent['piece_size'])} here"
    lack = drawn.unavailable
    missing = f", {counted(lack, 'piece')} that no connected peer has" if lack else ""
    invocation.say(f"{here} ({percent(drawn.here / drawn.count)}){missing}")


def _one(invocation: Invocation, word: str, fields: list[str]) -> JsonObject:
    with in_words():
        return torrent_of(invocation, word, fields)
