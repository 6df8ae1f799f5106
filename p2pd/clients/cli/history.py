"""p2pctl history: what the session or torrents did in earlier times, as bars."""

from __future__ import annotations

import re
import time
from collections.abc import Sequence

import click

from p2pd.clients.api_client import JsonObject
from p2pd.clients.cli.choosing import chooses_torrents_or_all
from p2pd.clients.cli.invocation import Invocation, api_options, in_words, pass_invocation
from p2pd.clients.columns import Columns
from p2pd.clients.selection import Wanted
from p2pd.clients.text import duration, moment, plain, rate, size
from p2pd.clients.top.history import LEVELS, graph

PLAIN_LEVELS = str.maketrans(LEVELS, " .:-=+*#@")
"""For terminals that have no letters to draw with."""

WIDEST = 200
LABELS = 40
"""Cells that the numbers beside the bars take."""

_SECONDS = {"m": 60, "h": 3600, "d": 86_400, "w": 7 * 86_400, "y": 365 * 86_400}
_SPAN = re.compile(r"(\d{1,6})([mhdwy])\Z")


def _seconds(context: click.Context, option: click.Parameter, value: str) -> int:
    match = _SPAN.match(value)
    if match is None or not int(match[1]):
        raise click.BadParameter("a time is like 90m, 24h, 7d, 4w or 1y")
    return int(match[1]) * _SECONDS[match[2]]


@click.command()
@chooses_torrents_or_all
@click.option(
    "--last", callback=_seconds, default="24h", show_default=True, metavar="TIME",
    help="How far back: 90m, 24h, 7d, 4w, 1y.",
)  # fmt: skip
@click.option("--rows", is_flag=True, help="Numbers instead of bars.")
@api_options
@pass_invocation
def history(invocation: Invocation, wanted: Wanted, last: int, rows: bool) -> None:
    """Show what the session moved in earlier times, or each of some torrents.

    A bar is as high as the rate of its time was, the highest one is the busiest. What was ten
    seconds ago is known for a day, five minutes for a month, and six hours for ever.
    """
    until = int(time.time()) + 1
    width = max(10, min(WIDEST, (invocation.console.width or 80) - LABELS))
    with in_words():
        client = invocation.client
        chosen = wanted.find(client) if wanted else None
        if chosen == []:
            invocation.say("no torrent is like that")
        names = {one["id"]: plain(one["name"], 200) for one in chosen or ()}
        which: JsonObject = {} if chosen is None else {"ids": list(names)}
        asked = {"from": max(0, until - last), "to": until, "points": width}
        answer = client.call("history_get", **which, **asked)
    if invocation.as_json:
        invocation.tell(answer)
        return
    if chosen is None:
        _show(invocation, "session", answer["session"], answer, rows)
    for torrent in answer.get("torrents", ()):
        title = f"{torrent['id']} {names.get(torrent['id'], torrent['hash_string'])}"
        _show(invocation, title, torrent["rows"], answer, rows)


def _show(
    invocation: Invocation, title: str, spans: Sequence[JsonObject], answer: JsonObject, rows: bool
) -> None:
    step = answer["resolution"]
    invocation.say(f"{title}: since {moment(answer['from'])}, a step is {duration(step)}")
    if rows:
        invocation.show_rows(list(spans), _table, "nothing happened")
        return
    first = answer["from"] // step * step
    columns = -(-(answer["to"] - first) // step)
    for arrow, word in (("v", "download"), ("^", "upload")):
        values = [0.0] * columns
        for span in spans:
            place = (span["time"] - first) // step
            if 0 <= place < columns:
                values[place] = span[f"rate_{word}"]
        total = sum(span[f"{word}ed_bytes"] for span in spans)
        bars = graph(values, columns)[0]
        if invocation.ascii_only:
            bars = bars.translate(PLAIN_LEVELS)
        most = rate(max(values, default=0)) or "idle"
        invocation.say(f"{arrow} |{bars}| {size(total)}, up to {most}")


def _table(rows: list[JsonObject]) -> Columns:
    table = Columns(
        "begin", "downloaded>", "uploaded>", "peak down>", "peak up>", "peers>", cut=False
    )
    for row in rows:
        down, up = row["peak_rate_download"], row["peak_rate_upload"]
        table.add_row(
            moment(row["time"]),
            size(row["downloaded_bytes"]),
            size(row["uploaded_bytes"]),
            rate(down),
            rate(up),
            str(row["peers_connected"]),
        )
    return table
