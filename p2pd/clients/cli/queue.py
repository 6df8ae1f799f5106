"""p2pctl queue: who runs, who waits, in which order, and how many run at a time."""

from __future__ import annotations

from collections.abc import Callable

import click

from p2pd.base.errors import P2pdError
from p2pd.clients.api_client import JsonObject
from p2pd.clients.cli.choosing import WORDS, tell_chosen
from p2pd.clients.cli.invocation import Invocation, api_options, in_words, pass_invocation
from p2pd.clients.cli.show import NO_TORRENTS
from p2pd.clients.cli.speeds import reading
from p2pd.clients.columns import Columns
from p2pd.clients.selection import choose
from p2pd.clients.text import counted, percent, plain, status

FIELDS = [
    "disk_state", "error", "id", "is_stalled", "metadata_percent_complete", "move", "name",
    "percent_done", "queue_position", "status",
]  # fmt: skip
SETTINGS = [
    "download_queue_enabled", "download_queue_size", "queue_stalled_enabled",
    "queue_stalled_minutes", "seed_queue_enabled", "seed_queue_size",
]  # fmt: skip
MOVES = {
    "top": "queue_move_top", "up": "queue_move_up",
    "down": "queue_move_down", "bottom": "queue_move_bottom",
}  # fmt: skip
MOST = 1_000_000


def _number_or_off(least: int) -> Callable[[str], int | bool]:
    """What reads a number from `least` on, or off, which is false."""

    def read(text: str) -> int | bool:
        if text == "off":
            return False
        number = int(text[:10]) if text.isascii() and text.isdigit() else -1
        if not least <= number <= MOST:
            raise click.BadParameter(
                f"neither off nor a whole number from {least} to {MOST}: {text!r}"
            )
        return number

    return read


@click.command()
@WORDS
@click.option("--top", "where", flag_value="top", help="Move the torrents before all others.")
@click.option("--up", "where", flag_value="up", help="Move each before the one that is before it.")
@click.option("--down", "where", flag_value="down", help="Move each behind the next one.")
@click.option("--bottom", "where", flag_value="bottom", help="Move them behind all others.")
@click.option("--to", "position", type=click.IntRange(0, 2**31 - 1), metavar="POSITION",
              help="Move one torrent there; 0 is the first.")  # fmt: skip
@click.option("--downloads", callback=reading(_number_or_off(0)), metavar="N|off",
              help="How many download at a time.")  # fmt: skip
@click.option(
    "--seeds", callback=reading(_number_or_off(0)), metavar="N|off", help="How many seed at a time."
)
@click.option("--stalled", callback=reading(_number_or_off(1)), metavar="MINUTES|off",
              help="After how long one of which nothing moves does not count.")  # fmt: skip
@api_options
@pass_invocation
def queue(
    invocation: Invocation, words: tuple[str, ...], where: str | None, position: int | None,
    downloads: int | bool | None, seeds: int | bool | None, stalled: int | bool | None,
) -> None:  # fmt: skip
    """Show the queue, move torrents in it, or set how many download and seed at a time.

    \b
    Examples:
      p2pctl queue --downloads 5 --seeds off
      p2pctl queue debian 3-7 --top
      p2pctl queue film --to 2
    """
    changes = {
        **_switched("download_queue_enabled", "download_queue_size", downloads),
        **_switched("seed_queue_enabled", "seed_queue_size", seeds),
        **_switched("queue_stalled_enabled", "queue_stalled_minutes", stalled),
    }
    moves = where is not None or position is not None
    if bool(words) != moves or (where is not None and position is not None):
        raise click.UsageError(
            "name torrents and say where: --top, --up, --down, --bottom or --to POSITION"
        )
    with in_words():
        if changes:
            invocation.client.call("session_set", **changes)
        if words:
            _move(invocation, words, where, position)
        elif not changes or not invocation.as_json:
            _show(invocation)
        else:
            invocation.tell(invocation.client.call("session_get", fields=SETTINGS))


def _switched(switch: str, name: str, value: int | bool | None) -> JsonObject:
    if value is None:
        return {}
    return {switch: False} if value is False else {switch: True, name: value}


def _move(
    invocation: Invocation, words: tuple[str, ...], where: str | None, position: int | None
) -> None:
    chosen = choose(invocation.client, words)
    if position is not None:
        if len(chosen) > 1:
            raise P2pdError("one position is for one torrent")
        invocation.client.call("torrent_set", ids=[chosen[0]["id"]], queue_position=position)
    else:
        invocation.client.call(MOVES[str(where)], ids=[torrent["id"] for torrent in chosen])
    tell_chosen(invocation, chosen, f"moved {where}" if where else f"moved to {position}")


def _show(invocation: Invocation) -> None:
    settings = invocation.client.call("session_get", fields=SETTINGS)
    torrents = invocation.client.torrents(FIELDS)
    torrents.sort(key=lambda torrent: torrent["queue_position"])
    if invocation.as_json:
        invocation.tell({**settings, "torrents": torrents})
        return
    invocation.show_rows(torrents, queue_table, NO_TORRENTS)
    for sentence in _sentences(settings, torrents):
        invocation.say(sentence)


def queue_table(torrents: list[JsonObject]) -> Columns:
    """One line a torrent."""
    table = Columns("Place>", "Id>", "Done>", "State", "Name", spare=("Done",))
    for torrent in torrents:
        stalled = ", stalled" if torrent["is_stalled"] else ""
        table.add_row(
            str(torrent["queue_position"]), str(torrent["id"]), percent(torrent["percent_done"]),
            status(torrent) + stalled, plain(torrent["name"], 255),
        )  # fmt: skip
    return table


def _sentences(settings: JsonObject, torrents: list[JsonObject]) -> list[str]:
    said = []
    for kind, name, waiting in (("download", "download", 3), ("seed", "seed", 5)):
        if settings[f"{name}_queue_enabled"]:
            waits = sum(torrent["status"] == waiting for torrent in torrents)
            at_once = counted(settings[f"{name}_queue_size"], "torrent")
            said.append(f"at most {at_once} {kind} at a time; {waits} wait to {kind}")
        else:
            said.append(f"as many {kind} as want to")
    if settings["queue_stalled_enabled"]:
        minutes = counted(settings["queue_stalled_minutes"], "minute")
        said.append(f"one of which nothing moved for {minutes} does not count")
    return said
