"""p2pctl list, info, files, peers."""

from __future__ import annotations

import click

from p2pd.clients.api_client import JsonObject
from p2pd.clients.cli.actions import pass_invocation
from p2pd.clients.cli.invocation import Invocation, api_options, in_words
from p2pd.clients.cli.tables import LIST_FIELDS, file_table, info_table, peer_table, torrent_table
from p2pd.clients.selection import choose
from p2pd.clients.text import plain

ONE_TORRENT = click.argument("word", metavar="TORRENT")

INFO_FIELDS = [
    "activity_date", "added_date", "comment", "corrupt_ever", "creator", "date_created",
    "disk_state", "done_date", "download_dir", "download_limit_in_force", "downloaded_ever",
    "error", "error_string", "eta", "file_count", "hash_string", "have_valid", "id", "info_hash_v1",
    "info_hash_v2", "is_private", "labels", "left_until_done", "magnet_link",
    "metadata_percent_complete", "move", "name", "peer_limit", "peers_connected",
    "peers_getting_from_us", "peers_sending_to_us", "percent_complete", "percent_done",
    "piece_count", "piece_size", "rate_download", "rate_upload", "recheck_progress",
    "seconds_downloading", "seconds_seeding", "seed_choking", "sequential_download",
    "sequential_download_from_piece", "size_when_done", "status", "super_seeding", "total_size",
    "tracker_stats", "upload_limit_in_force", "upload_ratio", "uploaded_ever",
]  # fmt: skip


@click.command("list")
@api_options
@pass_invocation
def list_torrents(invocation: Invocation) -> None:
    """List the torrents."""
    with in_words():
        torrents = invocation.client.torrents(LIST_FIELDS)
        state = invocation.client.call("session_get", fields=["state_notice"])
    if notice := state.get("state_notice"):
        click.echo(plain(notice), err=True)
    invocation.show_rows(torrents, torrent_table, "there are no torrents: add one with p2pctl add")


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
@ONE_TORRENT
@api_options
@pass_invocation
def files(invocation: Invocation, word: str) -> None:
    """List the files of a torrent."""
    torrent = _one(invocation, word, ["files", "file_stats"])
    rows = [
        file | {"index": index, "wanted": state["wanted"], "priority": state["priority"]}
        for index, (file, state) in enumerate(
            zip(torrent["files"], torrent["file_stats"], strict=True)
        )
    ]
    nothing = "the files are not known yet: the metadata is still to come"
    invocation.show_rows(rows, file_table, nothing)


@click.command()
@ONE_TORRENT
@api_options
@pass_invocation
def peers(invocation: Invocation, word: str) -> None:
    """List the connected peers of a torrent.

    \b
    Flags:  D  it sends to us          d  we want something, it chokes us
            U  we send to it           u  it wants something, we choke it
            K  it would send to us, we want nothing
            ?  we would send to it, it wants nothing
            O  it is served by way of trial
            S  it snubs us: it lets us ask, and sends nothing
            E  encrypted               I  it came to us
    """
    rows = _one(invocation, word, ["peers"])["peers"]
    invocation.show_rows(rows, peer_table, "no peers are connected")


def _one(invocation: Invocation, word: str, fields: list[str]) -> JsonObject:
    with in_words():
        chosen = choose(invocation.client, [word])
        found = invocation.client.torrents(fields, [chosen[0]["id"]])
    if not found:
        raise click.ClickException("the torrent was removed just now")
    return found[0]
