"""What every policy sees of a peer that may have an upload slot."""

from __future__ import annotations

from typing import Hashable, Protocol


class SlotPeer(Protocol):
    """Rates in bytes per second over the last 20 s, times in seconds."""

    @property
    def key(self) -> Hashable:
        """What it is known by from one round to the next."""

    @property
    def connected_at(self) -> float:
        """When it came."""

    @property
    def unchoked(self) -> bool:
        """It has a slot now."""

    @property
    def upload_rate(self) -> float:
        """What we send it."""
