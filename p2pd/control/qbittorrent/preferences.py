"""app/preferences and setPreferences: qBittorrent's names for the session's settings.

What p2pd does not have is shown as off, and cannot be switched on. What only its configuration
decides is shown, and may be sent back as it is.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from p2pd.control.qbittorrent.limits import MOST, kilobytes, shown
from p2pd.control.qbittorrent.refusals import conflict, wrong
from p2pd.control.qbittorrent.share_limits import action_changes, action_number
from p2pd.session.settings.session_settings import SessionSettings

Changes = dict[str, Any]

DAYS = (127, 62, 65, 2, 4, 8, 16, 32, 64, 1)
"""By qBittorrent's number what days the session has: every day, weekdays, weekends, Monday …"""

ENCRYPTION = {"off": 2, "allowed": 0, "preferred": 0, "required": 1}
"""Its numbers: encryption where it can be had, always, never."""


@dataclass(frozen=True, slots=True)
class Preference:
    """How one is read, and what it changes; without `change` it stays as it is."""

    get: Callable[[SessionSettings], Any]
    change: Callable[[Any, SessionSettings], Changes] | None = None


def _plain(name: str, kind: type) -> Preference:
    """A setting by another name."""

    def change(value: Any, settings: SessionSettings) -> Changes:
        return {name: checked(value, kind)}

    return Preference(lambda settings: getattr(settings, name), change)


def checked(value: Any, kind: type) -> Any:
    """The value, of that type. Raises ApiError."""
    if kind is float and type(value) is int:
        return float(value)
    if type(value) is not kind:
        raise wrong(f"a value is no {kind.__name__}: {str(value)[:40]!r}")
    return value


def _limit(name: str) -> Preference:
    """A speed limit of the session: bytes per second, 0 for none."""
    enabled = f"{name}_enabled"

    def get(settings: SessionSettings) -> int:
        return shown(getattr(settings, name) if getattr(settings, enabled) else None)

    def change(value: Any, settings: SessionSettings) -> Changes:
        return limit_changes(name, checked(value, int))

    return Preference(get, change)


def limit_changes(name: str, limit: int) -> Changes:
    """What a limit in bytes per second changes; 0 or less: none."""
    if limit <= 0:
        return {f"{name}_enabled": False}
    return {name: kilobytes(limit), f"{name}_enabled": True}


def _alternative(name: str) -> Preference:
    def change(value: Any, settings: SessionSettings) -> Changes:
        limit = checked(value, int)
        return {name: kilobytes(limit) if limit > 0 else MOST}

    return Preference(lambda settings: shown(getattr(settings, name)), change)


def _hour(name: str) -> Preference:
    def change(value: Any, settings: SessionSettings) -> Changes:
        hour, minute = checked(value, int), getattr(settings, name) % 60
        return {name: hour * 60 + minute}

    return Preference(lambda settings: getattr(settings, name) // 60 % 24, change)


def _minute(name: str) -> Preference:
    def change(value: Any, settings: SessionSettings) -> Changes:
        minute, hour = checked(value, int), getattr(settings, name) // 60
        return {name: hour * 60 + minute}

    return Preference(lambda settings: getattr(settings, name) % 60, change)


def _days(settings: SessionSettings) -> int:
    day = settings.alt_speed_time_day
    return DAYS.index(day) if day in DAYS else 0


def _set_days(value: Any, settings: SessionSettings) -> Changes:
    number = checked(value, int)
    if not 0 <= number < len(DAYS):
        raise wrong("scheduler_days is a number from 0 to 9")
    return {"alt_speed_time_day": DAYS[number]}


def _start_paused(value: Any, settings: SessionSettings) -> Changes:
    return {"start_added_torrents": not checked(value, bool)}


def _slots(name: str) -> Preference:
    """So many uploads; -1 for no limit, which the session has as 0."""

    def change(value: Any, settings: SessionSettings) -> Changes:
        return {name: max(0, checked(value, int))}

    return Preference(lambda settings: getattr(settings, name) or -1, change)


def _fact(name: str, missing: Any) -> Preference:
    """What only the configuration decides."""
    return Preference(lambda settings: settings.fixed.get(name, missing))


def _always(value: Any) -> Preference:
    """What p2pd does not have, or always does."""
    return Preference(lambda settings: value)


def _share(limit: str, enabled: str, kind: type) -> Preference:
    """How much torrents are to give; -1: no limit."""

    def change(value: Any, settings: SessionSettings) -> Changes:
        wanted = checked(value, kind)
        return {enabled: False} if wanted < 0 else {limit: wanted}

    return Preference(
        lambda settings: getattr(settings, limit) if getattr(settings, enabled) else -1, change
    )


def is_queueing(settings: SessionSettings) -> bool:
    """Whether torrents wait for their turn, be it to download or to seed."""
    return settings.download_queue_enabled or settings.seed_queue_enabled


def _set_queueing(value: Any, settings: SessionSettings) -> Changes:
    wanted = checked(value, bool)
    return {"download_queue_enabled": wanted, "seed_queue_enabled": wanted}


def _set_encryption(value: Any, settings: SessionSettings) -> Changes:
    number = checked(value, int)
    if number == ENCRYPTION[settings.encryption]:
        return {}  # for two of our ways it has one number
    if number not in (0, 1, 2):
        raise wrong("encryption is 0, 1 or 2")
    return {"encryption": ("preferred", "required", "off")[number]}


def _queue(kind: str) -> Preference:
    """How many torrents of a kind have their turn; -1: all."""
    size, enabled = f"{kind}_queue_size", f"{kind}_queue_enabled"

    def get(settings: SessionSettings) -> int:
        counts = getattr(settings, enabled) or not is_queueing(settings)
        return int(getattr(settings, size)) if counts else -1

    def change(value: Any, settings: SessionSettings) -> Changes:
        wanted = checked(value, int)
        return {enabled: False} if wanted < 0 else {size: wanted}

    return Preference(get, change)


PREFERENCES: Mapping[str, Preference] = {
    "add_trackers_enabled": _always(False),
    "alt_dl_limit": _alternative("alt_speed_down"),
    "alt_up_limit": _alternative("alt_speed_up"),
    "anonymous_mode": _always(False),
    "auto_delete_mode": _always(0),
    "auto_tmm_enabled": _always(False),
    "bittorrent_protocol": _always(1),
    "category_changed_tmm_enabled": _always(False),
    "current_network_interface": _fact("peer_interface", ""),
    "dht": _plain("dht_enabled", bool),
    "dont_count_slow_torrents": _plain("queue_stalled_enabled", bool),
    "dl_limit": _limit("speed_limit_down"),
    "encryption": Preference(lambda settings: ENCRYPTION[settings.encryption], _set_encryption),
    "ip_filter_enabled": _plain("blocklist_enabled", bool),
    "ip_filter_path": _plain("blocklist_url", str),
    "ip_filter_trackers": _always(False),
    "limit_lan_peers": _plain("limit_local_peers", bool),
    "limit_tcp_overhead": _always(False),
    "limit_utp_rate": _always(True),
    "listen_port": _fact("peer_port", 0),
    "lsd": _plain("lpd_enabled", bool),
    "max_active_downloads": _queue("download"),
    "max_active_torrents": _always(-1),
    "max_active_uploads": _queue("seed"),
    "max_connec": _plain("peer_limit_global", int),
    "max_connec_per_torrent": _plain("peer_limit_per_torrent", int),
    "max_inactive_seeding_time": _share("idle_seeding_limit", "idle_seeding_limit_enabled", int),
    "max_inactive_seeding_time_enabled": _plain("idle_seeding_limit_enabled", bool),
    "max_ratio": _share("seed_ratio_limit", "seed_ratio_limited", float),
    "max_ratio_act": Preference(action_number, action_changes),
    "max_ratio_enabled": _plain("seed_ratio_limited", bool),
    "max_seeding_time": _share("seed_time_limit", "seed_time_limited", int),
    "max_seeding_time_enabled": _plain("seed_time_limited", bool),
    "max_uploads": _slots("upload_slots_global"),
    "max_uploads_per_torrent": _slots("upload_slots"),
    "pex": _plain("pex_enabled", bool),
    "queueing_enabled": Preference(is_queueing, _set_queueing),
    "random_port": Preference(lambda settings: not settings.fixed.get("peer_port", 0)),
    "rss_auto_downloading_enabled": _always(False),
    "rss_processing_enabled": _always(False),
    "save_path": _plain("download_dir", str),
    "save_path_changed_tmm_enabled": _always(False),
    "schedule_from_hour": _hour("alt_speed_time_begin"),
    "schedule_from_min": _minute("alt_speed_time_begin"),
    "schedule_to_hour": _hour("alt_speed_time_end"),
    "schedule_to_min": _minute("alt_speed_time_end"),
    "scheduler_days": Preference(_days, _set_days),
    "scheduler_enabled": _plain("alt_speed_time_enabled", bool),
    "start_paused_enabled": Preference(lambda s: not s.start_added_torrents, _start_paused),
    "temp_path": _plain("incomplete_dir", str),
    "temp_path_enabled": _plain("incomplete_dir_enabled", bool),
    "torrent_changed_tmm_enabled": _always(False),
    "torrent_content_layout": _always("Original"),
    "torrent_stop_condition": _always("None"),
    "up_limit": _limit("speed_limit_up"),
    "upnp": _plain("port_forwarding_enabled", bool),
    "use_category_paths_in_manual_mode": _always(True),
}


def preferences(settings: SessionSettings) -> dict[str, Any]:
    """All of them."""
    return {name: preference.get(settings) for name, preference in PREFERENCES.items()}


def preference_changes(given: Mapping[str, Any], settings: SessionSettings) -> Changes:
    """The settings that are to change. Raises ApiError for a preference that cannot be had.

    Clients send whole forms: what stays as it is may be among them, and so may names that mean
    nothing here, which qBittorrent leaves out as well.
    """
    changes: Changes = {}
    for name, value in sorted(given.items(), key=lambda item: item[0] != "queueing_enabled"):
        preference = PREFERENCES.get(name)
        if preference is None or value == preference.get(settings):
            continue
        if preference.change is None:
            raise conflict(f"{name} cannot be changed")
        for setting, wanted in preference.change(value, replace(settings, **changes)).items():
            changes[setting] = wanted
    return changes
