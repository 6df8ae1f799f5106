"""A torrent for readers: what control shows of it (api.TorrentView), computed when it is asked."""

from __future__ import annotations

from typing import Sequence

from p2pd.base.ids import InfoHashes
from p2pd.base.piece_set import PieceSet
from p2pd.discovery.source_report import SourceReport
from p2pd.discovery.tracker_client.states import TrackerState
from p2pd.formats.magnet import Magnet
from p2pd.formats.x509.torrent_signing import Verdict
from p2pd.session.api import DiskState, FileView, TorrentStatus, TorrentTrouble
from p2pd.session.moving.move_view import MoveView
from p2pd.session.peers.peer_report import PeerReport
from p2pd.session.settings.speed_settings import TorrentLimits
from p2pd.session.tls.tls_api import TlsReport
from p2pd.session.torrents.file_selection import FileSelection
from p2pd.session.torrents.record_report import RecordReport
from p2pd.session.torrents.resting import Details
from p2pd.session.torrents.torrent import Torrent
from p2pd.session.torrents.torrent_content import TorrentContent
from p2pd.session.torrents.torrent_sharing import TorrentSharing
from p2pd.session.torrents.torrent_trouble import disk_state, local_error
from p2pd.session.web_seeds.seed_report import Kind, SeedReport
from p2pd.state.summaries import TorrentSummary
from p2pd.swarm.share_limits import ETA_UNKNOWN

UNKNOWN = (0, 1, 0)
"""The sizes of a magnet without metadata: what is left of it is more than nothing."""


class TorrentReport(RecordReport):
    """Reads one torrent. Sizes that take a walk over the files are kept until pieces change.

    Of a torrent at rest it knows what is in its record; its files are known with `details`.
    """

    __slots__ = ("_details", "_sizes", "_sizes_of", "signatures", "torrent")

    def __init__(
        self,
        torrent: Torrent,
        details: Details | None = None,
        signatures: Sequence[Verdict] = (),
    ) -> None:
        self._record = torrent.record
        self.signatures = signatures
        self.torrent = torrent
        self._details = details
        self._sizes_of: tuple[TorrentContent, int, bytes] | None = None
        self._sizes = (0, 0, 0)

    # -- identity ------------------------------------------------------------------------------

    @property
    def hash_string(self) -> str:
        """40 hex digits."""
        return self.torrent.info_hashes.hash_string

    @property
    def info_hashes(self) -> InfoHashes:
        """v1, v2 or both."""
        return self.torrent.info_hashes

    @property
    def name(self) -> str:
        """From the metadata, else from the magnet, else the hash."""
        return self.torrent.record.name or self.hash_string

    @property
    def summary(self) -> TorrentSummary | None:
        """What its metadata tells, but for the files; None while a magnet has none."""
        content = self.torrent.content
        if content is not None:
            return content.summary()
        return self.torrent.record.summary if self.torrent.resting else None

    @property
    def magnet_link(self) -> str:
        """A link with which others can add it."""
        trackers = tuple(url for tier in self.tracker_tiers for url in tier)
        web_seeds = self.web_seeds
        name = self.torrent.record.name or None
        return Magnet(
            self.info_hashes,
            name=name,
            trackers=trackers,
            web_seeds=web_seeds,
            by_tls=self.torrent.wants_certificates,
        ).to_uri()

    @property
    def torrent_file(self) -> str:
        """Where its .torrent is kept; empty while a magnet has none."""
        folder = self.torrent.host.settings.fixed.get("config_dir")
        if not folder or not self._is_known:
            return ""
        return f"{folder}/torrents/{self.hash_string}.torrent"

    @property
    def move(self) -> MoveView | None:
        """Its move to another folder, if there is one."""
        move: MoveView | None = self.torrent.host.moves.of(self.torrent)
        return move

    # -- state ---------------------------------------------------------------------------------

    @property
    def status(self) -> TorrentStatus:
        """What it is doing."""
        torrent = self.torrent
        check = torrent.opening.check
        if check is not None:
            return TorrentStatus.CHECKING if check.running else TorrentStatus.CHECK_WAIT
        if torrent.opening.busy and not torrent.running:
            return TorrentStatus.CHECK_WAIT
        if torrent.host.queues.waits(torrent):
            return TorrentStatus.SEED_WAIT if torrent.will_seed else TorrentStatus.DOWNLOAD_WAIT
        if not torrent.running and not torrent.preparing:
            return TorrentStatus.STOPPED
        return TorrentStatus.SEEDING if torrent.is_complete() else TorrentStatus.DOWNLOADING

    @property
    def queue_position(self) -> int:
        """How many torrents stand before it in the queue."""
        return self.torrent.host.queues.position(self.torrent)

    @property
    def is_stalled(self) -> bool:
        """Whether it runs, and nothing has moved for as long as the settings say."""
        return self.torrent.host.queues.is_stalled(self.torrent)

    @property
    def trouble(self) -> TorrentTrouble:
        """What kind of trouble it has."""
        if local_error(self.torrent):
            return TorrentTrouble.LOCAL
        return TorrentTrouble.TRACKER_ERROR if self._tracker_error() else TorrentTrouble.NONE

    @property
    def disk_state(self) -> DiskState:
        """What it waits for, of its disk."""
        return disk_state(self.torrent)

    @property
    def error_string(self) -> str:
        """The trouble in words, or nothing."""
        return local_error(self.torrent) or self._tracker_error()

    @property
    def has_secret(self) -> bool:
        """Whether its peers have to know one."""
        return bool(self.torrent.record.secret)

    @property
    def tls(self) -> TlsReport | None:
        """How it stands with its certificate; None if it needs none."""
        return self.torrent.host.tls.report(self.torrent)

    @property
    def started_at(self) -> float:
        """Unix seconds of the last start."""
        return self.torrent.started_at

    @property
    def peer_limit(self) -> int:
        """Connections it may have."""
        return self.torrent.peer_limit

    @property
    def limits(self) -> TorrentLimits:
        """Its speed limits, and what is in force."""
        return self.torrent.host.rates.report(self.torrent.record)

    # -- progress ------------------------------------------------------------------------------

    @property
    def pieces(self) -> PieceSet | None:
        """What is verified."""
        content = self.torrent.content
        if content is not None:
            return content.have
        summary = self.summary
        return None if summary is None else PieceSet.full(summary.pieces)

    @property
    def total_size(self) -> int:
        """Bytes of all files."""
        summary = self.summary
        return summary.total if summary else 0

    @property
    def size_when_done(self) -> int:
        """Bytes of the wanted files."""
        return self._measured()[0]

    @property
    def left_until_done(self) -> int:
        """Bytes of the wanted files that are not verified; a magnet's is unknown and at least 1."""
        return self._measured()[1]

    @property
    def have_valid(self) -> int:
        """Verified bytes."""
        return self._measured()[2]

    @property
    def have_unchecked(self) -> int:
        """Received bytes of pieces that are not complete."""
        content = self.torrent.content
        return content.pieces.unchecked_bytes if content else 0

    @property
    def desired_available(self) -> int:
        """Bytes that we want and some connected peer has."""
        content = self.torrent.content
        if content is None or not content.missing_wanted:
            return 0
        picker, layout = content.pieces.picker, content.layout
        return sum(
            layout.piece_size(piece)
            for piece in content.have.missing()
            if content.wants(piece) and picker.availability(piece)
        )

    @property
    def percent_done(self) -> float:
        """0 to 1, of the wanted bytes."""
        wanted, left, _ = self._measured()
        if not wanted:
            return 0.0 if left else 1.0
        return 1.0 - left / wanted

    @property
    def percent_complete(self) -> float:
        """0 to 1, of all bytes."""
        total = self.total_size
        if not self._is_known:
            return 0.0
        return 1.0 if not total else self.have_valid / total

    @property
    def metadata_percent_complete(self) -> float:
        """0 to 1."""
        return 1.0 if self._is_known else self.torrent.metadata.progress

    @property
    def recheck_progress(self) -> float:
        """0 to 1 while a check is under way, else 0."""
        check = self.torrent.opening.check
        return check.progress if check else 0.0

    @property
    def rate_download(self) -> float:
        """Bytes per second."""
        return self.torrent.rates()[0]

    @property
    def rate_upload(self) -> float:
        """Bytes per second."""
        return self.torrent.rates()[1]

    @property
    def eta(self) -> int:
        """Seconds until it is done, or gave enough; -1 when it is, -2 when nobody knows."""
        left = self.left_until_done
        if not left:
            return self.sharing.eta
        rate = self.rate_download
        return int(left / rate) if rate >= 1 and self.torrent.content else ETA_UNKNOWN

    @property
    def sharing(self) -> TorrentSharing:
        """How much it is to give."""
        return TorrentSharing(self.torrent, self)

    @property
    def seconds_downloading(self) -> int:
        """Seconds it ever ran incomplete."""
        self.torrent.count_time()
        return self.torrent.record.seconds_downloading

    @property
    def seconds_seeding(self) -> int:
        """Seconds it ever ran complete."""
        self.torrent.count_time()
        return self.torrent.record.seconds_seeding

    # -- files, peers, trackers ----------------------------------------------------------------

    def files(self) -> list[FileView]:
        """Its files; none while a magnet has no metadata."""
        content, details = self.torrent.content, self._details
        if content is not None:
            return content.selection.views(content.have)
        if details is None:
            return []
        selection = FileSelection(details.layout, self.torrent.record.priorities)
        return selection.views(PieceSet.full(details.layout.piece_count))

    def availability(self) -> list[int]:
        """How many connected peers have each piece; -1 where we have it ourselves."""
        content = self.torrent.content
        if content is None:
            summary = self.summary
            return [-1] * summary.pieces if summary else []
        flags, picker = content.have.flags, content.pieces.picker
        return [
            -1 if flags[piece] else picker.availability(piece)
            for piece in range(content.layout.piece_count)
        ]

    def deadlines(self) -> list[tuple[int, float]]:
        """Wanted pieces that are due and not here, and the seconds left, the soonest first."""
        content = self.torrent.content
        if content is None:
            return []
        found = content.pieces.picker.deadlines(self.torrent.seconds())
        return [(piece, seconds) for piece, seconds in found if content.wants(piece)]

    @property
    def peers(self) -> Sequence[PeerReport]:
        """The connected peers."""
        return [
            PeerReport(peer, self.torrent.host.preferences, self.torrent.trust)
            for peer in list(self.torrent.connected)
        ]

    @property
    def tracker_tiers(self) -> tuple[tuple[str, ...], ...]:
        """Tracker URLs by tier."""
        return self.torrent.trackers.tiers

    @property
    def tracker_states(self) -> Sequence[TrackerState]:
        """How each tracker is doing."""
        return self.torrent.trackers.states()

    @property
    def web_seeds(self) -> tuple[str, ...]:
        """URLs of servers that have its files (BEP 19)."""
        return tuple(url for kind, url in self.torrent.seed_urls() if kind is Kind.FILES)

    @property
    def http_seeds(self) -> tuple[str, ...]:
        """URLs of servers that have its pieces (BEP 17)."""
        return tuple(url for kind, url in self.torrent.seed_urls() if kind is Kind.PIECES)

    @property
    def seed_reports(self) -> Sequence[SeedReport]:
        """How each of both kinds is doing."""
        return self.torrent.seed_reports()

    @property
    def sources(self) -> Sequence[SourceReport]:
        """How each source of its peers is doing."""
        return self.torrent.sources()

    def _tracker_error(self) -> str:
        return self.torrent.trackers.announcer.trouble() if self.torrent.running else ""

    @property
    def _is_known(self) -> bool:
        """Whether it is more than a magnet."""
        return self.torrent.content is not None or self.torrent.resting

    def _measured(self) -> tuple[int, int, int]:
        """Bytes that are wanted, that are left of them, and that are verified."""
        content = self.torrent.content
        if content is None:
            summary = self.summary
            return (summary.wanted, 0, summary.total) if summary else UNKNOWN
        have, levels, known = content.have, content.selection.levels, self._sizes_of
        # Compared without making anything: lists of all torrents come by here three times a row.
        if known is None or known[1] != have.count or known[2] != levels or known[0] is not content:
            valid = content.layout.bytes_had(have)
            wanted = content.selection.wanted_size()
            self._sizes = (wanted, content.selection.left(have), valid)
            self._sizes_of = (content, have.count, bytes(levels))
        return self._sizes
