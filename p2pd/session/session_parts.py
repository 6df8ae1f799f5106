"""What a session is made of, and the bounds that it keeps to."""

from __future__ import annotations

import random
from dataclasses import dataclass, field
from typing import Callable, Sequence

from p2pd.base.clock import Clock
from p2pd.discovery.tracker_client.announcer import Announcer, AnnounceTorrent, PeersFound
from p2pd.discovery.web_seed_client.interfaces import SeedClient
from p2pd.formats.file_layout import FileLayout
from p2pd.session.blocklist.session_blocklist import BlocklistMemory, ListSource
from p2pd.session.connecting.hole_punching import HolePuncher
from p2pd.session.discovering.catcher_source import CaughtMemory
from p2pd.session.discovering.dht_network import DhtNetwork
from p2pd.session.discovering.lsd_network import LsdNetwork
from p2pd.session.disks.devices import LookAt
from p2pd.session.moving.move_journal import MoveJournal
from p2pd.session.nodes.session_nodes import Elsewhere, NodeKeeper, NodeMemory
from p2pd.session.peers.peer_memory import PeerMemory
from p2pd.session.reaching import MakePortMapping
from p2pd.session.session_bans import BanMemory
from p2pd.session.session_removals import RemovalJournal
from p2pd.session.tls.tls_parts import TlsParts
from p2pd.session.torrents.torrent_host import NameLookup
from p2pd.state.key_files import KeyFiles
from p2pd.state.resume import TorrentStore
from p2pd.storage.disks import Disks
from p2pd.storage.interfaces import Storage
from p2pd.storage.volumes import volume_state
from p2pd.swarm.preference import CountryOf, no_country
from p2pd.transports.encryption.key_work import KeyWork
from p2pd.transports.interfaces import StreamTransport

MakeStorage = Callable[[FileLayout, str], Storage]
MakeAnnouncer = Callable[
    [AnnounceTorrent, Sequence[Sequence[str]], PeersFound, bytes, Callable[[], int]], Announcer
]


@dataclass(frozen=True, slots=True)
class SessionParts:
    """What a session is made of; the service puts it together, a test hands in its own."""

    clock: Clock
    wall: Callable[[], float]
    rng: random.Random
    transport: StreamTransport
    disks: Disks
    store: TorrentStore
    removals: RemovalJournal
    make_storage: MakeStorage
    make_announcer: MakeAnnouncer
    peer_memory: PeerMemory | None = None
    """None: good peers are forgotten when the session ends."""
    caught_hosts: CaughtMemory | None = None
    """None: peers that worked for any torrent are forgotten when the session ends."""
    names: NameLookup | None = None
    """None: peers that links have by name are left out."""
    country_of: CountryOf = no_country
    keys: KeyFiles = field(default_factory=KeyFiles)
    """Reads and writes private keys in the state folder, sealed if there is a passphrase."""
    journal: MoveJournal | None = None
    """Of torrents that are moved. None: none can be."""
    ban_memory: BanMemory | None = None
    """None: bans are forgotten when the session ends."""
    node_keeper: NodeKeeper | None = None
    """None: this node proves to nobody who it is."""
    node_memory: NodeMemory | None = None
    """None: which nodes are trusted is forgotten when the session ends."""
    node_work: Elsewhere | None = None
    """Where identities are proved and checked. None: none are."""
    blocklist_memory: BlocklistMemory | None = None
    """None: the blocklist is forgotten when the session ends."""
    blocklist_source: ListSource | None = None
    """None: no blocklist can be got."""
    look_at_folder: LookAt = volume_state
    hole_puncher: HolePuncher | None = None
    """None: nobody is met through others (BEP 55)."""
    lsd: LsdNetwork | None = None
    """None: neighbours are told nothing."""
    key_work: KeyWork | None = None
    """None: nothing can be encrypted."""
    tls: TlsParts | None = None
    """None: torrents whose peers are reached by TLS have none."""
    web_seeds: SeedClient | None = None
    """None: torrents have none."""
    dht: DhtNetwork | None = None
    """None: there is none, whatever the settings say."""
    make_port_mapping: MakePortMapping | None = None
    """None: no port is mapped, whatever the settings say."""


@dataclass(frozen=True, slots=True)
class SessionLimits:
    """Bounds that the configuration sets; sizes in bytes, times in seconds."""

    connections: int = 65_535
    """The most that the settings may allow."""
    half_open: int = 50
    memory_in_flight: int = 64 * 1024 * 1024
    request_timeout: float = 30.0
    check_workers: int = 2
    checks_per_device: int = 1
    folder_watch_seconds: float = 30.0
    keep_free: int = 0
    ban_seconds: float = 7 * 86_400.0
    blocklist_refresh_seconds: float = 86_400.0
    """0: a blocklist is not looked for again by itself."""
