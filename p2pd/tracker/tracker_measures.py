"""The tracker of one's own in numbers."""

from __future__ import annotations

from collections import Counter

from p2pd.base.measures import Labels, Measure, bounded, counters
from p2pd.tracker.stores.memory import MemorySwarmStore


def tracker_measures(store: MemorySwarmStore, outcomes: Counter[Labels]) -> list[Measure]:
    """What it keeps and what it answered."""
    return [
        *bounded(
            "own_tracker_torrents", "Torrents of our own tracker.", len(store), store.max_torrents
        ),
        *bounded(
            "own_tracker_peers",
            "Peers that our own tracker knows.",
            store.peers_known,
            store.max_all_peers,
        ),
        counters(
            "own_tracker_requests_total",
            "Announces and scrapes to our own tracker, by what came of them.",
            ("kind", "result"),
            outcomes,
        ),
    ]
