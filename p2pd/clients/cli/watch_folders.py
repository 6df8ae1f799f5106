"""p2pctl watch-folders: which folders the daemon adds torrents from."""

from __future__ import annotations

import os
from typing import Any

import click

from p2pd.base.errors import P2pdError
from p2pd.clients.api_client import JsonObject
from p2pd.clients.cli.choosing import complete_labels
from p2pd.clients.cli.invocation import Invocation, api_options, in_words, pass_invocation
from p2pd.clients.columns import Columns
from p2pd.clients.text import plain

_DONE = {"keep": "named .added", "delete": "deleted"}


@click.command()
@click.argument("folder", type=click.Path(), required=False)
@click.option("--remove", is_flag=True, help="Watch FOLDER no more.")
@click.option("--recursive/--flat", default=True, help="With its sub-folders, or without.")
@click.option("--download-dir", type=click.Path(), help="Folder to download to.")
@click.option(
    "--label", "labels", metavar="LABEL", multiple=True, shell_complete=complete_labels,
    help="Label what is added; may be repeated.",
)  # fmt: skip
@click.option("--folder-labels", is_flag=True, help="Sub-folders' names are labels, too.")
@click.option("--paused/--started", default=None, help="Whether what is added is started.")
@click.option("--owner", metavar="USER", help="Whose the torrents are; '' is nobody. [yours]")
@click.option("--delete", is_flag=True, help="Delete files that were added.")
@click.option("--move-to", type=click.Path(), help="Move them there.")
@api_options
@pass_invocation
def watch_folders(
    invocation: Invocation,
    /,
    folder: str | None,
    remove: bool,
    delete: bool,
    **options: Any,
) -> None:
    """Show the folders that are watched, or watch FOLDER of the daemon's machine.

    What is put there, .torrent files and texts with magnet links or URLs (.magnet, .url), is added.
    A folder that is watched already is watched in this way from now on.
    """
    if folder is None and remove:
        raise click.UsageError("--remove is of a FOLDER")
    with in_words():
        every = _settings(invocation)
        if folder is not None:
            path = os.path.abspath(folder)
            others = [each for each in every if each["folder"] != path]
            if remove and len(others) == len(every):
                raise P2pdError(f"{plain(path)} is not watched")
            new = [] if remove else [_watched(path, delete, options)]
            invocation.client.call("session_set", watch_folders=[*others, *new])
            every = _settings(invocation)
    invocation.show_rows(every, _table, "no folder is watched")


def _settings(invocation: Invocation) -> list[JsonObject]:
    answer = invocation.client.call("session_get", fields=["watch_folders"])
    found: list[JsonObject] = answer["watch_folders"]
    return found


def _watched(path: str, delete: bool, options: dict[str, Any]) -> JsonObject:
    wanted = {name: value for name, value in options.items() if value not in (None, ())}
    wanted = {name: list(value) if name == "labels" else value for name, value in wanted.items()}
    for name in ("download_dir", "move_to"):
        if name in wanted:
            wanted[name] = os.path.abspath(wanted[name])
    if delete and "move_to" in wanted:
        raise click.UsageError("--delete and --move-to exclude each other")
    if delete:
        wanted["afterwards"] = "delete"
    elif "move_to" in wanted:
        wanted["afterwards"] = "move"
    return {"folder": path, **wanted}


def _table(folders: list[JsonObject]) -> Columns:
    heads = ("folder", "sub-folders", "downloads to", "labels", "whose", "files are then")
    table = Columns(*heads, cut=False)
    for each in folders:
        labels = [plain(label, 100) for label in each["labels"]]
        labels += ["their folders"] if each["folder_labels"] else []
        then = _DONE.get(each["afterwards"]) or f"moved to {plain(each['move_to'])}"
        table.add_row(
            plain(each["folder"]),
            "yes" if each["recursive"] else "no",
            plain(each["download_dir"]) or "where all are",
            ", ".join(labels),
            plain(each["owner"]),
            then,
        )
    return table
