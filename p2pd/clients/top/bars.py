"""The lines above and below the torrents: rates, counts, limits, free space. Pure."""

from __future__ import annotations

from rich.text import Text

from p2pd.clients.api_client import JsonObject
from p2pd.clients.cli.limit_tables import session_limits
from p2pd.clients.text import plain, rate, size
from p2pd.clients.top.cells import CARE, DOWN, QUIET, UP
from p2pd.clients.top.history import History, graph
from p2pd.clients.top.torrent_list import Filter, TorrentList

RATE_WIDTH = 11


def summary(stats: JsonObject, version: str, history: History, width: int) -> Text:
    """What the session moves, with graphs as wide as there is room."""
    name = f"p2pd {version}".strip()
    counts = f"{stats['active_torrent_count']} of {stats['torrent_count']} active"
    room = (width - len(name) - len(counts) - 2 * (RATE_WIDTH + 5) - 6) // 2
    text = Text(no_wrap=True, overflow="ellipsis").append(name, "bold")
    for arrow, value, values, colour in (
        ("▼", stats["download_speed"], history.down, DOWN),
        ("▲", stats["upload_speed"], history.up, UP),
    ):
        text.append(f"  {arrow} ", colour).append((rate(value) or "idle").rjust(RATE_WIDTH), colour)
        if room >= 4:
            text.append(" ").append(graph(list(values), min(room, 40))[0], colour)
    return text.append(f"  {counts}", QUIET)


def version_of(settings: JsonObject) -> str:
    """p2pd's own version, of ``4.1.0 (p2pd 0.1.0)``."""
    _, _, own = plain(settings.get("version", ""), 60).partition("(p2pd ")
    return own.rstrip(")")


def status_line(torrents: TorrentList, marked: int, settings: JsonObject | None) -> Text:
    """What is shown, and what holds for the session."""
    text = Text(no_wrap=True, overflow="ellipsis")
    if len(torrents.shown) == len(torrents.torrents):
        text.append(f"{len(torrents.torrents)} torrents")
    else:
        text.append(f"{len(torrents.shown)} of {len(torrents.torrents)} torrents", CARE)
    if words := filter_words(torrents.filter):
        text.append(f" ({plain(words, 60)})", CARE)
    if marked:
        text.append(f"  {marked} marked", CARE)
    if settings is None:
        return text
    if settings["alt_speed_enabled"]:
        text.append("  alternative speeds", CARE)
    for arrow, speed in zip("▼▲", session_limits(settings), strict=True):
        if speed is not None:
            text.append(f"  {arrow} {speed} kB/s at most")
    if settings["download_dir_free_space"] >= 0:
        text.append(f"  {size(settings['download_dir_free_space'])} free")
    return text


def filter_words(chosen: Filter) -> str:
    """A filter as it is typed."""
    kinds = (("", chosen.words), ("label:", chosen.labels), ("state:", chosen.states))
    return " ".join(f"{kind}{word}" for kind, words in kinds for word in words)
