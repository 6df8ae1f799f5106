"""What torrent_get tells of a tracker (rpc-spec, 3.3, `trackers` and `tracker_stats`)."""

from __future__ import annotations

from typing import Any

from p2pd.discovery.tracker_client.states import TrackerState

INACTIVE, WAITING, QUEUED, ACTIVE = range(4)


def tracker_row(state: TrackerState) -> dict[str, Any]:
    """What stays the same about a tracker."""
    return {
        "announce": state.url,
        "id": state.id,
        "scrape": state.scrape_url,
        "sitename": state.sitename,
        "tier": state.tier,
    }


def tracker_statistics_row(state: TrackerState) -> dict[str, Any]:
    """What went on with a tracker; times are Unix seconds, 0 for never, counts -1 for unknown."""
    return tracker_row(state) | {
        "announce_state": _phase(state.announcing, state.next_announce_at),
        "download_count": state.downloads,
        "downloader_count": -1,
        "has_announced": state.last_announce_at > 0,
        "has_scraped": state.last_scrape_at > 0,
        "host": state.host,
        "is_backup": state.is_backup,
        "last_announce_peer_count": state.last_announce_peer_count,
        "last_announce_result": state.last_announce_result,
        "last_announce_start_time": int(state.last_announce_at),
        "last_announce_succeeded": state.last_announce_succeeded,
        "last_announce_time": int(state.last_announce_at),
        "last_announce_timed_out": state.last_announce_timed_out,
        "last_scrape_result": state.last_scrape_result,
        "last_scrape_start_time": int(state.last_scrape_at),
        "last_scrape_succeeded": state.last_scrape_succeeded,
        "last_scrape_time": int(state.last_scrape_at),
        "last_scrape_timed_out": state.last_scrape_timed_out,
        "leecher_count": state.leechers,
        "next_announce_time": int(state.next_announce_at),
        "next_scrape_time": int(state.next_scrape_at),
        "scrape_state": _phase(state.scraping, state.next_scrape_at),
        "seeder_count": state.seeders,
    }


def _phase(busy: bool, next_at: float) -> int:
    if busy:
        return ACTIVE
    return WAITING if next_at > 0 else INACTIVE
