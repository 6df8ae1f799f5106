"""p2pctl settings, stats, free-space, shutdown: what is about the daemon as a whole."""

from __future__ import annotations

import json
import os
from typing import Any

import click
from click.shell_completion import CompletionItem

from p2pd.base.errors import P2pdError
from p2pd.clients.api_client import CannotConnectError, JsonObject
from p2pd.clients.cli.invocation import (
    Invocation,
    TooLateError,
    api_options,
    has_person,
    in_words,
    pass_invocation,
)
from p2pd.clients.cli.tables import stats_table
from p2pd.clients.columns import Columns
from p2pd.clients.text import moment, plain, size

SHUTDOWN_POLL_SECONDS = 0.2


def complete_settings(
    context: click.Context, option: click.Parameter, begun: str
) -> list[CompletionItem]:
    """The names that the running daemon has."""
    try:
        every = context.ensure_object(Invocation).hurried_client().call("session_get")
    except P2pdError:
        return []
    return [CompletionItem(name) for name in sorted(every) if name.startswith(begun)]


@click.command()
@click.argument(
    "wishes", metavar="[NAME[=VALUE]]...", nargs=-1, shell_complete=complete_settings
)  # fmt: skip
@api_options
@pass_invocation
def settings(invocation: Invocation, wishes: tuple[str, ...]) -> None:
    """Show the session's settings, or set some; names are those of the API's session_set.

    They are kept over restarts and win over the configuration. Limits of speed are easier to
    set with p2pctl limit and alt-speeds.

    \b
    Examples:
      p2pctl settings
      p2pctl settings download_dir peer_limit_global
      p2pctl settings peer_limit_global=200 start_added_torrents=false
    """
    changes = {name: value_of(value) for name, equals, value in map(_split, wishes) if equals}
    names = [name for name, _, _ in map(_split, wishes)]
    with in_words():
        if changes:
            invocation.client.call("session_set", **changes)
        wanted: dict[str, Any] = {"fields": names} if names else {}
        answer = invocation.client.call("session_get", **wanted)
        if unknown := [name for name in names if name not in answer]:
            raise P2pdError(f"there is no setting {plain(unknown[0], 100)!r}")
    if invocation.as_json:
        invocation.tell(answer)
    else:
        invocation.show(_setting_table(answer))


def _split(wish: str) -> tuple[str, str, str]:
    name, equals, value = wish.partition("=")
    return name.strip().replace("-", "_"), equals, value


def value_of(text: str) -> Any:
    """A value as JSON has it; other words are strings, ``on`` and ``off`` are what they mean."""
    if text.lower() in ("on", "off"):
        return text.lower() == "on"
    try:
        return json.loads(text)
    except ValueError:
        return text


def _setting_table(answer: JsonObject) -> Columns:
    table = Columns("", "", cut=False)
    for name, value in sorted(answer.items()):
        table.add_row(name, plain(value if isinstance(value, str) else json.dumps(value)))
    return table


@click.command()
@api_options
@pass_invocation
def stats(invocation: Invocation) -> None:
    """Tell how much was moved, in this run and in all, and what memory and descriptors hold."""
    with in_words():
        answer = invocation.client.call("session_stats")
    if invocation.as_json:
        invocation.tell(answer)
    else:
        invocation.show(stats_table(answer))


@click.command("free-space")
@click.argument("path", required=False, type=click.Path())
@api_options
@pass_invocation
def free_space(invocation: Invocation, path: str | None) -> None:
    """Tell how much room is at a path of the daemon's host. [its download folder]"""
    with in_words():
        client = invocation.client
        if path is None:
            path = str(client.call("session_get", fields=["download_dir"])["download_dir"])
        answer = client.call("free_space", path=os.path.abspath(path))
    if invocation.as_json:
        invocation.tell(answer)
    free, total = answer["size_bytes"], answer["total_size"]
    invocation.say(f"{plain(answer['path'])}: {size(free)} free of {size(total)}")


@click.command("port-test")
@click.option("--ipv4", "protocol", flag_value="ipv4", help="Over IPv4.")
@click.option("--ipv6", "protocol", flag_value="ipv6", help="Over IPv6.")
@api_options
@pass_invocation
def port_test(invocation: Invocation, protocol: str | None) -> None:
    """Tell whether somebody outside the local network connected to the daemon's port lately."""
    with in_words():
        params = {} if protocol is None else {"ip_protocol": protocol}
        answer = invocation.client.call("port_test", **params)
    if invocation.as_json:
        invocation.tell(answer)
        return
    last = answer["last_incoming_date"]
    over = f" over {answer['ip_protocol'].replace('ip', 'IP')}" if "ip_protocol" in answer else ""
    if answer["port_is_open"]:
        invocation.say(f"the port is open: somebody came{over}, {moment(last)}")
    elif last:
        invocation.say(f"nobody came{over} in the last hour; the last one did {moment(last)}")
    else:
        invocation.say(f"nobody outside the local network has come{over} since the start")
    if answer.get("port_is_mapped"):
        invocation.say(f"a gateway maps its port {answer['external_port']} to the daemon's")


@click.command()
@click.option("-y", "--yes", is_flag=True, help="Do not ask.")
@click.option("--wait", is_flag=True, help="Return when it has stopped.")
@click.option(
    "--timeout", type=click.FloatRange(min=0), metavar="SECONDS", default=60.0, show_default=True,
    help="With --wait: give up after so long.",
)  # fmt: skip
@api_options
@pass_invocation
def shutdown(invocation: Invocation, yes: bool, wait: bool, timeout: float) -> None:
    """Stop the daemon, cleanly; where no terminal can be asked, --yes has to be said."""
    if not yes:
        if invocation.as_json or not has_person():
            raise click.UsageError("this stops the daemon: say --yes too")
        click.confirm("Stop the daemon?", abort=True, err=True)
    with in_words():
        invocation.client.call("session_close")
        if wait:
            _wait_until_gone(invocation, timeout)
    if invocation.as_json:
        invocation.tell({"stopped": wait})
    invocation.say("the daemon has stopped" if wait else "the daemon stops")


def _wait_until_gone(invocation: Invocation, timeout: float) -> None:
    began = invocation.clock()
    while invocation.clock() - began < timeout:
        try:
            invocation.client.call("session_get", fields=["version"])
        except CannotConnectError:
            return
        invocation.sleep(SHUTDOWN_POLL_SECONDS)
    raise TooLateError(f"the daemon has not stopped within {timeout:g} seconds")
