"""p2pctl: the command line for a running p2pd."""

from __future__ import annotations

import contextlib
import sys
from importlib import import_module

import click

from p2pd import __version__
from p2pd.clients.cli.invocation import program_options
from p2pd.clients.text import plain

COMMANDS = {
    "add": "add.add",
    "add-peers": "peers.add_peers",
    "alt-speeds": "limits.alt_speeds",
    "api": "raw.api",
    "audit": "audit.audit",
    "backup": "backups.backup",
    "ban": "bans.ban",
    "bans": "bans.bans",
    "blocklist": "blocklist.blocklist",
    "certificate": "certificate.certificate",
    "completion": "completion.completion",
    "create": "create.create",
    "deadlines": "deadlines.deadlines",
    "dht": "dht.dht",
    "events": "events.events",
    "files": "files.files",
    "free-space": "daemon.free_space",
    "group": "groups.group",
    "groups": "groups.groups",
    "history": "history.history",
    "hook": "hooks.hook",
    "import": "imports.import_torrents",
    "info": "show.info",
    "keys": "keys.keys",
    "label": "rules.label",
    "labels": "rules.labels",
    "limit": "limits.limit",
    "limits": "limits.limits",
    "list": "show.list_torrents",
    "login": "login.login",
    "logout": "login.logout",
    "magnet": "show.magnet",
    "move": "move.move",
    "nat": "nat.nat",
    "node": "nodes.node",
    "nodes": "nodes.nodes",
    "passwd": "login.passwd",
    "peers": "peers.peers",
    "pieces": "show.pieces",
    "port-test": "daemon.port_test",
    "queue": "queue.queue",
    "reannounce": "actions.reannounce",
    "remove": "actions.remove",
    "rename": "rename.rename",
    "restore": "backups.restore",
    "rss": "rss.rss",
    "secret": "secret.secret",
    "set": "change.set_torrents",
    "settings": "daemon.settings",
    "share-limit": "share_limits.share_limit",
    "share-limits": "share_limits.share_limits",
    "shutdown": "daemon.shutdown",
    "sign": "signing.sign_torrent",
    "start": "actions.start",
    "stats": "daemon.stats",
    "stop": "actions.stop",
    "swarm-ca": "swarm_ca.swarm_ca",
    "top": "top.top",
    "tracker-rule": "rules.tracker_rule",
    "tracker-rules": "rules.tracker_rules",
    "trackers": "trackers.trackers",
    "unban": "bans.unban",
    "users": "users.users",
    "verify": "actions.verify",
    "verify-signature": "signing.verify_signature",
    "watch": "watch.watch",
    "watch-folders": "watch_folders.watch_folders",
    "web-seeds": "web_seeds.web_seeds",
    "whoami": "login.whoami",
}
"""Where each command is, in this package: only the one that is run is imported."""


class Commands(click.Group):
    """Imports commands as they are asked for: the shell asks each time somebody presses Tab.

    The help has a whole sentence for every command, on two lines if need be.
    """

    def list_commands(self, ctx: click.Context) -> list[str]:
        """The names."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The command of a name, or None."""
        if cmd_name not in COMMANDS:
            return None
        module, _, name = COMMANDS[cmd_name].rpartition(".")
        command: click.Command = getattr(import_module(f"{__package__}.{module}"), name)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """The part of the help that lists the commands."""
        with formatter.section("Commands"):
            formatter.write_dl(
                [
                    (name, command.get_short_help_str(limit=300))
                    for name in COMMANDS
                    if (command := self.get_command(ctx, name)) is not None
                ]
            )


@click.group(
    cls=Commands, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100}
)
@click.version_option(__version__, "-V", "--version", prog_name="p2pctl")
@program_options
def cli() -> None:
    """Drive a running p2pd: add torrents, see how they do, start, stop and remove them.

    TORRENT is an id, a range of ids (3-7 or 3,5-7), the start of an info-hash (four digits or
    more), or a part of the name that no other torrent has.

    Exit status: 0 done, 1 an error, 2 wrong usage, 3 no daemon there, 4 not done within --timeout.
    """


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
