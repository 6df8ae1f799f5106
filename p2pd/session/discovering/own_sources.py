"""The sources of peers that every session has; others join when they are there."""

from __future__ import annotations

from p2pd.discovery.source_report import INCOMING, MAGNET, MANUAL, RESUME, DiscoverySource
from p2pd.session.discovering.told_source import ToldSource
from p2pd.session.discovering.tracker_source import TrackerSource


def own_sources() -> list[DiscoverySource]:
    """Those that need nothing but the torrents."""
    return [
        TrackerSource(),
        ToldSource(MAGNET, of_private=False),
        ToldSource(MANUAL, of_private=True),
        ToldSource(INCOMING, of_private=True),
        ToldSource(RESUME, of_private=True),
    ]
