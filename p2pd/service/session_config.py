"""The session in the configuration: its settings, and bounds that clients cannot change."""

from __future__ import annotations

import os
from dataclasses import fields
from typing import Any, Mapping

from p2pd.base.errors import ConfigError, P2pdError
from p2pd.service.automation_sections import AutomationSection, SeedingSection, WatchSection
from p2pd.service.config import BandwidthSection, Config, QueueSection
from p2pd.service.descriptors import DescriptorShares, share
from p2pd.session.peers.peer_upload import REQUEST_QUEUE
from p2pd.session.session_parts import SessionLimits
from p2pd.session.settings.session_settings import SessionSettings
from p2pd.session.settings.watch_settings import checked_watch_folders


def _script(event: str) -> tuple[str, str]:
    """The settings of one of Transmission's scripts."""
    return f"script_torrent_{event}_filename", f"script_torrent_{event}_enabled"


SETTINGS: Mapping[tuple[str, str], tuple[str, ...]] = {
    ("storage", "download_dir"): ("download_dir",),
    ("storage", "incomplete_dir"): ("incomplete_dir",),
    ("storage", "incomplete_dir_enabled"): ("incomplete_dir_enabled",),
    ("storage", "rename_partial_files"): ("rename_partial_files",),
    ("peers", "max_connections"): ("peer_limit_global",),
    ("peers", "max_connections_per_torrent"): ("peer_limit_per_torrent",),
    ("peers", "max_connections_per_host"): ("peer_limit_per_host",),
    ("peers", "upload_slots"): ("upload_slots",),
    ("peers", "upload_slots_global"): ("upload_slots_global",),
    ("peers", "seed_choking"): ("seed_choking",),
    ("peers", "super_seeding"): ("super_seeding",),
    ("web_seeds", "enabled"): ("web_seeds_enabled",),
    ("web_seeds", "connections"): ("web_seed_connections",),
    ("discovery", "lsd"): ("lpd_enabled",),
    ("discovery", "pex"): ("pex_enabled",),
    ("discovery", "host_catcher"): ("host_catcher_enabled",),
    ("reachability", "port_mapping"): ("port_forwarding_enabled",),
    ("blocklist", "enabled"): ("blocklist_enabled",),
    ("blocklist", "url"): ("blocklist_url",),
    ("peers", "encryption"): ("encryption",),
    ("peers", "identity"): ("peer_identity",),
    ("discovery", "dht"): ("dht_enabled",),
    ("storage", "find_data"): ("find_data",),
    **{("watch", each.name): ("watch_folders",) for each in fields(WatchSection)},
    ("automation", "script_torrent_added"): _script("added"),
    ("automation", "script_torrent_done"): _script("done"),
    ("automation", "script_torrent_done_seeding"): _script("done_seeding"),
    ("queue", "downloads"): ("download_queue_size", "download_queue_enabled"),
    ("queue", "seeds"): ("seed_queue_size", "seed_queue_enabled"),
    ("queue", "stalled_minutes"): ("queue_stalled_minutes", "queue_stalled_enabled"),
    ("seeding", "ratio"): ("seed_ratio_limit", "seed_ratio_limited"),
    ("seeding", "idle_minutes"): ("idle_seeding_limit", "idle_seeding_limit_enabled"),
    ("seeding", "minutes"): ("seed_time_limit", "seed_time_limited"),
    ("seeding", "then"): ("seed_limit_action",),
    ("bandwidth", "download"): ("speed_limit_down", "speed_limit_down_enabled"),
    ("bandwidth", "upload"): ("speed_limit_up", "speed_limit_up_enabled"),
    ("bandwidth", "peer_download"): ("peer_speed_limit_down",),
    ("bandwidth", "peer_upload"): ("peer_speed_limit_up",),
    ("bandwidth", "limit_local_peers"): ("limit_local_peers",),
}
"""Keys of the configuration, and the settings they are until a client sets them."""


def settings_of(config: Config, download_dir: str, state_dir: str = "") -> SessionSettings:
    """The settings before clients change any; `state_dir` is for them to know."""
    return SessionSettings(
        download_dir=download_dir,
        private_folder=state_dir,
        incomplete_dir=config.storage.incomplete_dir,
        incomplete_dir_enabled=config.storage.incomplete_dir_enabled,
        rename_partial_files=config.storage.rename_partial_files,
        peer_limit_global=config.peers.max_connections,
        peer_limit_per_torrent=config.peers.max_connections_per_torrent,
        peer_limit_per_host=config.peers.max_connections_per_host,
        upload_slots=config.peers.upload_slots,
        upload_slots_global=config.peers.upload_slots_global,
        seed_choking=config.peers.seed_choking,
        super_seeding=config.peers.super_seeding,
        blocklist_enabled=config.blocklist.enabled,
        blocklist_url=config.blocklist.url,
        encryption=config.peers.encryption,
        web_seeds_enabled=config.web_seeds.enabled,
        web_seed_connections=config.web_seeds.connections,
        peer_identity=config.peers.identity,
        find_data=config.storage.find_data,
        watch_folders=_watch_folders(config.watch),
        **_discovery(config),
        **_speeds(config.bandwidth),
        **_queues(config.queue),
        **_share_limits(config.seeding),
        **_scripts(config.automation),
        fixed=_fixed(config, download_dir, state_dir),
    )


def _fixed(config: Config, download_dir: str, state_dir: str) -> dict[str, Any]:
    """What only the configuration decides, or nobody, for clients to know."""
    return {
        "anti_brute_force_enabled": True,
        "cache_size_mib": config.storage.cache_mib,
        "config_dir": state_dir,
        "peer_port_random_on_start": config.peers.port == 0,
        "preferred_transports": ["tcp"],
        "reqq": REQUEST_QUEUE,
        "tcp_enabled": True,
        "trash_original_torrent_files": False,
        "utp_enabled": False,
        "content_folders": content_folders(config, download_dir),
        "allow_commands_over_rpc": config.automation.allow_commands_over_rpc,
        "peer_port": config.peers.port,
        "peer_interface": config.peers.interface,
        "peer_interface_addresses": [],
    }


def _discovery(config: Config) -> dict[str, Any]:
    return {
        "dht_enabled": config.discovery.dht,
        "host_catcher_enabled": config.discovery.host_catcher,
        "lpd_enabled": config.discovery.lsd,
        "pex_enabled": config.discovery.pex,
        "port_forwarding_enabled": config.reachability.port_mapping,
    }


def _scripts(automation: AutomationSection) -> dict[str, Any]:
    paths = {
        "added": automation.script_torrent_added,
        "done": automation.script_torrent_done,
        "done_seeding": automation.script_torrent_done_seeding,
    }
    found: dict[str, Any] = {}
    for event, path in paths.items():
        filename, enabled = _script(event)
        found |= {filename: path, enabled: bool(path)}
    return found


def content_folders(config: Config, download_dir: str) -> list[str]:
    """Where clients may have content read: what they themselves set is no place for that."""
    return list(dict.fromkeys((download_dir, *config.storage.content_folders)))


def shares_of(config: Config, limit: int, *, tracker: bool) -> DescriptorShares:
    """What files and peers get of so many descriptors."""
    return share(
        limit,
        files=config.storage.open_files,
        connections=config.peers.max_connections,
        tracker=tracker,
    )


def limits_of(config: Config, shares: DescriptorShares) -> SessionLimits:
    """The bounds that only the configuration and the system set."""
    storage, peers = config.storage, config.peers
    return SessionLimits(
        connections=shares.connections,
        half_open=peers.max_half_open,
        memory_in_flight=storage.memory_in_flight_mib * 1024 * 1024,
        request_timeout=peers.request_timeout,
        check_workers=len(os.sched_getaffinity(0)),
        checks_per_device=storage.checks_per_device,
        keep_free=storage.keep_free_mib * 1024 * 1024,
        folder_watch_seconds=storage.folder_watch_seconds,
        ban_seconds=peers.ban_hours * 3600.0,
        blocklist_refresh_seconds=config.blocklist.refresh_hours * 3600.0,
    )


def _watch_folders(section: WatchSection) -> list[dict[str, Any]]:
    """Raises ConfigError."""
    if not section.dir:
        return []
    wanted = {
        "folder": section.dir,
        "recursive": section.recursive,
        "download_dir": section.download_dir,
        "labels": section.labels,
        "folder_labels": section.folder_labels,
        "afterwards": section.afterwards,
        "move_to": section.move_to,
    }
    try:
        return checked_watch_folders([wanted])
    except P2pdError as problem:
        raise ConfigError(f"watch: {problem}") from None


def _share_limits(seeding: SeedingSection) -> dict[str, Any]:
    """The settings of share limits; those that are off keep the numbers that clients are shown."""
    limits: dict[str, Any] = {"seed_limit_action": seeding.then}
    if seeding.ratio:
        limits |= {"seed_ratio_limit": seeding.ratio, "seed_ratio_limited": True}
    if seeding.idle_minutes:
        limits["idle_seeding_limit"] = seeding.idle_minutes
        limits["idle_seeding_limit_enabled"] = True
    if seeding.minutes:
        limits |= {"seed_time_limit": seeding.minutes, "seed_time_limited": True}
    return limits


def _queues(queue: QueueSection) -> dict[str, Any]:
    """The settings of queues; one that is off keeps the number that clients are shown."""
    queues: dict[str, Any] = {"queue_stalled_enabled": bool(queue.stalled_minutes)}
    if queue.downloads:
        queues |= {"download_queue_size": queue.downloads, "download_queue_enabled": True}
    if queue.seeds:
        queues |= {"seed_queue_size": queue.seeds, "seed_queue_enabled": True}
    if queue.stalled_minutes:
        queues["queue_stalled_minutes"] = queue.stalled_minutes
    return queues


def _speeds(limits: BandwidthSection) -> dict[str, Any]:
    """The speed settings; limits that are not set keep the numbers that clients are shown."""
    speeds: dict[str, Any] = {
        "peer_speed_limit_down": limits.peer_download,
        "peer_speed_limit_up": limits.peer_upload,
        "limit_local_peers": limits.limit_local_peers,
    }
    for name, limit in (("down", limits.download), ("up", limits.upload)):
        if limit:
            speeds |= {f"speed_limit_{name}": limit, f"speed_limit_{name}_enabled": True}
    return speeds
