"""The settings of a session that clients may change (settings_rules.py says to what)."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Mapping

from p2pd.session.nodes.identity_modes import TRUSTED
from p2pd.session.settings.sharing_settings import SharingSettings
from p2pd.swarm.choking.seeding_modes import ROUND_ROBIN, SEEDING_MODES
from p2pd.swarm.super_seeding import AUTO

AS_SESSION = "session"
"""What a torrent has that leaves it to the session whom to serve."""

OFF, IN_PLACE, HARD_LINK = "off", "in_place", "hard_link"
FIND_DATA = (OFF, IN_PLACE, HARD_LINK)
"""What is done about data of an added torrent that is on a disk already."""

TORRENT_SEEDING_MODES = (AS_SESSION, *SEEDING_MODES)


SCRIPT_FILENAMES = tuple(
    f"script_torrent_{event}_filename" for event in ("added", "done", "done_seeding")
)
"""Settings that are programs to be run: not everybody may set them."""


@dataclass(slots=True)
class SessionSettings(SharingSettings):
    """What clients may change at run time; kept in the state database, over the configuration.

    `fixed` holds what only the configuration decides and clients may read (ports, switches).
    """

    download_dir: str
    peer_limit_global: int
    peer_limit_per_torrent: int
    peer_limit_per_host: int = 8
    """Connections of one torrent with one host outside the local network; 0: no limit."""
    incomplete_dir_enabled: bool = False
    """Whether torrents that are added are in `incomplete_dir` until they are complete."""
    incomplete_dir: str = ""
    """Empty: there is none."""
    rename_partial_files: bool = False
    """Whether files have `.part` behind their names until they are complete."""
    start_added_torrents: bool = True
    host_catcher_enabled: bool = True
    """Whether torrents that find nobody try peers that worked for others."""
    paused_magnets_fetch: bool = True
    """Whether magnets that are added paused run until their files are known."""
    sequential_download: bool = False
    lpd_enabled: bool = False
    """Whether neighbours are told of torrents that are not private (BEP 14)."""
    pex_enabled: bool = False
    """Whether peers of torrents that are not private tell of each other (BEP 11)."""
    web_seeds_enabled: bool = True
    """Whether servers that torrents name are asked for their data (BEP 19, BEP 17)."""
    web_seed_connections: int = 4
    """Connections of one torrent with its web seeds."""
    default_trackers: str = ""
    """Announced to for every torrent that is not private, besides its own: a URL a line."""
    super_seeding: str = AUTO
    """What added torrents get: one of swarm.super_seeding.MODES."""
    upload_slots: int = 4
    """Regular ones of each torrent; 0: all torrents together have what the upload rate carries."""
    upload_slots_global: int = 0
    """Over all torrents; 0: no limit."""
    seed_choking: str = ROUND_ROBIN
    """Whom a complete torrent serves that has no rule of its own: one of SEEDING_MODES."""
    blocklist_enabled: bool = False
    """Whether the blocklist that is kept is in force."""
    blocklist_url: str = ""
    """Where it is from: an http or https URL or an absolute path; empty: it stays as it is."""
    download_queue_enabled: bool = False
    """Whether no more than `download_queue_size` torrents download at a time."""
    download_queue_size: int = 5
    seed_queue_enabled: bool = False
    """The same of those that seed."""
    seed_queue_size: int = 10
    queue_stalled_enabled: bool = True
    """Whether those do not count of which nothing moved for `queue_stalled_minutes`."""
    queue_stalled_minutes: int = 30
    port_forwarding_enabled: bool = False
    """Whether gateways are asked to map our port to one of theirs (PCP, NAT-PMP, UPnP)."""
    peer_identity: str = TRUSTED
    """To whom this node proves who it is: one of IDENTITY_MODES."""
    encryption: str = "off"
    """When connections are encrypted (protocols.mse.policy)."""
    dht_enabled: bool = True
    """Whether torrents that are not private are looked up and announced in the DHT (BEP 5)."""
    find_data: str = OFF
    """One of FIND_DATA, for added torrents that were not told otherwise."""
    watch_folders: list[dict[str, Any]] = field(default_factory=list)
    """As watch_settings.checked_watch_folders has them; replaced, never changed."""
    script_torrent_added_enabled: bool = False
    """Whether a program is run when a torrent was added, and so on, as Transmission has it."""
    script_torrent_added_filename: str = ""
    script_torrent_done_enabled: bool = False
    script_torrent_done_filename: str = ""
    script_torrent_done_seeding_enabled: bool = False
    script_torrent_done_seeding_filename: str = ""
    private_folder: str = ""
    """Of the state: nothing in it is content, whatever clients say."""
    fixed: Mapping[str, Any] = field(default_factory=dict)
