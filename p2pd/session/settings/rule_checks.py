"""What labels and trackers can be told, checked: a rule is an object, all in it is optional."""

from __future__ import annotations

import os
import re
from typing import Any, Callable, Mapping

from p2pd.base.errors import P2pdError
from p2pd.swarm.share_limits import (
    ACTIONS,
    AS_OTHERS,
    MOST_MINUTES,
    MOST_RATIO,
    LimitMode,
)

MOST_RULES = 1000
LONGEST_LABEL = 255
MOST_SPEED = 2**31 - 1
"""kB/s."""

Check = Callable[[Any], Any]

_HOST = re.compile(r"[a-z0-9_.:-]{1,253}\Z")


def folder(value: Any) -> str:
    """An absolute path."""
    if not isinstance(value, str) or not os.path.isabs(value) or "\0" in value:
        raise P2pdError(f"not an absolute path: {str(value)[:100]!r}")
    if len(value) > 4096:
        raise P2pdError("a path of more than 4096 letters")
    return os.path.normpath(value)


def flag(value: Any) -> bool:
    """True or false."""
    if not isinstance(value, bool):
        raise P2pdError(f"not true or false: {str(value)[:100]!r}")
    return value


def count(low: int, high: int) -> Callable[[Any], int]:
    """A whole number within bounds."""

    def check(value: Any) -> int:
        if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
            raise P2pdError(f"not a whole number from {low} to {high}: {str(value)[:100]!r}")
        return value

    return check


def one_of(*choices: str) -> Callable[[Any], str]:
    """One of a few words."""

    def check(value: Any) -> str:
        if not isinstance(value, str) or value not in choices:
            raise P2pdError(f"not one of {', '.join(choices)}: {str(value)[:100]!r}")
        return value

    return check


def ratio(value: Any) -> float:
    """How often a torrent is to be given."""
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise P2pdError(f"not a number: {str(value)[:100]!r}")
    if not 0 <= value <= MOST_RATIO:
        raise P2pdError(f"not a number from 0 to {MOST_RATIO:.0f}: {value!r}")
    return float(value)


def label(value: Any) -> str:
    """A label: clients join them with commas."""
    name = value.strip() if isinstance(value, str) else ""
    if not name or "," in name or "\0" in name or len(name) > LONGEST_LABEL:
        raise P2pdError(f"not a label: {str(value)[:60]!r}")
    try:
        name.encode()
    except UnicodeEncodeError:
        raise P2pdError(f"not a label: {name[:60]!r}") from None
    return name


def host(value: Any) -> str:
    """The name or address of a tracker's host, as it is compared."""
    name = value.strip().strip("[]").rstrip(".").lower() if isinstance(value, str) else ""
    if not name.isascii():
        try:
            name = name.encode("idna").decode()
        except UnicodeError:
            name = ""
    if not _HOST.match(name):
        raise P2pdError(f"not the name of a host: {str(value)[:60]!r}")
    return name


MINUTES = count(0, MOST_MINUTES)
SPEED = count(0, MOST_SPEED)
ACTION = one_of(*ACTIONS)
_MODE = count(0, max(LimitMode))

SHARE_LIMITS: Mapping[str, Check] = {
    "seed_ratio_mode": _MODE,
    "seed_ratio_limit": ratio,
    "seed_idle_mode": _MODE,
    "seed_idle_limit": MINUTES,
    "seed_time_mode": _MODE,
    "seed_time_limit": MINUTES,
    "seed_limit_action": one_of(AS_OTHERS, *ACTIONS),
}

_OF_BOTH: Mapping[str, Check] = {
    "download_dir": folder,
    "speed_limit_down": SPEED,
    "speed_limit_up": SPEED,
    **SHARE_LIMITS,
}
OF_LABELS: Mapping[str, Check] = {**_OF_BOTH, "move_torrents": flag}
OF_TRACKERS: Mapping[str, Check] = {**_OF_BOTH, "label": label}


def label_rules(value: Any) -> dict[str, dict[str, Any]]:
    """The rules of labels. Raises P2pdError."""
    return _rules(value, label, OF_LABELS)


def tracker_rules(value: Any) -> dict[str, dict[str, Any]]:
    """The rules of trackers, by host. Raises P2pdError."""
    return _rules(value, host, OF_TRACKERS)


def _rules(
    value: Any, name_of: Callable[[Any], str], checks: Mapping[str, Check]
) -> dict[str, dict[str, Any]]:
    if not isinstance(value, dict) or len(value) > MOST_RULES:
        raise P2pdError(f"not an object with at most {MOST_RULES} members")
    return {name_of(name): checked_rule(name, rule, checks) for name, rule in value.items()}


def checked_rule(name: str, rule: Any, checks: Mapping[str, Check]) -> dict[str, Any]:
    """One rule; what is null in it is not there. Raises P2pdError."""
    if not isinstance(rule, dict):
        raise P2pdError(f"what is said of {name[:60]!r} is not an object")
    checked = {}
    for key, value in rule.items():
        check = checks.get(key)
        if check is None:
            raise P2pdError(f"nothing to say of {name[:60]!r}: {str(key)[:60]!r}")
        try:
            if value is not None:
                checked[key] = check(value)
        except P2pdError as problem:
            raise P2pdError(f"{name[:60]}: {key}: {problem}") from None
    return checked
