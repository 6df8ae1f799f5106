"""p2pctl watch: a live table until Ctrl-C."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

import click
from rich.live import Live
from rich.text import Text

from p2pd.clients.api_client import JsonObject
from p2pd.clients.cli.invocation import Invocation, api_options, in_words, pass_invocation
from p2pd.clients.cli.tables import LIST_FIELDS, torrent_table
from p2pd.clients.text import rate

IDLE = "idle"
FRAME_LINES = 4
"""Lines of the screen that are not torrents: the heading, the summary, the prompt."""


@click.command()
@click.option(
    "--interval",
    type=click.FloatRange(min=0.1, max=3600),
    default=1.0,
    show_default=True,
    help="Seconds between looks.",
)
@click.option("--times", type=click.IntRange(min=1), help="Stop after so many looks.")
@api_options
@pass_invocation
def watch(invocation: Invocation, interval: float, times: int | None) -> None:
    """Show the torrents live, until Ctrl-C; with --json a line a look."""
    with in_words(), contextlib.suppress(KeyboardInterrupt):
        if invocation.as_json:
            _lines(invocation, interval, times)
        else:
            _table(invocation, interval, times)


def _lines(invocation: Invocation, interval: float, times: int | None) -> None:
    for torrents, _ in _looks(invocation, interval, times):
        invocation.tell(torrents)


def _table(invocation: Invocation, interval: float, times: int | None) -> None:
    console = invocation.console
    with Live(console=console, auto_refresh=False) as live:
        for torrents, totals in _looks(invocation, interval, times):
            shown = busiest(torrents, max(1, console.height - FRAME_LINES))
            live.update(_picture(shown, totals, console.width), refresh=True)
    if not console.is_terminal:
        console.line()


def busiest(torrents: list[JsonObject], count: int) -> list[JsonObject]:
    """As many torrents as there is room for, in their order: those that move data first."""
    if len(torrents) <= count:
        return torrents
    moving = sorted(torrents, key=lambda one: -(one["rate_download"] + one["rate_upload"]))
    chosen = {torrent["id"] for torrent in moving[:count]}
    return [torrent for torrent in torrents if torrent["id"] in chosen]


def _picture(torrents: list[JsonObject], totals: JsonObject, width: int) -> Text:
    picture = Text(no_wrap=True)
    for text, style in torrent_table(torrents).lines(width):
        picture.append(f"{text}\n", style=style)
    return picture.append(f"\n{_summary(totals)}")


def _looks(
    invocation: Invocation, interval: float, times: int | None
) -> Iterator[tuple[list[JsonObject], JsonObject]]:
    count = 0
    while True:
        yield invocation.client.torrents(LIST_FIELDS), invocation.client.call("session_stats")
        count += 1
        if count == times:
            return
        invocation.sleep(interval)


def _summary(totals: JsonObject) -> str:
    down, up = rate(totals["download_speed"]) or IDLE, rate(totals["upload_speed"]) or IDLE
    active, count = totals["active_torrent_count"], totals["torrent_count"]
    return f"{active} of {count} torrents active, down {down}, up {up}"
