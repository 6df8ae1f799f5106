"""How one tracker of one torrent is doing, for readers."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(slots=True)
class TrackerState:
    """Times are Unix seconds, 0 where there was or will be none; counts are -1 while unknown."""

    id: int
    tier: int
    url: str
    scrape_url: str
    host: str
    sitename: str
    announcing: bool = False
    last_announce_at: float = 0.0
    last_announce_succeeded: bool = False
    last_announce_timed_out: bool = False
    last_announce_result: str = ""
    last_announce_peer_count: int = 0
    next_announce_at: float = 0.0
    scraping: bool = False
    last_scrape_at: float = 0.0
    last_scrape_succeeded: bool = False
    last_scrape_timed_out: bool = False
    last_scrape_result: str = ""
    next_scrape_at: float = 0.0
    seeders: int = -1
    leechers: int = -1
    downloads: int = -1
    is_backup: bool = True
    """Whether another tracker of its tier is used instead."""


def trouble_of(states: Iterable[TrackerState]) -> str:
    """What the first tracker says, if all were asked and none took the torrent; else empty."""
    first = None
    for state in states:
        if state.last_announce_succeeded or not state.last_announce_at:
            return ""
        first = first or state
    return first.last_announce_result if first else ""
