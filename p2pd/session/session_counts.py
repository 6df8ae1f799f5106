"""What the session counts from its start on, of what happens too seldom to cost anything."""

from __future__ import annotations

from dataclasses import dataclass, field

from p2pd.discovery.holepunch.relay import HolepunchCounts
from p2pd.discovery.pex.heard import PexCounts


@dataclass(slots=True)
class SessionCounts:
    """Over all torrents, those that are gone too."""

    pieces_passed: int = 0
    pieces_failed: int = 0
    slow_readers: int = 0
    """Peers that were dropped since they did not read what they asked for."""
    pex: PexCounts = field(default_factory=PexCounts)
    holepunch: HolepunchCounts = field(default_factory=HolepunchCounts)
