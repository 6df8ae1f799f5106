"""A torrent at rest for readers who read much of it at once: lists of thousands are made of these.

That it rests answers half of the questions, and is asked only once. It holds for this turn of the
reactor; in the next one somebody may have woken the torrent.
"""

from __future__ import annotations

from p2pd.session.api import TorrentStatus
from p2pd.session.peers.peer_report import PeerReport
from p2pd.session.torrents.torrent import Torrent
from p2pd.session.torrents.torrent_report import TorrentReport
from p2pd.state.summaries import TorrentSummary


def report_at_rest(torrent: Torrent) -> RestingReport | None:
    """None: it does something."""
    summary = torrent.record.summary
    if summary is None or torrent.has_parts or not torrent.resting:
        return None
    return RestingReport(torrent, summary)


class RestingReport(TorrentReport):
    """Tells what TorrentReport does of a torrent that has neither content nor swarm."""

    __slots__ = ("_error", "_summary")

    def __init__(self, torrent: Torrent, summary: TorrentSummary) -> None:
        super().__init__(torrent)
        self._summary = summary
        self._error: str | None = None

    @property
    def summary(self) -> TorrentSummary:
        """What its metadata tells, but for the files."""
        return self._summary

    @property
    def status(self) -> TorrentStatus:
        """What it is doing."""
        torrent = self.torrent
        if torrent.opening.check is None:
            if torrent.host.queues.waits(torrent):
                return TorrentStatus.SEED_WAIT
            if torrent.running:
                return TorrentStatus.SEEDING
        return super().status

    @property
    def rate_download(self) -> float:
        """Bytes per second."""
        return 0.0

    @property
    def rate_upload(self) -> float:
        """Bytes per second."""
        return 0.0

    @property
    def eta(self) -> int:
        """Seconds until it gave enough; -1 when nothing says how much that is."""
        return self.sharing.eta

    @property
    def percent_done(self) -> float:
        """0 to 1, of the wanted bytes."""
        return 1.0

    @property
    def peers(self) -> tuple[PeerReport, ...]:
        """The connected peers."""
        return ()

    @property
    def _is_known(self) -> bool:
        return True

    def _measured(self) -> tuple[int, int, int]:
        return self._summary.wanted, 0, self._summary.total

    def _tracker_error(self) -> str:
        # Lists ask twice a row: whether there is trouble, and what.
        if self._error is None:
            self._error = super()._tracker_error()
        return self._error
