"""p2pctl files: the files of a torrent, which of them to download, and which first."""

from __future__ import annotations

from typing import Any

import click

from p2pd.clients.api_client import JsonObject
from p2pd.clients.cli.choosing import ONE_TORRENT, the_one, torrent_with
from p2pd.clients.cli.invocation import Command, Invocation, api_options, in_words, pass_invocation
from p2pd.clients.cli.numbers import INDICES, Indices
from p2pd.clients.cli.tables import file_table

CHOICES = (
    ("--get", "files_wanted", "Download these."),
    ("--skip", "files_unwanted", "Do not download these."),
    ("--high", "priority_high", "Download these first."),
    ("--normal", "priority_normal", "Download these as usual."),
    ("--low", "priority_low", "Download these last."),
)
"""Option, param of the API, help."""


def file_options(command: Command) -> Command:
    """The options that choose files by their indices."""
    for option, param, words in reversed(CHOICES):
        command = click.option(option, param, type=INDICES, help=words)(command)
    return command


def file_changes(choices: dict[str, Indices | None]) -> dict[str, Any]:
    """Params of the API for what was chosen."""
    return {name: list(indices) for name, indices in choices.items() if indices is not None}


@click.command()
@ONE_TORRENT
@file_options
@api_options
@pass_invocation
def files(invocation: Invocation, /, word: str, **choices: Indices | None) -> None:
    """List the files of a torrent, or choose what to download and what first.

    FILES are indices as they are listed: 3, 0-4, 1,3,8-10, or all.

    \b
    Examples:
      p2pctl files debian --skip all --get 0,2
      p2pctl files debian --high 7
    """
    changes = file_changes(choices)
    with in_words():
        number = the_one(invocation, word)
        for name in ("files_unwanted", "files_wanted"):
            # What is to be had after all but a few were skipped is one wish, told in this order.
            if name in changes:
                invocation.client.call("torrent_set", ids=[number], **{name: changes.pop(name)})
        if changes:
            invocation.client.call("torrent_set", ids=[number], **changes)
        torrent = torrent_with(invocation, number, ["files", "file_stats"])
    nothing = "the files are not known yet: the metadata is still to come"
    invocation.show_rows(file_rows(torrent), file_table, nothing)


def file_rows(torrent: JsonObject) -> list[JsonObject]:
    """`files` with what `file_stats` says of each."""
    return [
        file | {"index": index, "wanted": state["wanted"], "priority": state["priority"]}
        for index, (file, state) in enumerate(
            zip(torrent["files"], torrent["file_stats"], strict=True)
        )
    ]
