"""What the web seeds of all torrents share: how they are asked, and how many at a time."""

from __future__ import annotations

from typing import Sequence

from p2pd.base.measures import Measure, bounded, counter
from p2pd.discovery.web_seed_client.interfaces import SeedClient

MOST_BUSY = 50
"""Connections over which something is asked, of all torrents."""

PER_SEED = 2
"""Connections to one web seed: one asks while the other brings something."""


class SessionWebSeeds:
    """Counts, and the client; None: there is none."""

    def __init__(self, client: SeedClient | None) -> None:
        self.client = client
        self.busy = 0
        self.received = 0
        """Wanted bytes from the start on."""
        self.failures = 0
        self.dropped = 0

    @property
    def has_room(self) -> bool:
        """Whether one more may be asked."""
        return self.busy < MOST_BUSY

    def measures(self) -> Sequence[Measure]:
        """In numbers."""
        return [
            *bounded(
                "web_seed_connections",
                "Connections over which web seeds are asked for something.",
                self.busy,
                MOST_BUSY,
            ),
            counter(
                "web_seed_received_bytes_total",
                "Bytes of wanted data that came from web seeds.",
                self.received,
            ),
            counter(
                "web_seed_failures_total",
                "Times that a web seed did not send what it was asked for.",
                self.failures,
            ),
            counter(
                "web_seeds_dropped_total",
                "Web seeds that were given up since they sent wrong data.",
                self.dropped,
            ),
        ]
