"""p2pctl start, stop, verify, reannounce, remove."""

from __future__ import annotations

from typing import Any

import click

from p2pd.clients.api_client import JsonObject
from p2pd.clients.cli.choosing import chooses_torrents, tell_chosen
from p2pd.clients.cli.invocation import (
    Invocation,
    api_options,
    has_person,
    in_words,
    pass_invocation,
)
from p2pd.clients.cli.waiting import wait_for_check
from p2pd.clients.selection import Wanted
from p2pd.clients.text import counted, plain, size

MOST_NAMED = 10
TIMEOUT = click.option(
    "--timeout", type=click.FloatRange(min=0), metavar="SECONDS",
    help="With --wait: give up after so long.",
)  # fmt: skip


@click.command()
@chooses_torrents
@click.option("--now", is_flag=True, help="Ahead of any queue.")
@api_options
@pass_invocation
def start(invocation: Invocation, wanted: Wanted, now: bool) -> None:
    """Start torrents."""
    _act(invocation, wanted, "torrent_start_now" if now else "torrent_start", "started")


@click.command()
@chooses_torrents
@api_options
@pass_invocation
def stop(invocation: Invocation, wanted: Wanted) -> None:
    """Stop torrents.

    \b
    Examples:
      p2pctl stop 3-7 12
      p2pctl stop --label linux --state seeding
    """
    _act(invocation, wanted, "torrent_stop", "stopped")


@click.command()
@chooses_torrents
@click.option("--wait", is_flag=True, help="Show the progress; return when all are checked.")
@TIMEOUT
@api_options
@pass_invocation
def verify(invocation: Invocation, wanted: Wanted, wait: bool, timeout: float | None) -> None:
    """Check the data on disk anew, piece by piece."""
    if timeout is not None and not wait:
        raise click.UsageError("--timeout is for --wait")
    chosen = _act(invocation, wanted, "torrent_verify", "will be checked")
    if wait and chosen:
        with in_words():
            wait_for_check(invocation, [torrent["id"] for torrent in chosen], timeout)


@click.command()
@chooses_torrents
@api_options
@pass_invocation
def reannounce(invocation: Invocation, wanted: Wanted) -> None:
    """Ask the trackers of torrents for peers now."""
    _act(invocation, wanted, "torrent_reannounce", "asks its trackers")


@click.command()
@chooses_torrents
@click.option("--delete-data", is_flag=True, help="Delete the downloaded files too.")
@click.option("-y", "--yes", is_flag=True, help="Do not ask, whatever is about to go.")
@api_options
@pass_invocation
def remove(invocation: Invocation, wanted: Wanted, delete_data: bool, yes: bool) -> None:
    """Remove torrents; their files stay unless --delete-data is given.

    Before data is deleted, or torrents go that were not named one by one, a terminal is asked;
    where there is none, --yes has to be said.

    \b
    Examples:
      p2pctl remove debian
      p2pctl remove --label seen --state complete --delete-data
    """
    asks = not yes and (delete_data or not wanted.words)
    if asks and (invocation.as_json or not has_person()):
        what = "--delete-data deletes files" if delete_data else "this removes many torrents"
        raise click.UsageError(f"{what}: say --yes too")
    with in_words():
        chosen = wanted.find(invocation.client)
        if chosen and asks:
            _confirm(invocation, chosen, delete_data)
        ids = [torrent["id"] for torrent in chosen]
        if ids:
            invocation.client.call("torrent_remove", ids=ids, delete_local_data=delete_data)
    tell_chosen(invocation, chosen, "removed, with its data" if delete_data else "removed")


def _confirm(invocation: Invocation, chosen: list[JsonObject], delete_data: bool) -> None:
    """Go on if the person says yes; else the command ends with status 1."""
    ids = [torrent["id"] for torrent in chosen]
    rows = invocation.client.torrents(["have_valid"], ids)
    for torrent in chosen[:MOST_NAMED]:
        click.echo(f"{torrent['id']} {plain(torrent['name'])}", err=True)
    if len(chosen) > MOST_NAMED:
        click.echo(f"and {len(chosen) - MOST_NAMED} more", err=True)
    these = counted(len(chosen), "torrent")
    data = f" and delete {size(sum(row['have_valid'] for row in rows))} of data"
    click.confirm(f"Remove {these}{data * delete_data}?", abort=True, err=True)


def _act(
    invocation: Invocation, wanted: Wanted, method: str, done: str, **params: Any
) -> list[JsonObject]:
    with in_words():
        chosen = wanted.find(invocation.client)
        if chosen:
            invocation.client.call(method, ids=[torrent["id"] for torrent in chosen], **params)
    tell_chosen(invocation, chosen, done)
    return chosen
