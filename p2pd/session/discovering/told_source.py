"""Sources that are not asked: peers that came by themselves, or that somebody told us of."""

from __future__ import annotations

from p2pd.discovery.source_report import IS_PRIVATE, DiscoveredTorrent, SourceReport


class ToldSource:
    """Addresses that come when they come (source_report.DiscoverySource).

    `of_private`: whether private torrents may have peers of it (BEP 27).
    """

    def __init__(self, name: str, *, of_private: bool) -> None:
        self.name = name
        self._of_private = of_private

    def report(self, torrent: DiscoveredTorrent) -> SourceReport:
        """What came, and when."""
        ruled_out = torrent.private and not self._of_private
        return SourceReport(
            self.name,
            enabled=not ruled_out,
            why_not=IS_PRIVATE if ruled_out else "",
            found=torrent.found_by(self.name),
            last_at=torrent.told_at(self.name),
        )
