"""The settings of how much complete torrents give, and the rules of labels and trackers."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Mapping

from p2pd.session.settings.speed_settings import SpeedSettings
from p2pd.swarm.share_limits import STOP

Rules = Mapping[str, Mapping[str, Any]]
"""By label or by tracker's host what it says; a thing that it does not say is not there."""


@dataclass(slots=True, kw_only=True)
class SharingSettings(SpeedSettings):
    """Each limit counts when its switch is set; times are minutes."""

    seed_ratio_limit: float = 2.0
    seed_ratio_limited: bool = False
    idle_seeding_limit: int = 30
    idle_seeding_limit_enabled: bool = False
    seed_time_limit: int = 1440
    seed_time_limited: bool = False
    seed_limit_action: str = STOP
    """What becomes of a torrent that reached one: one of swarm.share_limits.ACTIONS."""
    label_rules: Rules = field(default_factory=dict)
    tracker_rules: Rules = field(default_factory=dict)
