"""Groups of torrents that share speed limits, by name: what one is, and what it can be set to."""

from __future__ import annotations

from typing import Any, Callable, Mapping

from p2pd.base.errors import P2pdError

GroupLimits = Mapping[str, Mapping[str, Any]]
"""By name what a group has, under the names of NEW_GROUP; speeds in kB/s."""

NEW_GROUP: Mapping[str, Any] = {
    "honors_session_limits": True,
    "speed_limit_down": 100,
    "speed_limit_down_enabled": False,
    "speed_limit_up": 100,
    "speed_limit_up_enabled": False,
}
"""One that nothing was set of."""

MOST_GROUPS = 1000
LONGEST_NAME = 255


def checked_groups(value: Any, flag: Callable[[Any], bool], speed: Callable[[Any], int]) -> Any:
    """All groups, each with everything that one has. Raises P2pdError."""
    if not isinstance(value, Mapping) or len(value) > MOST_GROUPS:
        raise P2pdError(f"not an object with at most {MOST_GROUPS} groups")
    checked: dict[str, dict[str, Any]] = {}
    for name, given in value.items():
        if not isinstance(name, str) or not name.strip() or len(name) > LONGEST_NAME:
            raise P2pdError(f"not the name of a group: {str(name)[:60]!r}")
        if not isinstance(given, Mapping) or given.keys() - NEW_GROUP.keys():
            raise P2pdError(f"the group {name[:60]!r} can have {', '.join(NEW_GROUP)}")
        checked[name] = {
            key: (flag if isinstance(usual, bool) else speed)(given.get(key, usual))
            for key, usual in NEW_GROUP.items()
        }
    return checked


def group_limit(groups: GroupLimits, name: str, direction: str) -> int | None:
    """What all torrents of a group may have together, `down` or `up`, in kB/s; None: no limit."""
    group = groups.get(name, NEW_GROUP)
    limit: int = group[f"speed_limit_{direction}"]
    return limit if group[f"speed_limit_{direction}_enabled"] else None


def honors_session(groups: GroupLimits, name: str) -> bool:
    """Whether the session's limits hold for the torrents of a group; `name` may be empty."""
    return not name or bool(groups.get(name, NEW_GROUP)["honors_session_limits"])
