"""Speed limits as p2pctl shows them: a table, and sentences for what is more than numbers."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from p2pd.clients.api_client import JsonObject
from p2pd.clients.cli.speeds import (
    KB,
    NO_LIMIT,
    day_words,
    limit_in_both_units,
    limit_words,
    time_words,
)
from p2pd.clients.columns import Columns
from p2pd.clients.text import plain

Row = tuple[str, int | None, int | None, str]


def limit_table(
    settings: JsonObject, labels: Sequence[JsonObject], torrents: Sequence[JsonObject]
) -> Columns:
    """One line a limit; nothing of the session if there are no `settings`."""
    table = Columns("Limit of", "Down", "Up", "State")
    rows = [*_session_rows(settings)] if settings else []
    for name, down, up, holds in (*rows, *map(_label_row, labels), *map(_torrent_row, torrents)):
        table.add_row(plain(name, 255), limit_words(down), limit_words(up), holds)
    return table


def session_limits(settings: JsonObject) -> tuple[int | None, int | None]:
    """What the session's usual limits are; None where there is none."""
    down = settings["speed_limit_down"] if settings["speed_limit_down_enabled"] else None
    up = settings["speed_limit_up"] if settings["speed_limit_up_enabled"] else None
    return down, up


def pair_words(down: int | None, up: int | None) -> str:
    """Both directions."""
    return f"down {limit_in_both_units(down)}, up {limit_in_both_units(up)}"


def alternative_sentence(settings: JsonObject) -> str:
    """Whether the alternative speeds hold, and what they are."""
    state = "on" if settings["alt_speed_enabled"] else "off"
    pair = pair_words(settings["alt_speed_down"], settings["alt_speed_up"])
    return f"the alternative speeds are {state}: {pair}"


def schedule_sentence(settings: JsonObject) -> str:
    """When the week turns them on and off."""
    if not settings["alt_speed_time_enabled"]:
        return "there is no schedule for the alternative speeds"
    begin, end = settings["alt_speed_time_begin"], settings["alt_speed_time_end"]
    days = day_words(settings["alt_speed_time_day"])
    next_day = "" if end > begin else " of the next day"
    span = f"{days}, {time_words(begin)} to {time_words(end)}{next_day}"
    return f"the alternative speeds are scheduled: {span}"


def local_sentence(settings: JsonObject) -> str:
    """Whether the local network counts."""
    if settings["limit_local_peers"]:
        return "peers in the local network are under the limits too"
    return "peers in the local network are under no limit"


def _session_rows(settings: JsonObject) -> Iterator[Row]:
    alternative = settings["alt_speed_enabled"]
    usual = session_limits(settings)
    yield "session", *usual, "the alternative speeds hold" if alternative else _state(*usual)
    speeds = settings["alt_speed_down"], settings["alt_speed_up"]
    yield "alternative speeds", *speeds, _state(*speeds) if alternative else "off"
    peer = settings["peer_speed_limit_down"] or None, settings["peer_speed_limit_up"] or None
    yield "each peer", *peer, _state(*peer)


def _label_row(label: JsonObject) -> Row:
    pair = label["speed_limit_down"], label["speed_limit_up"]
    return f"label {label['label']}", *pair, _state(*pair)


def _state(down: int | None, up: int | None) -> str:
    return "" if down is up is None else "in force"


def _torrent_row(torrent: JsonObject) -> Row:
    down = torrent["download_limit"] if torrent["download_limited"] else None
    up = torrent["upload_limit"] if torrent["upload_limited"] else None
    return f"{torrent['id']} {torrent['name']}", down, up, _in_force(torrent)


def _in_force(torrent: JsonObject) -> str:
    """The lowest of all limits that it is under."""
    down, up = (
        limit_words(torrent[name] if torrent[name] == NO_LIMIT else torrent[name] // KB)
        for name in ("download_limit_in_force", "upload_limit_in_force")
    )
    free = "" if torrent["honors_session_limits"] else ", ignores the session's"
    return f"lowest: down {down}, up {up}{free}"
