"""Every key of the configuration: its default, what it means, and what it may be set to.

One frozen dataclass for each section; `etc/p2pd.toml` and the checks come from the fields here.
Where values come from is config_sources.py's business. The daemon only ever reads these.
"""

from __future__ import annotations

from dataclasses import Field, dataclass, field, fields
from typing import Any, Mapping

from p2pd.base.errors import ConfigError
from p2pd.service.automation_sections import AutomationSection, SeedingSection, WatchSection
from p2pd.service.checks import (
    LOG_LEVELS,
    address,
    file,
    flag,
    folder,
    folders,
    list_source,
    names,
    namespace_levels,
    number,
    one_of,
    way_out,
    whole,
)
from p2pd.service.config_key import key
from p2pd.service.discovery_sections import DiscoverySection, ReachabilitySection
from p2pd.service.keys_section import KeysSection
from p2pd.service.log_lines import FORMATS
from p2pd.service.web_seeds_section import WebSeedsSection
from p2pd.session.nodes.identity_modes import IDENTITY_MODES, TRUSTED
from p2pd.session.settings.session_settings import FIND_DATA, OFF
from p2pd.swarm.choking.seeding_modes import ROUND_ROBIN, SEEDING_MODES
from p2pd.swarm.super_seeding import AUTO, MODES

PORT = whole(0, 65535)
SPEED = whole(0, 2**31 - 1)
_QUEUE = whole(0, 1_000_000)


@dataclass(frozen=True, slots=True)
class PeersSection:
    """Connections with peers."""

    port: int = key(6881, PORT, "Port that peers dial, by TCP and UDP; 0 takes any free one.")
    tls_port: int = key(
        0,
        PORT,
        "Port for peers of TLS torrents (libtorrent's SSL torrents); 0: these have none.",
    )
    interface: str = key(
        "",
        way_out,
        "Address to listen on and to dial from, or the name of an interface, which is followed as\n"
        "its addresses change; while it has none nobody is dialled or let in. Empty is every one.",
    )
    encryption: str = key(
        "preferred",
        one_of("off", "allowed", "preferred", "required"),
        "Message stream encryption of connections with peers: off, allowed (if the peer begins\n"
        "so), preferred (in the clear with those that cannot), or required (always, all of it).",
    )
    identity: str = key(
        TRUSTED,
        one_of(*IDENTITY_MODES),
        "To which peers that run p2pd this node proves who it is, where encrypted: off,\n"
        "trusted (those of p2pctl nodes), all (in private torrents trusted ones). Its key tells\n"
        "that it is the same node, in all torrents and at all addresses.",
    )
    max_connections: int = key(500, whole(1, 65535), "Connections in all.")
    max_connections_per_torrent: int = key(100, whole(1, 65535), "Connections of one torrent.")
    max_connections_per_host: int = key(
        8,
        whole(0, 65535),
        "Connections that one host (an IPv4 address, or a /64) outside the local network may open\n"
        "with one torrent; 0 is no limit. Of all connections such a host has a quarter at most.",
    )
    max_half_open: int = key(50, whole(1, 10_000), "Connections being dialled at one time.")
    request_timeout: float = key(
        30.0,
        number(1, 600),
        "Seconds until a block is asked of another peer, before there are response times to go by.",
    )
    upload_slots: int = key(
        4,
        whole(0, 1000),
        "Peers of a torrent that are given data at a time, besides one by way of trial;\n"
        "0 gives all torrents together as many slots as the upload rate carries.",
    )
    upload_slots_global: int = key(
        0,
        whole(0, 65_535),
        "Peers of all torrents that are given data at a time, shared by need; 0 is no limit.",
    )
    seed_choking: str = key(
        ROUND_ROBIN,
        one_of(*SEEDING_MODES),
        "Whom complete torrents give data: round_robin (everyone in turns of a minute),\n"
        "fastest_upload (who takes most), anti_leech (first who just began or is nearly complete).",
    )
    super_seeding: str = key(
        AUTO,
        one_of(*MODES),
        "Show each peer single pieces until the peers have a copy among them (BEP 16): what added\n"
        "torrents get; auto: new torrents that nobody else seeds, towards peers from outside and\n"
        "those whose uploads are limited.",
    )
    ban_hours: int = key(
        168,
        whole(0, 87_600),
        "Hours that who sent bad blocks is banned; 0 is until the ban is lifted.",
    )
    geoip_database: str = key(
        "",
        file,
        "Countries of IP addresses, a file in MaxMind's format (the extra geoip); empty is none.\n"
        "Peers of one's own country are dialled before others.",
    )


@dataclass(frozen=True, slots=True)
class BlocklistSection:
    """Addresses to keep away from. Clients may set the first two otherwise."""

    enabled: bool = key(
        False, flag, "Whether nobody on the list is dialled or let in, in the local network either."
    )
    url: str = key(
        "",
        list_source,
        "The list, an http or https URL or an absolute path: P2P text, eMule's DAT, or networks\n"
        "and single addresses, one a line; plain, gzip or zip.",
    )
    refresh_hours: float = key(
        24.0, number(0, 8760), "Hours after which it is looked for anew; 0 is never."
    )


@dataclass(frozen=True, slots=True)
class BandwidthSection:
    """Speed limits, with packet headers counted. Clients may set others, and a schedule."""

    download: int = key(
        0, SPEED, "Limit of all downloads together in kB/s (1000 bytes); 0 is none."
    )
    upload: int = key(0, SPEED, "Limit of all uploads together in kB/s; 0 is none.")
    peer_download: int = key(0, SPEED, "Limit of what one peer sends in kB/s; 0 is none.")
    peer_upload: int = key(0, SPEED, "Limit of what one peer is sent in kB/s; 0 is none.")
    limit_local_peers: bool = key(
        True, flag, "Whether peers in the local network are under any limit."
    )


@dataclass(frozen=True, slots=True)
class QueueSection:
    """How many torrents run at a time; the others wait their turn. Clients may set others."""

    downloads: int = key(0, _QUEUE, "Torrents that download at a time; 0 is as many as want to.")
    seeds: int = key(0, _QUEUE, "Torrents that seed at a time; 0 is as many as want to.")
    stalled_minutes: int = key(
        30, _QUEUE, "One of which nothing moved for so long does not count; 0: it does."
    )


@dataclass(frozen=True, slots=True)
class AnnounceSection:
    """What trackers are told and asked."""

    numwant: int = key(200, whole(0, 2000), "Peers to ask a tracker for.")
    timeout: float = key(30.0, number(1, 300), "Seconds that a tracker has to answer.")


@dataclass(frozen=True, slots=True)
class ControlSection:
    """The control API: POST /rpc, POST /transmission/rpc, /api/v2; and GET /metrics."""

    port: int = key(9091, PORT, "TCP port; 0 takes any free one.")
    interface: str = key("127.0.0.1", address, "Address to listen on; empty is every one.")
    auth: bool = key(
        True, flag, "Ask for the token in STATE_DIR/control-token, as Bearer or as Basic user p2pd."
    )
    allowed_hosts: tuple[str, ...] = key(
        (),
        names,
        "Names this API may be called by besides localhost and IP addresses; * and ? match.",
    )
    open_metrics: bool = key(
        False, flag, "Let programs on this machine read GET /metrics without the token."
    )
    qbittorrent: bool = key(
        True, flag, "Answer clients of qBittorrent too, at /api/v2: user p2pd, password the token."
    )
    events_clients: int = key(
        64, whole(0, 10_000), "Clients that may follow GET /rpc/events (WebSocket) at one time."
    )
    tls_certificate: str = key(
        "",
        file,
        "Certificate in PEM, with those that vouch for it: the port then speaks HTTPS alone.\n"
        "Renewed files are read when the configuration is read again.",
    )
    tls_key: str = key("", file, "Its private key, in PEM and without a passphrase.")
    socket: str = key(
        "",
        file,
        "A unix socket to listen on besides, without TLS; empty is none. There root and the user\n"
        "that the daemon runs as need no token.",
    )
    socket_users: tuple[str, ...] = key(
        (),
        names,
        'Other users of this machine who need no token on the unix socket: "alice" is an admin,\n'
        '"alice:read-only" has that role, "alice:bob" is the API\'s user bob.',
    )
    trusted_proxies: tuple[str, ...] = key(
        (),
        names,
        "Addresses and networks of proxies whose X-Forwarded-For, -Proto, -Host and -Prefix\n"
        "count; unix is who is at the unix socket.",
    )


@dataclass(frozen=True, slots=True)
class TrackerSection:
    """A tracker of one's own: HTTP announce and scrape, kept in memory."""

    enabled: bool = key(False, flag, "Whether to run it.")
    port: int = key(6969, PORT, "TCP port; 0 takes any free one.")
    interface: str = key("127.0.0.1", address, "Address to listen on; empty is every one.")
    announce_interval: int = key(
        1800, whole(1, 86_400), "Seconds after which peers are told to announce again."
    )
    max_torrents: int = key(100_000, whole(1, 100_000_000), "Torrents to keep track of.")
    max_peers: int = key(
        250_000, whole(1, 100_000_000), "Peers to keep track of, over all torrents."
    )


@dataclass(frozen=True, slots=True)
class StorageSection:
    """Files and the disk."""

    download_dir: str = key(
        "", folder, "Where downloads go; empty is ~/Downloads/p2pd. Clients may choose others."
    )
    incomplete_dir_enabled: bool = key(
        False,
        flag,
        "Whether torrents that are added are in incomplete_dir until all that is wanted is here.",
    )
    incomplete_dir: str = key("", folder, "Where they are then; empty is nowhere else.")
    content_folders: tuple[str, ...] = key(
        (),
        folders,
        "Other folders with content: clients may have torrents made of what is in these and in\n"
        "the download folder, and have the data of added torrents looked for there.",
    )
    rename_partial_files: bool = key(
        False, flag, "Whether files have .part behind their names until they are complete."
    )
    find_data: str = key(
        OFF,
        one_of(*FIND_DATA),
        "Whether data of added torrents is looked for, in the folders of other torrents and in\n"
        "content_folders, checked and shared: off, in_place (seeded from there), or hard_link\n"
        "(linked to where it was to be downloaded).",
    )
    preallocation: str = key(
        "sparse",
        one_of("none", "sparse", "full"),
        "Space for a new file: none, sparse (its size, without blocks) or full.",
    )
    memory_in_flight_mib: int = key(
        64, whole(1, 65_536), "MiB of pieces in memory that are not written yet, over all torrents."
    )
    cache_mib: int = key(
        32, whole(0, 65_536), "MiB of blocks read from slow disks, kept for other peers; 0 is none."
    )
    threads: int = key(
        4,
        whole(1, 64),
        "Threads that wait for each disk; as many, or one a core, hash and store its pieces.",
    )
    checks_per_device: int = key(
        1, whole(1, 64), "Torrents whose data is checked at one time on one disk."
    )
    keep_free_mib: int = key(
        64,
        whole(0, 2**31 - 1),
        "MiB of each disk that downloads leave free: they wait before there are fewer.",
    )
    folder_watch_seconds: float = key(
        30.0,
        number(0.1, 3600),
        "Seconds between two looks at each download folder in use: whether its volume is there,\n"
        "the same as before, and missing data is back.",
    )
    open_files: int = key(256, whole(8, 100_000), "Data files to keep open.")


@dataclass(frozen=True, slots=True)
class StateSection:
    """What the daemon remembers between runs."""

    dir: str = key(
        "",
        folder,
        "Database and control token; empty is $XDG_STATE_HOME/p2pd or ~/.local/state/p2pd.",
    )
    history_mib: int = key(
        256,
        whole(0, 65_536),
        "MiB that the statistics history may have: when they are full it reaches less far back;\n"
        "0 keeps none.",
    )


@dataclass(frozen=True, slots=True)
class LoggingSection:
    """What the daemon says."""

    level: str = key(
        "info",
        one_of(*LOG_LEVELS),
        "The least important messages to write: debug, info, warn or error.",
    )
    levels: tuple[str, ...] = key(
        (),
        namespace_levels,
        'Other levels for parts of the daemon: ["p2pd.session=debug", "p2pd.discovery=error"].',
    )
    format: str = key(
        FORMATS[0],
        one_of(*FORMATS),
        "Lines for people (text), for programs (json: an object a line), or for systemd's journal\n"
        "(journal: with levels, without the time); auto finds out whether it is the journal.",
    )
    file: str = key("", file, "A file to log to; empty is stdout, or what twistd was told.")
    file_mib: int = key(10, whole(1, 65_536), "MiB of a log file before the next one is begun.")
    files_kept: int = key(5, whole(1, 1000), "Log files that are kept besides.")


@dataclass(frozen=True, slots=True)
class Config:
    """The whole configuration, checked."""

    peers: PeersSection = PeersSection()
    blocklist: BlocklistSection = BlocklistSection()
    bandwidth: BandwidthSection = BandwidthSection()
    queue: QueueSection = QueueSection()
    seeding: SeedingSection = field(default=SeedingSection())
    discovery: DiscoverySection = field(default=DiscoverySection())
    web_seeds: WebSeedsSection = field(default=WebSeedsSection())
    reachability: ReachabilitySection = field(default=ReachabilitySection())
    announce: AnnounceSection = AnnounceSection()
    control: ControlSection = ControlSection()
    automation: AutomationSection = field(default=AutomationSection())
    tracker: TrackerSection = TrackerSection()
    storage: StorageSection = StorageSection()
    watch: WatchSection = field(default=WatchSection())
    state: StateSection = StateSection()
    keys: KeysSection = field(default=KeysSection())
    logging: LoggingSection = LoggingSection()


SECTIONS: Mapping[str, type[Any]] = {each.name: type(each.default) for each in fields(Config)}


def keys_of(section: str) -> dict[str, Field[Any]]:
    """The keys of a section, in order. Raises ConfigError for a section that does not exist."""
    if section not in SECTIONS:
        raise ConfigError(f"there is no section {section[:60]!r}; there are: {', '.join(SECTIONS)}")
    return {each.name: each for each in fields(SECTIONS[section])}


def checked(section: str, name: str, value: Any) -> Any:
    """The value as the key keeps it. Raises ConfigError naming the key and what it must be."""
    known = keys_of(section)
    if name not in known:
        raise ConfigError(
            f"there is no key {section}.{name[:60]}; in that section are: {', '.join(known)}"
        )
    try:
        return known[name].metadata["check"](value)
    except ConfigError as problem:
        raise ConfigError(f"{section}.{name} {problem}") from None


def config_of(values: Mapping[tuple[str, str], Any]) -> Config:
    """The configuration of these values over the defaults. Raises ConfigError."""
    by_section: dict[str, dict[str, Any]] = {section: {} for section in SECTIONS}
    for (section, name), value in values.items():
        kept = checked(section, name, value)
        by_section[section][name] = kept
    return Config(**{name: SECTIONS[name](**kept) for name, kept in by_section.items()})
