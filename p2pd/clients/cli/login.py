"""p2pctl login, logout, whoami and passwd."""

from __future__ import annotations

import sys

import click

from p2pd.clients.api_client import ApiClient
from p2pd.clients.cli.invocation import (
    Invocation,
    api_options,
    has_person,
    in_words,
    pass_invocation,
)
from p2pd.clients.columns import Columns
from p2pd.clients.key_file import forget_key, keep_key
from p2pd.clients.text import plain, size

UNLIMITED = -1


@click.command()
@api_options
@pass_invocation
def login(invocation: Invocation) -> None:
    """Keep a key for the daemon at --url, so that it need not be given any more.

    It is asked for, or read from stdin; the file is for its owner alone.
    """
    key = _asked_for_key()
    with in_words():
        found = ApiClient(invocation.connect(invocation.url), key).call("user_self")
        path = keep_key(invocation.environ, invocation.url, key)
    if invocation.as_json:
        invocation.tell(found)
    invocation.say(f"you are {plain(found['name'])} ({found['role']}); the key is in {path}")


@click.command()
@api_options
@pass_invocation
def logout(invocation: Invocation) -> None:
    """Forget the key for the daemon at --url; p2pctl keys remove has the daemon forget it."""
    with in_words():
        was = forget_key(invocation.environ, invocation.url)
    if invocation.as_json:
        invocation.tell({"forgotten": was})
    invocation.say("the key is forgotten" if was else "there was no key")


@click.command()
@api_options
@pass_invocation
def whoami(invocation: Invocation) -> None:
    """Tell who p2pctl is to the daemon, and what that user may."""
    with in_words():
        found = invocation.client.call("user_self")
    if invocation.as_json:
        invocation.tell(found)
        return
    table = Columns("", "", cut=False)
    table.add_row("User", plain(found["name"]) or "nobody")
    table.add_row("Role", plain(found["role"]))
    if found["key"]:
        table.add_row("Key", plain(found["key"]))
    table.add_row("Torrents", f"{found['torrent_count']}{_of(found['torrent_quota'], str)}")
    table.add_row("Size", f"{size(found['size'])}{_of(found['size_quota'], size)}")
    table.add_row("Folder", plain(found["download_dir"]))
    if found["labels"]:
        table.add_row("Labels", plain(",".join(found["labels"])))
    table.add_row("Sees", "all torrents" if found["sees_all"] else "some torrents")
    invocation.show(table)


@click.command()
@api_options
@pass_invocation
def passwd(invocation: Invocation) -> None:
    """Change your own password: the old one and the new one are asked for, or read from stdin."""
    if has_person():
        old = str(click.prompt("Old password", hide_input=True))
        new = str(click.prompt("New password", hide_input=True, confirmation_prompt=True))
    else:
        old, new = (sys.stdin.readline(5000).rstrip("\r\n") for _ in range(2))
    with in_words():
        invocation.client.call("user_password", old=old, new=new)
    if invocation.as_json:
        invocation.tell({})
    invocation.say("it is changed")


def _asked_for_key() -> str:
    if has_person():
        return str(click.prompt("Key", hide_input=True)).strip()
    key = sys.stdin.readline(5000).strip()
    if not key:
        raise click.UsageError("there is no key on stdin")
    return key


def _of(quota: int, words: object) -> str:
    return f" of {words(quota)}" if quota != UNLIMITED else ""  # type: ignore[operator]
