"""p2pctl set: how torrents download and seed, and what they are labelled."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import click

from p2pd.clients.api_client import JsonObject
from p2pd.clients.cli.choosing import chooses_torrents, complete_labels, tell_chosen
from p2pd.clients.cli.giving import Giving, giving_options
from p2pd.clients.cli.invocation import (
    Command,
    Invocation,
    api_options,
    in_words,
    pass_invocation,
)
from p2pd.clients.cli.limits import DOWN, UP, Speeds
from p2pd.clients.cli.secret import given_secret, secret_option
from p2pd.clients.selection import Wanted

SEEDING_MODES = ("session", "round_robin", "fastest_upload", "anti_leech")
PRIORITIES = {"low": -1, "normal": 0, "high": 1}
SUPER_SEEDING = ("auto", "on", "off")

TORRENT_OPTIONS = (
    click.option(
        "--from-piece", "sequential_download_from_piece", type=click.IntRange(0), metavar="PIECE",
        help="Where the order begins; the pieces before come last.",
    ),
    click.option("--group", metavar="NAME", help="Have it in a bandwidth group."),
    click.option(
        "--honor-session/--ignore-session", "honors_session_limits", default=None,
        help="Whether the session's speed limits and those of single peers hold for it.",
    ),
    click.option(
        "--peer-limit", type=click.IntRange(0, 65535), metavar="N", help="Most peers of it."
    ),
    click.option(
        "--priority", "bandwidth_priority", type=click.Choice(list(PRIORITIES)),
        callback=lambda _, __, word: PRIORITIES.get(word),
        help="What its peers get of speed limits that they share with others: high is four times "
        "normal, low a quarter.",
    ),
    click.option(
        "--seed-choking", type=click.Choice(SEEDING_MODES),
        help="Whom to serve when complete: as the session does, everyone in turns, who takes "
        "most, or first who just began or is nearly complete.",
    ),
    click.option(
        "--super-seeding", type=click.Choice(SUPER_SEEDING),
        help="As a seed, show each peer single pieces (BEP 16); auto: only while nobody else "
        "seeds.",
    ),
    click.option(
        "--trusted-only/--anybody", "trusted_only", default=None,
        help="Let in nodes that are trusted (p2pctl nodes) and nobody else, or whoever may come.",
    ),
)  # fmt: skip
"""What a torrent can be told when it is added and at any time later."""


def torrent_options(command: Command) -> Command:
    """Decorate a command with these, with speed limits, and with how much it is to give."""
    command = DOWN(UP(giving_options(secret_option(command))))
    for decorate in reversed(TORRENT_OPTIONS):
        command = decorate(command)
    return command


def read_wishes(wishes: dict[str, Any]) -> tuple[JsonObject, Speeds]:
    """What these options said: params of torrent_add and torrent_set; and speed limits."""
    giving = Giving(*(wishes.pop(name) for name in Giving._fields))
    speeds = Speeds(wishes.pop("down"), wishes.pop("up"))
    if wishes.get("secret") is not None:
        wishes["secret"] = given_secret(wishes["secret"])
    said = {name: value for name, value in wishes.items() if value is not None}
    return {**said, **giving.for_torrents()}, speeds


def _label_option(option: str, name: str, words: str) -> Callable[[Command], Command]:
    return click.option(
        option, name, metavar="LABEL", multiple=True, shell_complete=complete_labels, help=words
    )


@click.command("set")
@chooses_torrents
@click.option(
    "--sequential/--rarest-first", "sequential_download", default=None,
    help="Get the pieces in order, or the rarest first.",
)  # fmt: skip
@torrent_options
@_label_option("--add-label", "added", "Label them; may be repeated.")
@_label_option("--remove-label", "removed", "Take a label off them; may be repeated.")
@click.option("--no-group", is_flag=True, help="Take them out of their bandwidth group.")
@click.option("--no-secret", is_flag=True, help="Have them without a secret, for everybody.")
@click.option("--no-labels", is_flag=True, help="Take all labels off them, before any is added.")
@api_options
@pass_invocation
def set_torrents(
    invocation: Invocation, /, wanted: Wanted, added: tuple[str, ...], removed: tuple[str, ...],
    no_labels: bool, no_group: bool, no_secret: bool, **wishes: Any,
) -> None:  # fmt: skip
    """Set how torrents get their pieces, whom they serve and how much, and label them.

    SPEED is in kB/s, or like 2MB or 512KiB; TIME is in minutes, or like 12h or 7d; none is no
    limit. With default the labels, the trackers and the session say how much is given.

    \b
    Examples:
      p2pctl set film --sequential
      p2pctl set 3-7 --add-label linux
      p2pctl set film --ratio 2 --idle 7d --then remove --up 500
      p2pctl set --label seen --remove-label seen --add-label archive
    """
    if no_group and wishes["group"] is not None:
        raise click.UsageError("--group and --no-group exclude each other")
    if no_secret and wishes["secret"] is not None:
        raise click.UsageError("--secret-file and --no-secret exclude each other")
    changes, speeds = read_wishes(wishes)
    changes |= speeds.to_set()
    if no_group:
        changes["group"] = ""
    if no_secret:
        changes["secret"] = ""
    labelled = bool(added or removed or no_labels)
    if not changes and not labelled:
        raise click.UsageError("say what to set: one of the options")
    with in_words():
        chosen = wanted.find(invocation.client)
        ids = [torrent["id"] for torrent in chosen]
        if changes and ids:
            invocation.client.call("torrent_set", ids=ids, **changes)
        if labelled and ids:
            _label(invocation, ids, added, set(removed), no_labels)
    shown = {name: value for name, value in changes.items() if name != "secret"}
    tell_chosen(invocation, chosen, "set", shown)


def _label(
    invocation: Invocation, ids: list[int], added: tuple[str, ...], removed: set[str], anew: bool
) -> None:
    """Torrents that get the same labels are set in one call."""
    alike: dict[tuple[str, ...], list[int]] = {}
    for torrent in invocation.client.torrents(["id", "labels"], ids):
        labels = _labels_after(torrent, added, removed, anew)
        if list(labels) != torrent["labels"]:
            alike.setdefault(labels, []).append(torrent["id"])
    for labels, those in alike.items():
        invocation.client.call("torrent_set", ids=those, labels=list(labels))


def _labels_after(
    torrent: JsonObject, added: tuple[str, ...], removed: set[str], anew: bool
) -> tuple[str, ...]:
    kept = [] if anew else [label for label in torrent["labels"] if label not in removed]
    return tuple(dict.fromkeys([*kept, *added]))
