"""What the commands of p2pctl swarm-ca have in common."""

from __future__ import annotations

from typing import Any

import click

from p2pd.clients.cli.invocation import Invocation
from p2pd.clients.swarm_ca_folder import SwarmCaFolderClient

CA = click.argument("name", metavar="CA")
FORCE = click.option("--force", is_flag=True, help="Write over files that are there.")


def folder_options(command: Any) -> Any:
    """The options of those that need no daemon."""
    for decorate in (
        click.option(
            "--passphrase-file", type=click.Path(),
            help="With --folder: the CA's key is sealed with its first line.",
        ),
        click.option(
            "--folder", metavar="DIR", type=click.Path(),
            help="A folder with CAs of its own: no daemon is asked.",
        ),
    ):  # fmt: skip
        command = decorate(command)
    return command


def client_of(invocation: Invocation, folder: str | None, passphrase_file: str | None) -> Any:
    """Who answers the calls: the daemon, or what does the same in a folder."""
    if folder is None and passphrase_file is not None:
        raise click.UsageError("--passphrase-file is for --folder")
    return invocation.client if folder is None else SwarmCaFolderClient(folder, passphrase_file)
