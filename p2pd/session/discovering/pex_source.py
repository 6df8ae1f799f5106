"""What peer exchange tells of itself as a source of a torrent's peers."""

from __future__ import annotations

from typing import Callable

from p2pd.discovery.source_report import IS_PRIVATE, PEX, DiscoveredTorrent, SourceReport

IS_OFF = "peer exchange is switched off (pex_enabled)"


class PexSource:
    """All peers of a torrent together (source_report.DiscoverySource).

    They tell when they have something to tell, so nobody knows when they do next.
    """

    name = PEX

    def __init__(self, enabled: Callable[[], bool]) -> None:
        self._enabled = enabled

    def report(self, torrent: DiscoveredTorrent) -> SourceReport:
        """When a peer told of somebody last."""
        why_not = IS_PRIVATE if torrent.may_be_private else "" if self._enabled() else IS_OFF
        return SourceReport(
            self.name,
            enabled=not why_not,
            why_not=why_not,
            found=torrent.found_by(self.name),
            last_at=torrent.told_at(self.name),
        )
