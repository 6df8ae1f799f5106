"""What a torrent needs of the session it lives in."""

from __future__ import annotations

import random
from typing import Any, Callable, Collection, Coroutine, Iterable, Protocol, Sequence, TypeVar

from twisted.internet.defer import Deferred

from p2pd.base.clock import Clock
from p2pd.base.ids import InfoHashes
from p2pd.discovery.source_report import DiscoverySource
from p2pd.discovery.tracker_client.announcer import Announcer, AnnounceTorrent, PeersFound
from p2pd.formats.file_layout import FileLayout
from p2pd.formats.metainfo import Metainfo
from p2pd.session.connecting.dialer import Dialer
from p2pd.session.connecting.hole_punching import HolePuncher
from p2pd.session.discovering.catcher_source import CatcherSource
from p2pd.session.discovering.dht_source import DhtSource
from p2pd.session.discovering.lsd_source import LsdSource
from p2pd.session.disks.check_queue import CheckQueue
from p2pd.session.disks.devices import Devices
from p2pd.session.disks.download_folders import DownloadFolders
from p2pd.session.disks.memory_budget import MemoryBudget
from p2pd.session.nodes.session_nodes import SessionNodes
from p2pd.session.peers.peer_memory import PeerMemory
from p2pd.session.queueing.torrent_queues import TorrentQueues
from p2pd.session.rate_limits import RateLimits
from p2pd.session.reaching import Reaching
from p2pd.session.secrets.secret_torrents import SecretTorrents
from p2pd.session.session_bans import SessionBans
from p2pd.session.session_counts import SessionCounts
from p2pd.session.session_events import SessionEvents
from p2pd.session.settings.session_settings import SessionSettings
from p2pd.session.tls.tls_torrents import TlsTorrents
from p2pd.session.torrent_rules import TorrentRules
from p2pd.session.torrents.active_torrents import ActiveTorrents
from p2pd.session.torrents.first_looks import FirstLooks
from p2pd.session.torrents.resting import Resting
from p2pd.session.torrents.upload_slots import UploadSlots
from p2pd.session.web_seeds.session_web_seeds import SessionWebSeeds
from p2pd.state.removals import DoomedFiles
from p2pd.state.resume import TorrentStore
from p2pd.storage.disks import Disks
from p2pd.storage.interfaces import Storage
from p2pd.swarm.kept_away import KeptAway
from p2pd.swarm.preference import Preferences
from p2pd.swarm.request_pipeline import RequestWindow

T = TypeVar("T")


class SwitchedMoves(Protocol):
    """The moves of a session, as a torrent sees them."""

    def of(self, torrent: Any) -> Any:
        """The move of a torrent, if there is one."""

    def need(self, torrent: Any) -> bool:
        """Whether a torrent may not rest now, for it is moved."""

    def keep_busy(self, torrent: Any) -> bool:
        """Whether its files are about to have another folder, or other names."""

    async def switched(self, torrent: Any) -> None:
        """Wait, if just now the torrent gets its new folder."""

    def bring_home(self, torrent: Any) -> None:
        """It may be complete: then it goes where it is to be."""

    def name_files(self, torrent: Any, completed: Collection[int] | None = None) -> None:
        """Files are complete (None: any), or are to have other names while they are not."""

    async def renamed(self, torrent: Any) -> None:
        """Wait, if just now some of its files get other names."""


class NameLookup(Protocol):
    """Looks up the names of peers (discovery.peer_names.PeerNames)."""

    async def addresses(self, host: str) -> tuple[str, ...]:
        """IP addresses; none if there are none."""


class LaterRemovals(Protocol):
    """Files that go when they can."""

    async def left(self, doomed: DoomedFiles) -> None:
        """A move could not remove what it had there. Raises StateError."""


class TorrentHost(Protocol):
    """The session, as its torrents see it."""

    clock: Clock
    rng: random.Random
    peer_id: bytes
    disks: Disks
    devices: Devices
    folders: DownloadFolders
    budget: MemoryBudget
    checks: CheckQueue
    rates: RateLimits
    rules: TorrentRules
    upload_slots: UploadSlots
    dialer: Dialer
    store: TorrentStore
    settings: SessionSettings
    preferences: Preferences
    peer_memory: PeerMemory | None
    bans: SessionBans
    kept_away: KeptAway
    nodes: SessionNodes
    activity: ActiveTorrents[Any]
    counts: SessionCounts
    events: SessionEvents
    resting: Resting
    first_looks: FirstLooks
    queues: TorrentQueues[Any]
    discovery: list[DiscoverySource]
    dht: DhtSource
    reaching: Reaching
    catcher: CatcherSource
    names: NameLookup | None
    lsd: LsdSource
    hole_puncher: HolePuncher | None
    tls: TlsTorrents
    secrets: SecretTorrents
    web_seeds: SessionWebSeeds

    @property
    def torrents(self) -> Iterable[Any]:
        """All of them."""

    @property
    def moves(self) -> SwitchedMoves:
        """Torrents that are moved."""

    @property
    def removals(self) -> LaterRemovals:
        """Files that go when they can."""

    @property
    def listen_port(self) -> int:
        """The port that peers can dial: ours, or the one outside that a gateway maps to it."""

    @property
    def tls_port(self) -> int:
        """The port by which peers of TLS torrents reach us; 0: there is none."""

    def wall(self) -> float:
        """Unix seconds."""

    def new_storage(self, layout: FileLayout, download_dir: str) -> Storage:
        """Where this torrent's files are."""

    def new_announcer(
        self,
        torrent: AnnounceTorrent,
        tiers: Sequence[Sequence[str]],
        found: PeersFound,
        port: Callable[[], int],
    ) -> Announcer:
        """The announcer of one torrent, whose peers reach us by `port`."""

    def way_known(self, torrent: Any) -> None:
        """How a torrent's peers are reached may be known otherwise than before."""

    def new_window(self) -> RequestWindow:
        """The request window for a new peer."""

    @property
    def closing(self) -> bool:
        """Whether the session ends."""

    def in_time(self, done: Deferred[T]) -> Deferred[T]:
        """While the session ends, a StorageError if the disk does not answer soon."""

    def background(self, work: Coroutine[Any, Any, Any] | Deferred[Any], what: str) -> None:
        """Run something nobody waits for."""

    def metadata_arrived(self, torrent: Any, metainfo: Metainfo) -> None:
        """A magnet became a torrent."""

    def twin_of(self, torrent: Any, hashes: InfoHashes) -> Any:
        """Another torrent that is here by one of these hashes; None if there is none."""

    def yield_hashes(self, torrent: Any, twin: Any) -> None:
        """By the hashes of the one the other is to be found from now on."""

    def connection_ended(self, host: str) -> None:
        """An established connection with somebody at this host is gone."""

    def count_downloaded(self, size: int, now: float) -> None: ...
    def count_uploaded(self, size: int, now: float) -> None: ...
