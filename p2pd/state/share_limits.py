"""The share limits of a torrent as a column of the database has them."""

from __future__ import annotations

import json
from dataclasses import asdict, fields
from typing import Any

from p2pd.swarm.share_limits import ACTIONS, AS_OTHERS, MOST_RATIO, LimitMode, ShareLimits

_NAMES = {field.name for field in fields(ShareLimits)}


def limits_text(limits: ShareLimits | None) -> str | None:
    """As the column has it."""
    return None if limits is None else json.dumps(asdict(limits))


def limits_from_text(text: str | None) -> ShareLimits | None:
    """The limits in a column. Raises TypeError or ValueError."""
    if text is None:
        return None
    said: Any = json.loads(text)
    if not isinstance(said, dict) or said.keys() - _NAMES:
        raise ValueError("no share limits")
    limits = ShareLimits(**said)
    whole = [limits.seed_ratio_mode, limits.seed_idle_mode, limits.seed_time_mode]
    if not all(type(mode) is int and mode in {*LimitMode} for mode in whole):
        raise ValueError("no modes of share limits")
    times = [limits.seed_idle_limit, limits.seed_time_limit]
    if not all(type(minutes) is int and minutes >= 0 for minutes in times):
        raise ValueError("no minutes")
    if type(limits.seed_ratio_limit) is not float or not 0 <= limits.seed_ratio_limit <= MOST_RATIO:
        raise ValueError("no ratio")
    if limits.seed_limit_action not in (AS_OTHERS, *ACTIONS):
        raise ValueError("no action of share limits")
    return limits
