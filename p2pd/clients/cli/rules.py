"""p2pctl labels, label, tracker-rules, tracker-rule: what labels and trackers say of torrents."""

from __future__ import annotations

import os
from typing import Any

import click

from p2pd.clients.api_client import JsonObject
from p2pd.clients.cli.choosing import complete_labels
from p2pd.clients.cli.giving import Giving, Wish, giving_options, limit_cells
from p2pd.clients.cli.invocation import (
    Command,
    Invocation,
    api_options,
    in_words,
    pass_invocation,
)
from p2pd.clients.cli.limits import DOWN, UP
from p2pd.clients.cli.speeds import NO_LIMIT, limit_words
from p2pd.clients.columns import Columns
from p2pd.clients.text import counted, plain

NONE = "none"


def _rule_options(command: Command) -> Command:
    """What both kinds of rules can be told."""
    command = UP(DOWN(giving_options(command)))
    return click.option(
        "--download-dir", metavar="FOLDER",
        help="Where added torrents go that were not told a folder; none for the usual one.",
    )(command)  # fmt: skip


@click.command()
@api_options
@pass_invocation
def labels(invocation: Invocation) -> None:
    """List the labels, how many torrents have them, and what they say of these."""
    with in_words():
        rows = invocation.client.call("label_get")["labels"]
    invocation.show_rows(rows, _label_table, "there is no label")


@click.command()
@click.argument("label", metavar="LABEL", shell_complete=complete_labels)
@_rule_options
@click.option(
    "--move-torrents/--leave-torrents", "move_torrents", default=None,
    help="Whether torrents that have it, or get it, are moved to its folder.",
)  # fmt: skip
@click.option("--rename", "name", metavar="NAME", help="Call it so, on all torrents.")
@click.option("--forget", is_flag=True, help="Have it say nothing any more.")
@click.option("--from-torrents", is_flag=True, help="With --forget: and take it off all torrents.")
@api_options
@pass_invocation
def label(
    invocation: Invocation, /, label: str, name: str | None, forget: bool, from_torrents: bool,
    move_torrents: bool | None, **said: Any,
) -> None:  # fmt: skip
    """Set what a label says of its torrents: folder, speeds, how much to give. Or rename it.

    SPEED, RATIO and TIME are as in p2pctl limit and p2pctl share-limit; default takes back what was
    said of how much to give. What is not mentioned stays as it is.

    \b
    Examples:
      p2pctl label films --download-dir /srv/films --move-torrents --ratio 2 --then remove
      p2pctl label films --rename movies
    """
    changes = _changes(**said)
    if move_torrents is not None:
        changes["move_torrents"] = move_torrents
    if bool(changes) + (name is not None) + forget > 1:
        raise click.UsageError("set something, or --rename, or --forget: one at a time")
    if from_torrents and not forget:
        raise click.UsageError("--from-torrents is for --forget")
    client = invocation.client
    with in_words():
        if name is not None:
            count = client.call("label_rename", label=label, name=name)["torrent_count"]
            done = f"is {name} now, on {counted(count, 'torrent')}"
        elif forget:
            client.call("label_remove", label=label, from_torrents=from_torrents)
            done = "removed from all torrents" if from_torrents else "says nothing any more"
        else:
            client.call("label_set", label=label, **changes)
            done = "set"
    if invocation.as_json:
        invocation.tell({"label": label, **({} if name is None else {"name": name}), **changes})
    invocation.say(f"label {plain(label, 255)}: {done}")


@click.command("tracker-rules")
@api_options
@pass_invocation
def tracker_rules(invocation: Invocation) -> None:
    """List what holds for torrents of some trackers."""
    with in_words():
        rows = invocation.client.call("tracker_rule_get")["rules"]
    invocation.show_rows(rows, _tracker_table, "there is no rule for a tracker")


@click.command("tracker-rule")
@click.argument("host", metavar="HOST")
@_rule_options
@click.option("--label", metavar="LABEL", help="What added torrents are labelled; none: nothing.")
@click.option("--forget", is_flag=True, help="Take the rule away.")
@api_options
@pass_invocation
def tracker_rule(
    invocation: Invocation, /, host: str, label: str | None, forget: bool, **said: Any
) -> None:
    """Set what holds for torrents of a tracker, and of those within its domain.

    Options are as in p2pctl label. Where a label says something of a torrent, that decides.

    \b
    Examples:
      p2pctl tracker-rule example.org --label linux --idle 7d
      p2pctl tracker-rule example.org --forget
    """
    changes = _changes(**said)
    if label is not None:
        changes["label"] = None if label == NONE else label
    if forget == bool(changes):
        raise click.UsageError("say what to set, or --forget")
    with in_words():
        if forget:
            invocation.client.call("tracker_rule_remove", host=host)
        else:
            invocation.client.call("tracker_rule_set", host=host, **changes)
    if invocation.as_json:
        invocation.tell({"host": host, **changes})
    invocation.say(f"tracker {plain(host, 255)}: {'no rule any more' if forget else 'set'}")


def _changes(
    download_dir: str | None, down: int | None, up: int | None, ratio: Wish | None,
    idle: Wish | None, seeding: Wish | None, action: str | None,
) -> dict[str, Any]:  # fmt: skip
    changes = Giving(ratio, idle, seeding, action).for_rules()
    if download_dir is not None:
        changes["download_dir"] = None if download_dir == NONE else os.path.abspath(download_dir)
    for name, speed in (("speed_limit_down", down), ("speed_limit_up", up)):
        if speed is not None:
            changes[name] = None if speed == NO_LIMIT else speed
    return changes


def _label_table(rows: list[JsonObject]) -> Columns:
    table = _table("Label", "Moves")
    for row in rows:
        table.add_row(plain(row["label"], 255), *_cells(row), "yes" if row["move_torrents"] else "")
    return table


def _tracker_table(rows: list[JsonObject]) -> Columns:
    table = _table("Tracker", "Label")
    for row in rows:
        table.add_row(plain(row["host"], 255), *_cells(row), plain(row["label"] or "", 255))
    return table


def _table(first: str, last: str) -> Columns:
    return Columns(
        first, "Torrents>", "Down", "Up", "Ratio", "Idle", "Time", "Then", "Folder", last
    )


def _cells(row: JsonObject) -> tuple[str, ...]:
    speeds = (row["speed_limit_down"], row["speed_limit_up"])
    return (
        str(row["torrent_count"]),
        *("" if speed is None else limit_words(speed) for speed in speeds),
        *limit_cells(row),
        plain(row["download_dir"] or "", 255),
    )
