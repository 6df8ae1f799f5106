"""What the settings that clients may change can be set to."""

from __future__ import annotations

import os
from typing import Any, Callable, Mapping

from p2pd.base.errors import P2pdError
from p2pd.formats.urls import tracker_url
from p2pd.protocols.mse.policy import EncryptionPolicy
from p2pd.session.nodes.identity_modes import IDENTITY_MODES
from p2pd.session.settings.bandwidth_groups import checked_groups
from p2pd.session.settings.rule_checks import (
    ACTION,
    MINUTES,
    SPEED,
    count,
    flag,
    folder,
    label_rules,
    one_of,
    ratio,
    tracker_rules,
)
from p2pd.session.settings.session_settings import FIND_DATA
from p2pd.session.settings.watch_settings import checked_watch_folders
from p2pd.swarm.bandwidth.alternative_speeds import ALL_DAYS
from p2pd.swarm.choking.seeding_modes import SEEDING_MODES
from p2pd.swarm.super_seeding import MODES

LONGEST_SOURCE = 4096
LONGEST_TRACKERS = 64 * 1024


def _folder_or_none(value: Any) -> str:
    return "" if value == "" else folder(value)


def _program(value: Any) -> str:
    if not isinstance(value, str) or len(value) > LONGEST_SOURCE or "\0" in value:
        raise P2pdError("not the path of a program")
    if value and not os.path.isabs(value):
        raise P2pdError(f"not an absolute path: {value[:100]!r}")
    return value


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


def _groups(value: Any) -> Any:
    return checked_groups(value, flag, SPEED)


_MINUTE_OF_DAY = count(0, 24 * 60)

FORMER_NAMES = {"label_limits": "label_rules"}
"""What settings were called in states and backups of earlier versions."""

RULES: Mapping[str, Callable[[Any], Any]] = {
    "download_dir": folder,
    "incomplete_dir": _folder_or_none,
    "incomplete_dir_enabled": flag,
    "rename_partial_files": flag,
    "peer_limit_global": count(1, 65_535),
    "peer_limit_per_torrent": count(1, 65_535),
    "peer_limit_per_host": count(0, 65_535),
    "start_added_torrents": flag,
    "host_catcher_enabled": flag,
    "paused_magnets_fetch": flag,
    "sequential_download": flag,
    "lpd_enabled": flag,
    "pex_enabled": flag,
    "default_trackers": _trackers,
    "super_seeding": one_of(*MODES),
    "upload_slots": count(0, 1_000),
    "upload_slots_global": count(0, 65_535),
    "seed_choking": one_of(*SEEDING_MODES),
    "speed_limit_down": SPEED,
    "speed_limit_down_enabled": flag,
    "speed_limit_up": SPEED,
    "speed_limit_up_enabled": flag,
    "alt_speed_down": SPEED,
    "alt_speed_up": SPEED,
    "alt_speed_enabled": flag,
    "alt_speed_time_enabled": flag,
    "alt_speed_time_begin": _MINUTE_OF_DAY,
    "alt_speed_time_end": _MINUTE_OF_DAY,
    "alt_speed_time_day": count(0, ALL_DAYS),
    "peer_speed_limit_down": SPEED,
    "peer_speed_limit_up": SPEED,
    "limit_local_peers": flag,
    "seed_ratio_limit": ratio,
    "seed_ratio_limited": flag,
    "idle_seeding_limit": MINUTES,
    "idle_seeding_limit_enabled": flag,
    "seed_time_limit": MINUTES,
    "seed_time_limited": flag,
    "seed_limit_action": ACTION,
    "label_rules": label_rules,
    "tracker_rules": tracker_rules,
    "bandwidth_groups": _groups,
    "download_queue_enabled": flag,
    "download_queue_size": count(0, 1_000_000),
    "seed_queue_enabled": flag,
    "seed_queue_size": count(0, 1_000_000),
    "queue_stalled_enabled": flag,
    "queue_stalled_minutes": count(1, 1_000_000),
    "script_torrent_added_enabled": flag,
    "script_torrent_added_filename": _program,
    "script_torrent_done_enabled": flag,
    "script_torrent_done_filename": _program,
    "script_torrent_done_seeding_enabled": flag,
    "script_torrent_done_seeding_filename": _program,
    "blocklist_enabled": flag,
    "blocklist_url": _list_source,
    "encryption": one_of(*(policy.value for policy in EncryptionPolicy)),
    "peer_identity": one_of(*IDENTITY_MODES),
    "dht_enabled": flag,
    "port_forwarding_enabled": flag,
    "find_data": one_of(*FIND_DATA),
    "web_seeds_enabled": flag,
    "web_seed_connections": count(1, 50),
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


def kept_settings(kept: Mapping[str, Any]) -> dict[str, Any]:
    """Settings that were kept, by their names of today; of two the one that has its name wins."""
    former = {FORMER_NAMES[name]: kept[name] for name in kept if name in FORMER_NAMES}
    return former | {name: kept[name] for name in kept if name not in FORMER_NAMES}
