"""What the settings that clients may change can be set to."""

from __future__ import annotations

import os
from typing import Any, Callable, Mapping

from p2pd.base.errors import P2pdError


def _folder(value: Any) -> str:
    if not isinstance(value, str) or not os.path.isabs(value) or "\0" in value:
        raise P2pdError(f"not an absolute path: {value!r}")
    return os.path.normpath(value)


def _flag(value: Any) -> bool:
    if not isinstance(value, bool):
        raise P2pdError(f"not true or false: {value!r}")
    return value


def _count(low: int, high: int) -> Callable[[Any], int]:
    def check(value: Any) -> int:
        if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
            raise P2pdError(f"not a whole number from {low} to {high}: {value!r}")
        return value

    return check


RULES: Mapping[str, Callable[[Any], Any]] = {
    "download_dir": _folder,
    "peer_limit_global": _count(1, 65_535),
    "peer_limit_per_torrent": _count(1, 65_535),
    "start_added_torrents": _flag,
    "sequential_download": _flag,
    "upload_slots": _count(1, 1_000),
}


def checked_settings(changes: Mapping[str, Any]) -> dict[str, Any]:
    """The changes, each checked. Raises P2pdError naming the setting that is wrong."""
    checked = {}
    for name, value in changes.items():
        rule = RULES.get(name)
        if rule is None:
            raise P2pdError(f"there is no setting {name!r} that can be changed")
        try:
            checked[name] = rule(value)
        except P2pdError as problem:
            raise P2pdError(f"{name}: {problem}") from None
    return checked
