"""Torrents and peers that only show what they are."""

from __future__ import annotations

from dataclasses import dataclass, field

from p2pd.base.addresses import PeerAddress
from p2pd.base.ids import InfoHashes
from p2pd.base.piece_set import PieceSet
from p2pd.discovery.source_report import SourceReport
from p2pd.discovery.tracker_client.states import TrackerState
from p2pd.formats.x509.torrent_signing import Verdict
from p2pd.session.api import (
    DiskState,
    FileView,
    TorrentStatus,
    TorrentTrouble,
)
from p2pd.session.settings.speed_settings import TorrentLimits
from p2pd.session.tls.tls_api import TlsReport
from p2pd.session.web_seeds.seed_report import Kind, SeedReport, SeedState
from p2pd.state.summaries import TorrentSummary
from p2pd.swarm.reputation import Rating
from p2pd.swarm.share_limits import LimitsInForce, ShareLimits

NOW = 1_700_000_000.0
PEER = PeerAddress("192.0.2.7", 6881)


SUMMARY = TorrentSummary(
    total=65536,
    wanted=65536,
    piece_length=16384,
    pieces=4,
    files=2,
    private=True,
    comment="a comment",
    created_at=1234,
    web_seeds=("http://seed.test/",),
)


@dataclass
class FakePeer:
    address: PeerAddress = PEER
    client: str = "Transmission 4.1.0"
    peer_id: bytes = b"-TR4100-abcdefghijkl"
    source: str = "lsd"
    incoming: bool = False
    encrypted: bool = True
    transport_name: str = "tcp"
    certificate_name: str = ""
    encryption: str = "rc4"
    am_choking: bool = False
    am_interested: bool = True
    peer_choking: bool = False
    peer_interested: bool = True
    snubbed: bool = False
    country: str = "DE"
    optimistic: bool = False
    progress: float = 0.5
    rate_to_client: float = 1000.7
    rate_to_peer: float = 0.0
    downloaded: int = 5
    uploaded: int = 6
    requests_outstanding: int = 3
    node_key: bytes = b"\xab" * 32
    node_name: str = "friend"
    flag_string: str = "DE"
    rating: Rating = field(default_factory=lambda: Rating(70, "2 good pieces"))


TRACKER = TrackerState(
    id=3,
    tier=1,
    url="http://tracker.test/announce",
    scrape_url="http://tracker.test/scrape",
    host="tracker.test:80",
    sitename="tracker",
    announcing=True,
    last_announce_at=NOW - 5,
    last_announce_succeeded=True,
    last_announce_result="Success",
    last_announce_peer_count=9,
    next_announce_at=NOW + 100,
    seeders=2,
    leechers=3,
    is_backup=False,
)


@dataclass
class FakeMove:
    target: str = "/elsewhere"
    stage: str = "copying"
    progress: float = 0.5
    trouble: str = "there is no room"


@dataclass
class FakeSharing:
    own: ShareLimits = field(default_factory=lambda: ShareLimits(1, 1.25))
    in_force: LimitsInForce = field(default_factory=lambda: LimitsInForce(1.25, 1800.0))
    reached: tuple[str, ...] = ("idle",)
    is_finished: bool = True
    eta: int = 33
    eta_idle: int = 70


@dataclass(eq=False)
class FakeTorrent:
    id: int = 1
    name: str = "some torrent"
    summary: TorrentSummary | None = SUMMARY
    magnet_link: str = "magnet:?xt=urn:btih:00"
    web_seeds: tuple[str, ...] = ("http://seed.test/",)
    http_seeds: tuple[str, ...] = ()
    seed_reports: tuple[SeedReport, ...] = (
        SeedReport("http://seed.test/", Kind.FILES, SeedState.SENDS, 1000.5, 77, 2),
    )
    torrent_file: str = "/state/torrents/01.torrent"
    download_dir: str = "/downloads"
    current_dir: str = "/incomplete"
    move: FakeMove | None = None
    status: TorrentStatus = TorrentStatus.DOWNLOADING
    queue_position: int = 7
    is_stalled: bool = False
    rests: bool = False
    trouble: TorrentTrouble = TorrentTrouble.NONE
    disk_state: DiskState = DiskState.OK
    error_string: str = ""
    tls: TlsReport | None = None
    has_secret: bool = False
    added_at: float = NOW - 1000.5
    completed_at: float = 0.0
    started_at: float = NOW - 900
    active_at: float = NOW - 10
    edited_at: float = 0.0
    pieces: PieceSet | None = field(default_factory=lambda: PieceSet(4, [0, 2]))
    total_size: int = 65536
    size_when_done: int = 65536
    left_until_done: int = 32768
    have_valid: int = 32768
    have_unchecked: int = 0
    desired_available: int = 16384
    percent_done: float = 0.5
    percent_complete: float = 0.5
    metadata_only: bool = False
    metadata_percent_complete: float = 1.0
    recheck_progress: float = 0.0
    downloaded: int = 32768
    uploaded: int = 16384
    corrupt: int = 0
    rate_download: float = 1000.7
    rate_upload: float = 3.2
    eta: int = 33
    sharing: FakeSharing = field(default_factory=FakeSharing)
    seconds_downloading: int = 900
    seconds_seeding: int = 0
    sequential: bool = False
    sequential_from: int = 0
    super_seeding: str = "auto"
    seed_choking: str = "session"
    trusted_only: bool = False
    labels: tuple[str, ...] = ("linux",)
    owner: str = ""
    peer_limit: int = 50
    limits: TorrentLimits = field(
        default_factory=lambda: TorrentLimits(100, False, 30, True, True, None, 20_000)
    )
    peers: tuple[FakePeer, ...] = (FakePeer(),)
    tracker_tiers: tuple[tuple[str, ...], ...] = (("http://tracker.test/announce",),)
    tracker_states: tuple[TrackerState, ...] = (TRACKER,)
    signatures: tuple[Verdict, ...] = (
        Verdict(
            "org.example", True, False, "it is not trusted here", "sha256", "CN=a", "CN=b", "ab"
        ),
    )
    sources: tuple[SourceReport, ...] = (
        SourceReport("tracker", found=12, last_at=NOW - 4.5, next_at=NOW + 60, error="t: no"),
        SourceReport("lsd", found=2),
        SourceReport("pex", enabled=False, why_not="the torrent is private"),
    )
    file_views: tuple[FileView, ...] = (
        FileView(0, "some torrent/film.mkv", 60000, 30000, True, 0, 0, 4),
        FileView(1, "some torrent/read.me", 5536, 0, False, -1, 3, 4),
    )

    @property
    def info_hashes(self) -> InfoHashes:
        return InfoHashes(v1=bytes([self.id]) * 20)

    @property
    def hash_string(self) -> str:
        return self.info_hashes.hash_string

    def files(self) -> list[FileView]:
        return list(self.file_views)

    def deadlines(self) -> list[tuple[int, float]]:
        return [(3, 1.23456), (1, -5.0)]

    def availability(self) -> list[int]:
        return [-1 if had else 1 for had in self.pieces.flags] if self.pieces else []


OF_STATE = (
    "status", "trouble", "error_string", "rate_download", "rate_upload", "peers", "left_until_done",
    "have_unchecked", "desired_available", "percent_done", "percent_complete",
    "metadata_percent_complete", "sharing",
)  # fmt: skip
"""What all torrents at rest share that are in the same state (follow_api.ReaderApi)."""
