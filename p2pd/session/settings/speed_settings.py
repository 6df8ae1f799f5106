"""The settings of speed limits, and a torrent's own limits; kB are 1000 bytes, as for clients."""

from __future__ import annotations

from dataclasses import dataclass, field

from p2pd.session.settings.bandwidth_groups import GroupLimits
from p2pd.swarm.bandwidth.alternative_speeds import ALL_DAYS

KB = 1000


@dataclass(slots=True, kw_only=True)
class SpeedSettings:
    """The session's limits in kB/s; one counts when its `enabled` is set, and 0 stops everything.

    The alternative speeds take the place of both while `alt_speed_enabled` is set, which the
    schedule turns: from `begin` to `end` (minutes after midnight, local time) of the days in `day`
    (Sunday 1, Monday 2 … Saturday 64).
    """

    speed_limit_down: int = 100
    speed_limit_down_enabled: bool = False
    speed_limit_up: int = 100
    speed_limit_up_enabled: bool = False
    alt_speed_down: int = 50
    alt_speed_up: int = 50
    alt_speed_enabled: bool = False
    alt_speed_time_enabled: bool = False
    alt_speed_time_begin: int = 540
    alt_speed_time_end: int = 1020
    alt_speed_time_day: int = ALL_DAYS
    peer_speed_limit_down: int = 0
    """Of every single peer; 0: no limit."""
    peer_speed_limit_up: int = 0
    limit_local_peers: bool = True
    """Whether peers of the local network are under any limit."""
    bandwidth_groups: GroupLimits = field(default_factory=dict)

    @property
    def session_down(self) -> int | None:
        """What holds now for all downloads together; None: no limit."""
        if self.alt_speed_enabled:
            return self.alt_speed_down
        return self.speed_limit_down if self.speed_limit_down_enabled else None

    @property
    def session_up(self) -> int | None:
        """What holds now for all uploads together; None: no limit."""
        if self.alt_speed_enabled:
            return self.alt_speed_up
        return self.speed_limit_up if self.speed_limit_up_enabled else None


@dataclass(frozen=True, slots=True)
class TorrentLimits:
    """A torrent's own limits in kB/s, and what comes of all that it is under, in bytes/s."""

    download_limit: int
    download_limited: bool
    upload_limit: int
    upload_limited: bool
    honors_session_limits: bool
    down_in_force: int | None
    """The lowest of its own, its labels', its group's and the session's; None: no limit."""
    up_in_force: int | None
    group: str = ""
    """The bandwidth group that it is in; empty: none."""
    priority: int = 0
    """-1 low, 1 high: what its peers get of limits that they share with others."""
