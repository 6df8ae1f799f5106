"""The facade that control may use: what a session shows, and what it can be asked to do.

Nothing here does work. `TorrentView` is what torrent_report.py shows to readers; `SessionApi` is
what session_control.py does for callers. Times are Unix seconds (wall clock), rates are bytes per
second, sizes are bytes. Errors are P2pdError with a sentence for the user; `AddTorrentError` adds
which kind of refusal it was.
"""

from __future__ import annotations

import enum
from dataclasses import dataclass
from typing import Any, Awaitable, Callable, Collection, Iterable, Mapping, Protocol, Sequence

from p2pd.base.addresses import PeerAddress
from p2pd.base.ids import InfoHashes
from p2pd.base.measures import Measure
from p2pd.base.piece_set import PieceSet
from p2pd.discovery.source_report import SourceReport
from p2pd.discovery.tracker_client.states import TrackerState
from p2pd.formats.metainfo import Metainfo
from p2pd.formats.x509.torrent_signing import Verdict
from p2pd.session.backups_api import StateBackupsApi
from p2pd.session.bans_api import BansApi
from p2pd.session.blocklist.blocklist_api import BlocklistApi
from p2pd.session.creating.creation_api import CreatingApi
from p2pd.session.discovering.dht_api import DhtApi
from p2pd.session.follow_api import FollowingApi
from p2pd.session.history_api import HistoryApi
from p2pd.session.importing.import_requests import ImportApi
from p2pd.session.moving.move_view import MoveView
from p2pd.session.nodes.nodes_api import NodesApi
from p2pd.session.peers.peer_view import PeerView
from p2pd.session.queueing.queue_api import QueueApi
from p2pd.session.reaching_api import ReachingReport
from p2pd.session.resource_reports import BlockCacheReport, DescriptorReport
from p2pd.session.settings.session_settings import SessionSettings
from p2pd.session.settings.speed_settings import TorrentLimits
from p2pd.session.tls.tls_api import CertificatesApi, TlsReport
from p2pd.session.torrents.sharing_view import SharingApi, SharingView
from p2pd.session.torrents.torrent_requests import AddTorrent, TorrentChanges
from p2pd.session.web_seeds.seed_report import SeedReport
from p2pd.state.summaries import TorrentSummary


class TorrentStatus(enum.IntEnum):
    """What a torrent is doing; the numbers are the control API's."""

    STOPPED = 0
    CHECK_WAIT = 1
    CHECKING = 2
    DOWNLOAD_WAIT = 3
    DOWNLOADING = 4
    SEED_WAIT = 5
    SEEDING = 6


class DiskState(enum.StrEnum):
    """What a torrent waits for, of its disk; it goes on by itself. The words are the API's."""

    OK = "ok"
    MISSING = "missing"
    READ_ONLY = "read_only"
    FAILING = "failing"
    FULL = "full"
    SILENT = "silent"


class TorrentTrouble(enum.IntEnum):
    """What is wrong with a torrent; the numbers are the control API's."""

    NONE = 0
    TRACKER_WARNING = 1
    TRACKER_ERROR = 2
    LOCAL = 3


@dataclass(frozen=True, slots=True)
class AddedTorrent:
    """The torrent that was added, or that was there already."""

    torrent: TorrentView
    duplicate: bool
    data_found_in: str = ""
    """A folder where something like its data is, which is checked now."""


@dataclass(frozen=True, slots=True)
class FileView:
    """A file as the user sees it, never a pad file; `index` is the API's file index."""

    index: int
    path: str
    length: int
    completed: int
    wanted: bool
    priority: int
    """-1 low, 0 normal, 1 high."""
    first_piece: int
    end_piece: int


class TorrentView(Protocol):
    """A torrent, for reading. What needs metadata is None, 0 or empty while a magnet has none."""

    @property
    def id(self) -> int: ...
    @property
    def hash_string(self) -> str: ...
    @property
    def info_hashes(self) -> InfoHashes: ...
    @property
    def name(self) -> str: ...
    @property
    def summary(self) -> TorrentSummary | None: ...
    @property
    def magnet_link(self) -> str: ...
    @property
    def torrent_file(self) -> str: ...
    @property
    def download_dir(self) -> str: ...
    @property
    def current_dir(self) -> str: ...
    @property
    def move(self) -> MoveView | None: ...
    @property
    def status(self) -> TorrentStatus: ...
    @property
    def queue_position(self) -> int: ...
    @property
    def is_stalled(self) -> bool: ...
    @property
    def trouble(self) -> TorrentTrouble: ...
    @property
    def disk_state(self) -> DiskState: ...
    @property
    def error_string(self) -> str: ...
    @property
    def has_secret(self) -> bool:
        """Whether its peers have to know one; which it is nobody is told."""

    @property
    def tls(self) -> TlsReport | None:
        """How it stands with its certificate; None if its peers are not reached by TLS."""

    @property
    def added_at(self) -> float: ...
    @property
    def completed_at(self) -> float: ...
    @property
    def started_at(self) -> float: ...
    @property
    def active_at(self) -> float: ...
    @property
    def edited_at(self) -> float: ...
    @property
    def pieces(self) -> PieceSet | None: ...
    @property
    def total_size(self) -> int: ...
    @property
    def size_when_done(self) -> int: ...
    @property
    def left_until_done(self) -> int: ...
    @property
    def have_valid(self) -> int: ...
    @property
    def have_unchecked(self) -> int: ...
    @property
    def desired_available(self) -> int: ...
    @property
    def percent_done(self) -> float: ...
    @property
    def percent_complete(self) -> float: ...
    @property
    def metadata_only(self) -> bool: ...
    @property
    def metadata_percent_complete(self) -> float: ...
    @property
    def recheck_progress(self) -> float: ...
    @property
    def downloaded(self) -> int: ...
    @property
    def uploaded(self) -> int: ...
    @property
    def corrupt(self) -> int: ...
    @property
    def rate_download(self) -> float: ...
    @property
    def rate_upload(self) -> float: ...
    @property
    def eta(self) -> int: ...
    @property
    def sharing(self) -> SharingView: ...
    @property
    def seconds_downloading(self) -> int: ...
    @property
    def seconds_seeding(self) -> int: ...
    @property
    def sequential(self) -> bool: ...
    @property
    def sequential_from(self) -> int: ...
    @property
    def super_seeding(self) -> str: ...
    @property
    def trusted_only(self) -> bool: ...
    @property
    def seed_choking(self) -> str: ...
    @property
    def labels(self) -> tuple[str, ...]: ...
    @property
    def owner(self) -> str: ...
    @property
    def peer_limit(self) -> int: ...
    @property
    def limits(self) -> TorrentLimits: ...
    @property
    def peers(self) -> Sequence[PeerView]: ...
    @property
    def tracker_tiers(self) -> tuple[tuple[str, ...], ...]: ...
    @property
    def tracker_states(self) -> Sequence[TrackerState]: ...
    @property
    def web_seeds(self) -> tuple[str, ...]:
        """URLs of servers that have its files (BEP 19)."""

    @property
    def http_seeds(self) -> tuple[str, ...]:
        """URLs of servers that have its pieces (BEP 17)."""

    @property
    def seed_reports(self) -> Sequence[SeedReport]:
        """How each of both kinds is doing."""

    @property
    def sources(self) -> Sequence[SourceReport]: ...
    @property
    def signatures(self) -> Sequence[Verdict]:
        """What its signatures are worth (BEP 35), if it is `SessionApi.detailed`; else none."""

    def files(self) -> list[FileView]: ...
    def availability(self) -> list[int]: ...
    def deadlines(self) -> list[tuple[int, float]]: ...


@dataclass(frozen=True, slots=True)
class SessionStatistics:
    """Totals: of this run, or of all runs."""

    uploaded: int = 0
    downloaded: int = 0
    files_added: int = 0
    seconds_active: int = 0
    session_count: int = 0


@dataclass(frozen=True, slots=True)
class SessionSummary:
    """What the session is doing now."""

    torrents: int
    active: int
    paused: int
    rate_download: float
    rate_upload: float
    this_run: SessionStatistics
    all_runs: SessionStatistics
    block_cache: BlockCacheReport
    write_backlog: int
    """Bytes of whole pieces that wait to be hashed and written."""
    limit_down: int | None = None
    """Bytes per second that hold for the session now; None: no limit."""
    limit_up: int | None = None
    descriptors: DescriptorReport | None = None


@dataclass(frozen=True, slots=True)
class FreeSpace:
    """Free and total bytes of the file system that holds `path`."""

    path: str
    free: int
    total: int


class SessionApi(ImportApi, FollowingApi, QueueApi, BansApi, SharingApi, Protocol):
    """What control asks of the session."""

    @property
    def version(self) -> str: ...
    @property
    def settings(self) -> SessionSettings: ...
    @property
    def state_notice(self) -> str: ...
    @property
    def backups(self) -> StateBackupsApi: ...
    @property
    def blocklist(self) -> BlocklistApi: ...
    @property
    def history(self) -> HistoryApi: ...
    @property
    def creating(self) -> CreatingApi: ...
    @property
    def dht(self) -> DhtApi: ...
    @property
    def nodes(self) -> NodesApi: ...
    @property
    def certificates(self) -> CertificatesApi: ...

    def torrents(self) -> Iterable[TorrentView]: ...
    async def detailed(self, torrent: TorrentView) -> TorrentView:
        """The same torrent with its files, which are not in memory while it rests."""

    async def metainfo(self, torrent: TorrentView) -> Metainfo | None:
        """What its .torrent file says; None while a magnet has no metadata. Raises P2pdError."""

    def find(self, key: int | str) -> TorrentView | None:
        """By integer id, or by info-hash in hex (v1, v2 or truncated v2; any case)."""

    def changed_since(self, wall_time: float) -> Iterable[TorrentView]:
        """Torrents that something happened to since then, payload or not, the latest first.

        Costs what changed, not what exists; what happens every second counts a second late.
        """

    def removed_since(
        self, wall_time: float, sees: Callable[[str, tuple[str, ...]], bool] | None = None
    ) -> list[int]:
        """Ids of the torrents removed since then (of a bounded number of them).

        With `sees`, of those that somebody sees by their owner and labels.
        """

    async def add(self, request: AddTorrent) -> AddedTorrent:
        """Add a torrent, or find it there. Raises AddTorrentError."""

    async def remove(self, torrent: TorrentView, *, delete_data: bool) -> None: ...
    async def start(self, torrent: TorrentView) -> None:
        """Have it run, when it is its turn."""

    async def stop(self, torrent: TorrentView) -> None: ...
    async def verify(self, torrent: TorrentView) -> None: ...
    async def set_location(self, torrent: TorrentView, folder: str, *, move: bool) -> None:
        """Have its files in that folder: move them there, or find them there.

        Answers when it is sure to be done: a move goes on also after a restart. To move it to
        where it is ends a move under way. Raises P2pdError.
        """

    async def rename(self, torrent: TorrentView, path: str, name: str) -> None:
        """Give a file, or a folder, another name on the disk, while it goes on.

        `path` is as `FileView` has it, or that of a folder. Raises P2pdError.
        """

    def reannounce(self, torrent: TorrentView) -> None: ...
    async def change(self, torrent: TorrentView, changes: TorrentChanges) -> None:
        """Raises IndexError for a file index out of range, P2pdError with a sentence else."""

    async def remove_groups(self, names: Collection[str]) -> None:
        """Forget bandwidth groups; their torrents are in none, then."""

    @property
    def reached_at(self) -> Mapping[str, float]:
        """When somebody outside the local network connected to us last, by `ipv4` and `ipv6`."""

    def reaching(self) -> ReachingReport:
        """By which port and addresses peers outside reach us, as far as is known."""

    def add_peers(self, torrent: TorrentView, addresses: Sequence[PeerAddress]) -> int:
        """Dial these now; how many were new."""

    async def change_settings(self, changes: Mapping[str, Any]) -> None:
        """Change settings by attribute name. Raises P2pdError for an unknown name or bad value."""

    def summary(self) -> SessionSummary: ...
    async def measures(self, pause: Callable[[], Awaitable[None]]) -> Sequence[Measure]:
        """The session in numbers; `pause` is awaited now and then, for others to have a turn."""

    async def free_space(self, path: str) -> FreeSpace:
        """Raises P2pdError when the path is not absolute or not there."""

    def close(self) -> None:
        """Stop the whole daemon soon, cleanly."""
