"""p2pctl blocklist: which addresses the daemon keeps away from."""

from __future__ import annotations

import click

from p2pd.clients.api_client import JsonObject
from p2pd.clients.cli.invocation import Invocation, api_options, in_words, pass_invocation
from p2pd.clients.text import counted, moment, plain

FIELDS = ["blocklist_enabled", "blocklist_size", "blocklist_status", "blocklist_url"]


@click.group(invoke_without_command=True)
@api_options
@pass_invocation
@click.pass_context
def blocklist(context: click.Context, invocation: Invocation) -> None:
    """Show, set, switch and update the list of addresses to keep away from."""
    if context.invoked_subcommand is None:
        with in_words():
            _show(invocation)


@blocklist.command(name="set")
@click.argument("source")
@api_options
@pass_invocation
def set_source(invocation: Invocation, source: str) -> None:
    """Get the list from a URL, or from a file on the daemon's host; "" leaves it as it is.

    P2P text, eMule's DAT, or networks and addresses, one a line; plain, in gzip or zip.
    """
    with in_words():
        invocation.client.call("session_set", blocklist_url=source)
        if source:
            invocation.client.call_patiently("blocklist_update")
        _show(invocation)


@blocklist.command()
@api_options
@pass_invocation
def update(invocation: Invocation) -> None:
    """Get the list anew, now."""
    with in_words():
        invocation.client.call_patiently("blocklist_update")
        _show(invocation)


@blocklist.command(name="on")
@api_options
@pass_invocation
def switch_on(invocation: Invocation) -> None:
    """Neither dial nor let in who is on the list, in any torrent."""
    _switch(invocation, enabled=True)


@blocklist.command(name="off")
@api_options
@pass_invocation
def switch_off(invocation: Invocation) -> None:
    """Let the list be without effect; it is kept."""
    _switch(invocation, enabled=False)


def _switch(invocation: Invocation, *, enabled: bool) -> None:
    with in_words():
        invocation.client.call("session_set", blocklist_enabled=enabled)
        _show(invocation)


def _show(invocation: Invocation) -> None:
    found = invocation.client.call("session_get", fields=FIELDS)
    if invocation.as_json:
        invocation.tell(found)
    for line in _lines(found):
        invocation.say(line)


def _lines(found: JsonObject) -> list[str]:
    status, size = found["blocklist_status"], found["blocklist_size"]
    state = "on" if found["blocklist_enabled"] else "off"
    lines = [f"{state}, {counted(size, 'range')} of addresses"]
    url = found["blocklist_url"]
    lines.append(f"from {plain(url)}" if url else "from nowhere: p2pctl blocklist set URL")
    if size and status["source"] != url:
        lines.append(f"what is there is from {plain(status['source'])}")
    if status["updated_date"]:
        lines.append(
            f"it came {moment(status['updated_date'])}, was looked for "
            f"{moment(status['checked_date'])}, next {moment(status['next_date'])}"
        )
    if status["skipped_lines"]:
        lines.append(f"{counted(status['skipped_lines'], 'line')} made no sense")
    if status["updating"]:
        lines.append("it is being looked for now")
    if status["failures"]:
        failures = counted(status["failures"], "failure")
        tried = moment(status["tried_date"])
        lines.append(f"{failures}, the last {tried}: {plain(status['problem'])}")
    if status["turned_away"]:
        lines.append(f"{counted(status['turned_away'], 'connection')} turned away")
    return lines
