"""What session_get answers, and what session_set may change (Transmission's rpc-spec, 4.1)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from operator import attrgetter
from typing import Any

from p2pd.control.methods.share_params import MINUTES, RATIO
from p2pd.control.schema import (
    SPEED,
    Param,
    absolute_path,
    boolean,
    integer,
    json_object,
    list_of,
    one_of,
    path_or_none,
    text,
)
from p2pd.session.nodes.identity_modes import IDENTITY_MODES
from p2pd.session.settings.session_settings import FIND_DATA, SessionSettings
from p2pd.swarm.share_limits import ACTIONS
from p2pd.swarm.super_seeding import MODES

RPC_VERSION_SEMVER = "6.0.0"
RPC_VERSION = 18
RPC_VERSION_MINIMUM = 14
SPOKEN_VERSION = "4.1.0"
"""The Transmission whose vocabulary this is: clients read the digits and adapt to them."""

UNITS: Mapping[str, Any] = {
    "speed_units": ["B/s", "kB/s", "MB/s", "GB/s", "TB/s"],
    "speed_bytes": 1000,
    "size_units": ["B", "kB", "MB", "GB", "TB"],
    "size_bytes": 1000,
    "memory_units": ["B", "KiB", "MiB", "GiB", "TiB"],
    "memory_bytes": 1024,
}


@dataclass(frozen=True, slots=True)
class SessionFacts:
    """What stays the same as long as the daemon runs."""

    version: str
    session_id: str


# The rules of labels and trackers have methods of their own.
SETTING_GETTERS: Mapping[str, Callable[[SessionSettings], Any]] = {
    each.name: attrgetter(each.name)
    for each in fields(SessionSettings)
    if each.name not in ("fixed", "label_rules", "private_folder", "tracker_rules")
}

FACT_GETTERS: Mapping[str, Callable[[SessionFacts], Any]] = {
    "rpc_version": lambda facts: RPC_VERSION,
    "rpc_version_minimum": lambda facts: RPC_VERSION_MINIMUM,
    "rpc_version_semver": lambda facts: RPC_VERSION_SEMVER,
    "session_id": lambda facts: facts.session_id,
    "units": lambda facts: dict(UNITS),
    "version": lambda facts: f"{SPOKEN_VERSION} (p2pd {facts.version})",
}

FREE_SPACE_FIELD = "download_dir_free_space"
NOTICE_FIELD = "state_notice"
BLOCKLIST_FIELDS = ("blocklist_size", "blocklist_status")

SESSION_FIELDS = (
    *FACT_GETTERS, *SETTING_GETTERS, *BLOCKLIST_FIELDS, FREE_SPACE_FIELD, NOTICE_FIELD
)  # fmt: skip
_DAY_MINUTE = integer(0, 24 * 60)
_QUEUE = integer(0, 1_000_000)

SETTABLE = (
    Param("alt_speed_down", SPEED, None),
    Param("alt_speed_enabled", boolean, None),
    Param("alt_speed_time_begin", _DAY_MINUTE, None),
    Param("alt_speed_time_day", integer(0, 127), None),
    Param("alt_speed_time_enabled", boolean, None),
    Param("alt_speed_time_end", _DAY_MINUTE, None),
    Param("alt_speed_up", SPEED, None),
    Param("blocklist_enabled", boolean, None),
    Param("blocklist_url", text(4096), None),
    Param("dht_enabled", boolean, None),
    Param("download_dir", absolute_path, None),
    Param("download_queue_enabled", boolean, None),
    Param("download_queue_size", _QUEUE, None),
    Param("host_catcher_enabled", boolean, None),
    Param("idle_seeding_limit", MINUTES, None),
    Param("idle_seeding_limit_enabled", boolean, None),
    Param("encryption", one_of("off", "allowed", "preferred", "required"), None),
    Param("find_data", one_of(*FIND_DATA), None),
    Param("incomplete_dir", path_or_none, None),
    Param("incomplete_dir_enabled", boolean, None),
    Param("default_trackers", text(64 * 1024), None),
    Param("limit_local_peers", boolean, None),
    Param("paused_magnets_fetch", boolean, None),
    Param("lpd_enabled", boolean, None),
    Param("peer_identity", one_of(*IDENTITY_MODES), None),
    Param("peer_limit_global", integer(0, 65535), None),
    Param("peer_limit_per_host", integer(0, 65535), None),
    Param("peer_limit_per_torrent", integer(0, 65535), None),
    Param("peer_speed_limit_down", SPEED, None),
    Param("peer_speed_limit_up", SPEED, None),
    Param("pex_enabled", boolean, None),
    Param("port_forwarding_enabled", boolean, None),
    Param("queue_stalled_enabled", boolean, None),
    Param("queue_stalled_minutes", integer(1, 1_000_000), None),
    Param("rename_partial_files", boolean, None),
    Param("script_torrent_added_enabled", boolean, None),
    Param("script_torrent_added_filename", text(4096), None),
    Param("script_torrent_done_enabled", boolean, None),
    Param("script_torrent_done_filename", text(4096), None),
    Param("script_torrent_done_seeding_enabled", boolean, None),
    Param("script_torrent_done_seeding_filename", text(4096), None),
    Param("seed_choking", text(), None),
    Param("seed_queue_enabled", boolean, None),
    Param("seed_queue_size", _QUEUE, None),
    Param("seed_limit_action", one_of(*ACTIONS), None),
    Param("seed_ratio_limit", RATIO, None),
    Param("seed_ratio_limited", boolean, None),
    Param("seed_time_limit", MINUTES, None),
    Param("seed_time_limited", boolean, None),
    Param("sequential_download", boolean, None),
    Param("speed_limit_down", SPEED, None),
    Param("speed_limit_down_enabled", boolean, None),
    Param("speed_limit_up", SPEED, None),
    Param("speed_limit_up_enabled", boolean, None),
    Param("start_added_torrents", boolean, None),
    Param("super_seeding", one_of(*MODES), None),
    Param("upload_slots", integer(0, 1000), None),
    Param("upload_slots_global", integer(0, 65535), None),
    Param("watch_folders", list_of(json_object, 50), None),
    Param("web_seed_connections", integer(1, 50), None),
    Param("web_seeds_enabled", boolean, None),
)
