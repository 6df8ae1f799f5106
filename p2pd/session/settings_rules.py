"""What the settings that clients may change can be set to."""

from __future__ import annotations

import os
from typing import Any, Callable, Mapping

from p2pd.base.errors import P2pdError
from p2pd.formats.urls import tracker_url
from p2pd.session.bandwidth_groups import checked_groups
from p2pd.session.watch_settings import checked_watch_folders
from p2pd.swarm.bandwidth.alternative_speeds import ALL_DAYS
from p2pd.swarm.choking.seeding_modes import SEEDING_MODES
from p2pd.swarm.super_seeding import MODES

LONGEST_SOURCE = 4096
LONGEST_TRACKERS = 64 * 1024
MOST_SPEED = 2**31 - 1
"""kB/s."""


def _folder(value: Any) -> str:
    if not isinstance(value, str) or not os.path.isabs(value) or "\0" in value:
        raise P2pdError(f"not an absolute path: {value!r}")
    return os.path.normpath(value)


def _folder_or_none(value: Any) -> str:
    return "" if value == "" else _folder(value)


def _program(value: Any) -> str:
    if not isinstance(value, str) or len(value) > LONGEST_SOURCE or "\0" in value:
        raise P2pdError("not the path of a program")
    if value and not os.path.isabs(value):
        raise P2pdError(f"not an absolute path: {value[:100]!r}")
    return value


def _flag(value: Any) -> bool:
    if not isinstance(value, bool):
        raise P2pdError(f"not true or false: {value!r}")
    return value


def _seeding_mode(value: Any) -> str:
    if not isinstance(value, str) or value not in SEEDING_MODES:
        raise P2pdError(f"not one of {', '.join(SEEDING_MODES)}: {value!r}")
    return value


def _super_seeding(value: Any) -> str:
    if not isinstance(value, str) or value not in MODES:
        raise P2pdError(f"not one of {', '.join(MODES)}: {value!r}")
    return value


def _count(low: int, high: int) -> Callable[[Any], int]:
    def check(value: Any) -> int:
        if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
            raise P2pdError(f"not a whole number from {low} to {high}: {value!r}")
        return value

    return check


def _list_source(value: Any) -> str:
    if not isinstance(value, str) or len(value) > LONGEST_SOURCE or not value.isprintable():
        raise P2pdError(f"not a URL or path of at most {LONGEST_SOURCE} letters")
    source = value.strip()
    if source and not source.startswith(("/", "http://", "https://")):
        raise P2pdError(f"neither an http or https URL nor an absolute path: {source[:100]!r}")
    return source


def _trackers(value: Any) -> str:
    if not isinstance(value, str) or len(value) > LONGEST_TRACKERS:
        raise P2pdError(f"not announce URLs, a line each, of at most {LONGEST_TRACKERS} letters")
    lines = [line.strip() for line in value.splitlines()]
    wrong = next((line for line in lines if line and tracker_url(line) is None), None)
    if wrong is not None:
        raise P2pdError(f"not an announce URL: {wrong[:100]!r}")
    return "\n".join(lines).strip("\n")


def _label_limits(value: Any) -> dict[str, dict[str, int | None]]:
    if not isinstance(value, dict) or len(value) > 1000:
        raise P2pdError("not an object with at most 1000 labels")
    checked: dict[str, dict[str, int | None]] = {}
    for label, limits in value.items():
        if not label.strip() or "," in label or len(label) > 255:
            raise P2pdError(f"not a label: {label[:60]!r}")
        if not isinstance(limits, dict) or set(limits) - {"speed_limit_down", "speed_limit_up"}:
            raise P2pdError(f"the limits of {label!r} are not speed_limit_down and speed_limit_up")
        checked[label.strip()] = {
            name: None if limit is None else _SPEED(limit) for name, limit in limits.items()
        }
    return checked


_SPEED = _count(0, MOST_SPEED)


def _groups(value: Any) -> Any:
    return checked_groups(value, _flag, _SPEED)


_MINUTE = _count(0, 24 * 60)

RULES: Mapping[str, Callable[[Any], Any]] = {
    "download_dir": _folder,
    "incomplete_dir": _folder_or_none,
    "incomplete_dir_enabled": _flag,
    "rename_partial_files": _flag,
    "peer_limit_global": _count(1, 65_535),
    "peer_limit_per_torrent": _count(1, 65_535),
    "peer_limit_per_host": _count(0, 65_535),
    "start_added_torrents": _flag,
    "sequential_download": _flag,
    "default_trackers": _trackers,
    "super_seeding": _super_seeding,
    "upload_slots": _count(0, 1_000),
    "upload_slots_global": _count(0, 65_535),
    "seed_choking": _seeding_mode,
    "speed_limit_down": _SPEED,
    "speed_limit_down_enabled": _flag,
    "speed_limit_up": _SPEED,
    "speed_limit_up_enabled": _flag,
    "alt_speed_down": _SPEED,
    "alt_speed_up": _SPEED,
    "alt_speed_enabled": _flag,
    "alt_speed_time_enabled": _flag,
    "alt_speed_time_begin": _MINUTE,
    "alt_speed_time_end": _MINUTE,
    "alt_speed_time_day": _count(0, ALL_DAYS),
    "peer_speed_limit_down": _SPEED,
    "peer_speed_limit_up": _SPEED,
    "limit_local_peers": _flag,
    "label_limits": _label_limits,
    "bandwidth_groups": _groups,
    "download_queue_enabled": _flag,
    "download_queue_size": _count(0, 1_000_000),
    "seed_queue_enabled": _flag,
    "seed_queue_size": _count(0, 1_000_000),
    "queue_stalled_enabled": _flag,
    "queue_stalled_minutes": _count(1, 1_000_000),
    "script_torrent_added_enabled": _flag,
    "script_torrent_added_filename": _program,
    "script_torrent_done_enabled": _flag,
    "script_torrent_done_filename": _program,
    "script_torrent_done_seeding_enabled": _flag,
    "script_torrent_done_seeding_filename": _program,
    "blocklist_enabled": _flag,
    "blocklist_url": _list_source,
    "watch_folders": checked_watch_folders,
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
