"""Share limits in qBittorrent's way: a number for a limit, -1 for none, -2 for what others say.

Times are minutes on both sides.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from p2pd.control.qbittorrent.call import Call
from p2pd.control.qbittorrent.refusals import wrong
from p2pd.session.settings.session_settings import SessionSettings
from p2pd.swarm.share_limits import (
    MOST_MINUTES,
    MOST_RATIO,
    REMOVE,
    REMOVE_WITH_DATA,
    STOP,
    SUPER_SEED,
    LimitMode,
)

AS_OTHERS, UNLIMITED = -2, -1

PARAMETERS: Mapping[str, tuple[str, float]] = {
    "ratioLimit": ("seed_ratio", MOST_RATIO),
    "seedingTimeLimit": ("seed_time", MOST_MINUTES),
    "inactiveSeedingTimeLimit": ("seed_idle", MOST_MINUTES),
}
"""By parameter of theirs how our names begin, and the most that can be asked for."""

ACTIONS = (STOP, REMOVE, SUPER_SEED, REMOVE_WITH_DATA)
"""By qBittorrent's number what becomes of a torrent."""


def asked_limits(call: Call) -> dict[str, Any]:
    """What a call says of torrents' limits, by our names; empty if nothing. Raises ApiError."""
    found: dict[str, Any] = {}
    for parameter, (name, most) in PARAMETERS.items():
        if call.text(parameter, "").strip():
            found |= _limit(name, call.number(parameter), most)
    return found


def _limit(name: str, given: float, most: float) -> dict[str, Any]:
    if given == AS_OTHERS:
        return {f"{name}_mode": int(LimitMode.AS_OTHERS)}
    if given < 0:
        return {f"{name}_mode": int(LimitMode.UNLIMITED)}
    if given > most:
        raise wrong(f"a limit is at most {most:.0f}")
    limit = given if name == "seed_ratio" else int(given)
    return {f"{name}_mode": int(LimitMode.OWN), f"{name}_limit": limit}


def shown(mode: int, limit: float) -> float:
    """A torrent's own limit."""
    if mode == LimitMode.OWN:
        return limit
    return AS_OTHERS if mode == LimitMode.AS_OTHERS else UNLIMITED


def minutes(seconds: float | None) -> int:
    """A time that is in force."""
    return UNLIMITED if seconds is None else int(seconds // 60)


def action_number(settings: SessionSettings) -> int:
    """What the session does with a torrent that gave enough."""
    return ACTIONS.index(settings.seed_limit_action)


def action_changes(value: Any, settings: SessionSettings) -> dict[str, Any]:
    """The same to be changed. Raises ApiError."""
    if type(value) is not int or not 0 <= value < len(ACTIONS):
        raise wrong("max_ratio_act is a number from 0 to 3")
    return {"seed_limit_action": ACTIONS[value]}
