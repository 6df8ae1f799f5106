"""p2pctl events: what happens, as it happens, until Ctrl-C."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any

import click

from p2pd.clients.api_client import CannotConnectError, JsonObject
from p2pd.clients.cli.event_kinds import KINDS
from p2pd.clients.cli.invocation import Invocation, api_options, in_words, pass_invocation
from p2pd.clients.event_stream import EventStream
from p2pd.clients.text import moment, plain

RESYNC = "events_resync"

FIRST_PAUSE, LONGEST_PAUSE = 1.0, 30.0
"""Seconds before a connection that broke is made again, at first and at most."""

WIDTH = max(map(len, KINDS))


@click.command()
@click.option(
    "--kind", "kinds", multiple=True, type=click.Choice(KINDS), help="Only these events. [all]"
)
@click.option("--label", help="Only of torrents with this label.")
@click.option(
    "--fields", default="", metavar="FIELD,...", help="Tell changes of these fields, too."
)
@click.option("--count", type=click.IntRange(min=1), help="Stop after so many events.")
@api_options
@pass_invocation
def events(
    invocation: Invocation,
    kinds: tuple[str, ...],
    label: str | None,
    fields: str,
    count: int | None,
) -> None:
    """Tell what happens to torrents as it happens, until Ctrl-C; with --json a line an event.

    A connection that breaks is made again, and what happened meanwhile is told then. With --fields
    a line tells what changed in a torrent as well; the first ones tell how all are now.
    """
    wanted: dict[str, Any] = {"kinds": list(kinds or KINDS)}
    if label is not None:
        wanted["label"] = label
    if fields:
        wanted["fields"] = ["name", *filter(None, map(str.strip, fields.split(",")))]
    with in_words(), contextlib.suppress(KeyboardInterrupt):
        left = count
        for params in _told(invocation, wanted):
            _show_changes(invocation, params, bool(fields))
            for event in params.get("events", ()):
                _show_event(invocation, event)
                if left is not None and (left := left - 1) == 0:
                    return


def _told(invocation: Invocation, wanted: dict[str, Any]) -> Iterator[JsonObject]:
    """What is told, over one connection after the other; the first has to come about."""
    cursor, pause, connected = "", FIRST_PAUSE, False
    while True:
        try:
            stream = EventStream(invocation.door(invocation.url), invocation.token_found)
            with contextlib.closing(stream):
                more = {"cursor": cursor} if cursor else {}
                stream.call("events_subscribe", **wanted, **more)
                pause, connected = FIRST_PAUSE, True
                for method, params in stream.told():
                    if method == RESYNC and cursor:
                        invocation.warn("some of what happened meanwhile may not be told")
                    yield params
                    cursor = params.get("cursor", cursor)
        except CannotConnectError as error:
            if not connected:
                raise
            invocation.warn(f"{error}; trying again")
            invocation.sleep(pause)
            pause = min(LONGEST_PAUSE, 2 * pause)


def _show_event(invocation: Invocation, event: JsonObject) -> None:
    if invocation.as_json:
        invocation.tell(event)
        return
    detail = ", ".join(
        f"{plain(name)} {_value(value)}"
        for name, value in event["detail"].items()
        if value not in ("", [])
    )
    about = f"{event['id']} {plain(event['name'])}" + (f" ({detail})" if detail else "")
    invocation.say(f"{moment(event['at'])}  {event['kind']:<{WIDTH}}  {about}")


def _show_changes(invocation: Invocation, params: JsonObject, wanted: bool) -> None:
    if not wanted:
        return  # then rows only tell which torrents have the label
    for row in params.get("torrents", ()):
        if invocation.as_json:
            invocation.tell({"kind": "changed", **row})
            continue
        values = ", ".join(f"{name} {_value(row[name])}" for name in row if name != "id")
        invocation.say(f"{row['id']}  {values}")


def _value(value: object) -> str:
    if isinstance(value, list):
        return ",".join(plain(each) for each in value)
    if isinstance(value, bool):
        return "yes" if value else "no"
    return plain(value)
