"""How much a torrent is to give and how far it is, computed when it is asked; wakes nobody."""

from __future__ import annotations

from p2pd.session.api import TorrentStatus, TorrentView
from p2pd.session.torrents.torrent import Torrent
from p2pd.swarm.share_limits import (
    ETA_NONE,
    SUPER_SEED,
    LimitsInForce,
    SeedState,
    ShareLimits,
    eta,
    eta_idle,
)

UNSAID = ShareLimits()


class TorrentSharing:
    """The share limits of one torrent (sharing_view.SharingView)."""

    def __init__(self, torrent: Torrent, view: TorrentView) -> None:
        self._torrent = torrent
        self._view = view

    @property
    def own(self) -> ShareLimits:
        """What it says itself."""
        return self._torrent.record.share_limits or UNSAID

    @property
    def in_force(self) -> LimitsInForce:
        """What holds for it."""
        return self._torrent.host.rules.share_limits(self._torrent.record)

    @property
    def reached(self) -> tuple[str, ...]:
        """The kinds of limits that were reached and acted on."""
        return self._torrent.record.limits_reached

    @property
    def is_finished(self) -> bool:
        """Whether it gave what it was to give, and was not told to go on."""
        record = self._torrent.record
        if not record.limits_reached:
            return False
        return record.paused or self.in_force.action == SUPER_SEED

    @property
    def state(self) -> SeedState:
        """How it stands, if it is complete."""
        record, view = self._torrent.record, self._view
        return SeedState(
            uploaded=record.uploaded,
            size=view.size_when_done,
            idle_since=max(record.active_at, record.completed_at, self._torrent.started_at),
            seconds_seeding=view.seconds_seeding,
            rate=view.rate_upload,
        )

    @property
    def eta(self) -> int:
        """Seconds until it gave enough, or seeded for long enough; -1 or -2 as for any eta."""
        limits = self.in_force
        if not limits.exist or self._view.status != TorrentStatus.SEEDING:
            return ETA_NONE
        return eta(limits, self.state)

    @property
    def eta_idle(self) -> int:
        """Seconds until it was idle for long enough, if it stays so; -1 if that does not matter."""
        limits = self.in_force
        if limits.idle is None or self._view.status != TorrentStatus.SEEDING:
            return ETA_NONE
        return eta_idle(limits, self.state, self._torrent.host.wall())
