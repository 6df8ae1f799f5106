"""How a command of p2pctl is told which torrents it is about, and what a shell completes there."""

from __future__ import annotations

import functools
import re
from collections.abc import Callable
from typing import Any

import click
from click.shell_completion import CompletionItem

from p2pd.base.errors import P2pdError
from p2pd.clients.api_client import JsonObject
from p2pd.clients.cli.invocation import Command, Invocation
from p2pd.clients.selection import STATES, Wanted, choose
from p2pd.clients.text import plain

MOST_OFFERED = 200
_SHELL_SAFE = re.compile(r"[\w.+@%,-]+\Z")
"""Names that a shell takes as one word as they are."""


def torrents_of(context: click.Context, fields: list[str]) -> list[JsonObject]:
    """What the running daemon has, for the shell: nothing if it cannot be asked at once."""
    try:
        return context.ensure_object(Invocation).hurried_client().torrents(fields)
    except P2pdError:
        return []


def complete_torrents(
    context: click.Context, option: click.Parameter, begun: str
) -> list[CompletionItem]:
    """Ids, or for who began a name the names; where a shell would split a name its id instead."""
    items = []
    for torrent in torrents_of(context, ["id", "name"]):
        number, name = str(torrent["id"]), plain(torrent["name"], 60)
        if number.startswith(begun):
            items.append(CompletionItem(number, help=name))
        elif begun.lower() in torrent["name"].lower():
            whole = torrent["name"] if _SHELL_SAFE.match(torrent["name"]) else number
            items.append(CompletionItem(whole, help=name))
    return items[:MOST_OFFERED]


def complete_labels(
    context: click.Context, option: click.Parameter, begun: str
) -> list[CompletionItem]:
    """The labels that torrents have."""
    every = {label for torrent in torrents_of(context, ["labels"]) for label in torrent["labels"]}
    fitting = sorted(label for label in every if label.startswith(begun))
    return [CompletionItem(label) for label in fitting if _SHELL_SAFE.match(label)]


WORDS = click.argument("words", metavar="[TORRENT]...", nargs=-1, shell_complete=complete_torrents)
ONE_TORRENT = click.argument("word", metavar="TORRENT", shell_complete=complete_torrents)
_OPTIONS = (
    click.option("--all", "everything", is_flag=True, help="All torrents."),
    click.option(
        "--label", "labels", metavar="LABEL", multiple=True, shell_complete=complete_labels,
        help="Only torrents with this label; repeated: with each of them.",
    ),
    click.option(
        "--state", "states", multiple=True, type=click.Choice(sorted(STATES)),
        help="Only torrents that are doing this; repeated: any of these.",
    ),
)  # fmt: skip


def chooses_torrents(command: Command) -> Command:
    """Words, --all, --label and --state; the command is given a `wanted` that says something."""
    return _choosing(command, or_all=False)


def chooses_torrents_or_all(command: Command) -> Command:
    """The same, where nothing said means all torrents."""
    return _choosing(command, or_all=True)


def _choosing(command: Command, *, or_all: bool) -> Command:
    @functools.wraps(command)
    def choosing(
        *args: Any, words: tuple[str, ...], everything: bool, labels: tuple[str, ...],
        states: tuple[str, ...], **others: Any,
    ) -> Any:  # fmt: skip
        wanted = Wanted(words, everything, labels, states)
        if everything and words:
            raise click.UsageError("name torrents or say --all, not both")
        if not wanted and not or_all:
            raise click.UsageError("name the torrents, or say --all, --label or --state")
        return command(*args, wanted=wanted, **others)

    decorated: Callable[..., Any] = choosing
    for decorate in reversed((WORDS, *_OPTIONS)):
        decorated = decorate(decorated)
    return decorated  # type: ignore[return-value]


def the_one(invocation: Invocation, word: str) -> int:
    """The id of the one torrent that a word names. Raises P2pdError for none or several."""
    chosen = choose(invocation.client, [word])
    if len(chosen) > 1:
        raise P2pdError(f"{plain(word, 100)!r} names {len(chosen)} torrents: name one")
    number: int = chosen[0]["id"]
    return number


def torrent_of(invocation: Invocation, word: str, fields: list[str]) -> JsonObject:
    """Fields of the one torrent that a word names. Raises P2pdError."""
    return torrent_with(invocation, the_one(invocation, word), fields)


def torrent_with(invocation: Invocation, number: int, fields: list[str]) -> JsonObject:
    """Fields of the torrent of an id. Raises P2pdError when it is gone."""
    found = invocation.client.torrents(fields, [number])
    if not found:
        raise P2pdError("the torrent was removed just now")
    return found[0]


def tell_chosen(
    invocation: Invocation, chosen: list[JsonObject], done: str, changes: JsonObject | None = None
) -> None:
    """A line for each torrent of what was done with it; with --json the torrents and changes."""
    if invocation.as_json:
        invocation.tell({"torrents": [torrent | (changes or {}) for torrent in chosen]})
    elif not chosen:
        invocation.say("no torrent is like that")
    for torrent in chosen:
        invocation.say(f"{torrent['id']} {plain(torrent['name'])}: {done}")
