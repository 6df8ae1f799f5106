"""p2pctl backup, restore: the whole state of a running daemon as a file, here or elsewhere."""

from __future__ import annotations

import base64
import hashlib
import os
import secrets
import tempfile
from collections.abc import Callable
from pathlib import Path

import click

from p2pd.base.errors import P2pdError
from p2pd.clients.api_client import ApiClient, JsonObject
from p2pd.clients.cli.invocation import Invocation, api_options, in_words, pass_invocation
from p2pd.clients.cli.swarm_ca_files import read_text
from p2pd.clients.text import counted, plain, size

PART = 4 * 1024 * 1024
PASSPHRASE = click.option(
    "--passphrase-file", type=click.Path(),
    help="Private keys are sealed with the first line of this file. [as the daemon's are]",
)  # fmt: skip


@click.command()
@click.argument("path", type=click.Path())
@click.option("--force", is_flag=True, help="Write over a file that is there.")
@PASSPHRASE
@api_options
@pass_invocation
def backup(invocation: Invocation, path: str, force: bool, passphrase_file: str | None) -> None:
    """Write the daemon's whole state to a file: torrents, settings, totals, bans, keys.

    Not the downloaded data, and not the control token. Tracker addresses are in it, so it is for
    you alone to read. CAs, certificates and private keys are in it sealed, with the passphrase
    that is given or else with that of the daemon's keys, or not at all.
    """
    target = Path(path)
    with in_words():
        if target.exists() and not force:
            raise P2pdError(f"{target} is there already: --force writes over it")
        client = invocation.client
        made = client.call_patiently("state_backup", **_given(passphrase_file))
        try:
            _write(target, lambda write: _fetch(client, made, write))
        finally:
            client.call("state_forget", name=made["name"])
    if invocation.as_json:
        invocation.tell(made | {"path": str(target)})
    torrents = counted(made["torrent_count"], "torrent")
    keys = f", {counted(made['key_count'], 'private key')}" if made["key_count"] else ""
    invocation.say(f"{plain(str(target))}: {torrents}{keys}, {size(made['size_bytes'])}")
    for sentence in filter(None, (made["without_keys"], *made["problems"])):
        invocation.warn(plain(sentence, 400))


@click.command()
@click.argument("path", type=click.Path())
@PASSPHRASE
@click.option("--without-keys", is_flag=True, help="Leave CAs, certificates and keys in it.")
@api_options
@pass_invocation
def restore(
    invocation: Invocation, path: str, passphrase_file: str | None, without_keys: bool
) -> None:
    """Bring back what is in a backup and not in the daemon.

    Torrents that are there stay as they are. Those that come back have their old folders, and
    what is on the disk of them is checked. Settings become those of the backup. CAs come back
    without their tokens, and who was revoked stays so.
    """
    name = f"restore-{secrets.token_hex(8)}.tar"
    with in_words():
        client = invocation.client
        try:
            _send(client, name, path)
            answer = client.call_patiently(
                "state_restore", name=name, with_keys=not without_keys, **_given(passphrase_file)
            )
        finally:
            client.call("state_forget", name=name)
    if invocation.as_json:
        invocation.tell(answer)
    came = counted(answer["torrents_added"], "torrent")
    invocation.say(f"{came} came back, {answer['torrents_here']} were there")
    if answer["keys_added"]:
        count = answer["keys_added"]
        what = "CA or certificate" if count == 1 else "CAs or certificates"
        invocation.say(f"{count} {what} came back")
    for sentence in answer["problems"]:
        invocation.warn(plain(sentence, 400))


def _given(passphrase_file: str | None) -> JsonObject:
    """The passphrase, if one is given: the first line of the file."""
    if passphrase_file is None:
        return {}
    first, _, _ = read_text(passphrase_file).partition("\n")
    if not first.strip():
        raise P2pdError(f"{passphrase_file} holds no passphrase")
    return {"passphrase": first.removesuffix("\r")}


def _fetch(client: ApiClient, made: JsonObject, write: Callable[[bytes], object]) -> None:
    digest, offset = hashlib.sha256(), 0
    while offset < made["size_bytes"]:
        answer = client.call("state_read", name=made["name"], offset=offset)
        data = base64.b64decode(answer["data"])
        if not data:
            break
        digest.update(data)
        write(data)
        offset += len(data)
    if digest.hexdigest() != made["sha256"]:
        raise P2pdError("the backup did not arrive as it was made: try again")


def _send(client: ApiClient, name: str, path: str) -> None:
    try:
        with open(path, "rb") as file:
            offset = 0
            while data := file.read(PART):
                encoded = base64.b64encode(data).decode("ascii")
                client.call("state_write", name=name, offset=offset, data=encoded)
                offset += len(data)
    except OSError as error:
        raise P2pdError(f"{path} cannot be read: {error.strerror or error}") from None
    if not offset:
        raise P2pdError(f"{path} is empty")


def _write(target: Path, fill: Callable[[Callable[[bytes], object]], None]) -> None:
    """Write the whole file or none, for its owner alone. Raises P2pdError."""
    try:
        fd, temporary = tempfile.mkstemp(prefix=".p2pctl-", dir=target.parent)
        try:
            with os.fdopen(fd, "wb") as file:
                fill(file.write)
                file.flush()
                os.fsync(file.fileno())
            os.replace(temporary, target)
        except BaseException:
            os.unlink(temporary)
            raise
    except OSError as error:
        raise P2pdError(f"{target} cannot be written: {error.strerror or error}") from None
