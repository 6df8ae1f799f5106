"""p2pctl: the command line for a running p2pd."""

from __future__ import annotations

import contextlib
import sys

import click

from p2pd import __version__
from p2pd.clients.cli.actions import remove, start, stop, verify
from p2pd.clients.cli.add import add
from p2pd.clients.cli.backups import backup, restore
from p2pd.clients.cli.bans import ban, bans, unban
from p2pd.clients.cli.change import set_torrents
from p2pd.clients.cli.create import create
from p2pd.clients.cli.invocation import program_options
from p2pd.clients.cli.limits import alt_speeds, limit, limits
from p2pd.clients.cli.move import move
from p2pd.clients.cli.show import files, info, list_torrents, peers
from p2pd.clients.cli.watch import watch
from p2pd.clients.text import plain


class Commands(click.Group):
    """Its help has a whole sentence for every command, on two lines if need be."""

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """The part of the help that lists the commands."""
        with formatter.section("Commands"):
            formatter.write_dl(
                [
                    (name, self.commands[name].get_short_help_str(limit=300))
                    for name in self.commands
                ]
            )


@click.group(
    cls=Commands, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100}
)
@click.version_option(__version__, "-V", "--version", prog_name="p2pctl")
@program_options
def cli() -> None:
    """Drive a running p2pd: add torrents, see how they do, start, stop and remove them.

    TORRENT is an id, the start of an info-hash (four digits or more), or a part of the name that
    no other torrent has.

    Exit status: 0 done, 1 an error, 2 wrong usage, 3 no daemon there.
    """


for command in (
    add, alt_speeds, backup, ban, bans, create, files, info, limit, limits, list_torrents, move,
    peers, remove, restore, set_torrents, start, stop, unban, verify, watch,
):  # fmt: skip
    cli.add_command(command)


def main() -> None:
    """The console script."""
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(AttributeError, ValueError):
            # A terminal that lacks a letter shows a question mark; that is no reason to stop.
            stream.reconfigure(errors="replace")  # type: ignore[union-attr]
    try:
        cli(prog_name="p2pctl")
    except Exception as error:
        click.echo(f"Error: unexpected {type(error).__name__}: {plain(error)}", err=True)
        sys.exit(1)
