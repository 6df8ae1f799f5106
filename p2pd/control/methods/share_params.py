"""The params that say how much a torrent is to give (Transmission's rpc-spec, 3.2).

`seed_time_limit`, `seed_time_mode` and `seed_limit_action` are p2pd's own.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from p2pd.control.schema import Param, integer, number, one_of
from p2pd.swarm.share_limits import ACTIONS, AS_OTHERS, MOST_MINUTES, MOST_RATIO, LimitMode

RATIO = number(0, MOST_RATIO)
MINUTES = integer(0, MOST_MINUTES)
_MODE = integer(min(LimitMode), max(LimitMode))

SHARE_PARAMS = (
    Param("seed_idle_limit", MINUTES, None),
    Param("seed_idle_mode", _MODE, None),
    Param("seed_limit_action", one_of(AS_OTHERS, *ACTIONS), None),
    Param("seed_ratio_limit", RATIO, None),
    Param("seed_ratio_mode", _MODE, None),
    Param("seed_time_limit", MINUTES, None),
    Param("seed_time_mode", _MODE, None),
)


def share_changes(given: Mapping[str, Any]) -> dict[str, Any]:
    """Of params that were checked those that are here, as attributes of ShareLimits."""
    names = [param.name for param in SHARE_PARAMS]
    return {name: given[name] for name in names if given[name] is not None}
