"""What became of a torrent's pieces, and what follows: peers hear, and it may be complete."""

from __future__ import annotations

from typing import Collection, Hashable, Protocol, Sequence

from twisted.logger import Logger

from p2pd.base.errors import StorageError
from p2pd.session.disks.missing_data import MissingData
from p2pd.session.torrents.torrent_content import TorrentContent
from p2pd.session.torrents.torrent_exchange import TorrentExchange
from p2pd.session.torrents.torrent_host import TorrentHost
from p2pd.session.torrents.torrent_peers import TorrentPeers
from p2pd.session.torrents.torrent_telling import TorrentTelling
from p2pd.session.torrents.torrent_trackers import TorrentTrackers
from p2pd.session.torrents.torrent_trust import TorrentTrust
from p2pd.state.resume import TorrentRecord


class OutcomesOwner(Protocol):
    """The torrent."""

    host: TorrentHost
    record: TorrentRecord
    dirty: bool
    missing: MissingData
    exchange: TorrentExchange
    peers: TorrentPeers
    trackers: TorrentTrackers
    trust: TorrentTrust
    telling: TorrentTelling

    @property
    def running(self) -> bool: ...
    @property
    def content(self) -> TorrentContent | None: ...
    def storage_failed(self, problem: StorageError) -> None:
        """The disk refused, or does not have what it should have."""

    def writable(self, yes: bool) -> None: ...
    def count_time(self) -> None: ...
    async def checkpoint(self) -> None: ...


class TorrentOutcomes:
    """Listens to the pieces of a torrent (PiecesListener)."""

    log = Logger()

    def __init__(self, owner: OutcomesOwner) -> None:
        self._owner = owner
        self._to_announce: list[int] = []

    @property
    def trust(self) -> TorrentTrust:
        """Who knows which peers are to be trusted."""
        return self._owner.trust

    @property
    def exchange(self) -> TorrentExchange:
        """Who counts bytes and sends messages."""
        return self._owner.exchange

    def unfinished_files(self) -> list[int]:
        """The wanted files that are not complete."""
        content = self._owner.content
        return [] if content is None else content.unfinished_files()

    def piece_stored(self, piece: int, contributors: Collection[Hashable], digests: bytes) -> None:
        """A piece is verified and on disk; peers hear of it once per wake-up, not per piece."""
        owner = self._owner
        assert owner.content is not None
        owner.content.stored(piece)
        owner.dirty = True
        if completed := owner.content.completed_by(piece):
            owner.host.moves.name_files(owner, completed)
        owner.host.activity.wake(owner)
        owner.host.counts.pieces_passed += 1
        owner.trust.piece_passed(piece, contributors, digests)
        if not self._to_announce:
            owner.host.clock.callLater(0, self._announce_pieces)
        self._to_announce.append(piece)

    def piece_failed(self, piece: int, senders: Sequence[Hashable | None], digests: bytes) -> None:
        """A piece came out wrong: it is asked for again, and who sent it is watched."""
        self._owner.host.counts.pieces_failed += 1
        self._owner.trust.piece_failed(piece, senders, digests)
        self._owner.exchange.feed_all()

    def storage_refused(self) -> None:
        """The disk did not take a piece, which may be since it is not there."""
        self._owner.host.folders.soon(self._owner)
        self._owner.host.activity.changed(self._owner)

    def storage_failed(self, problem: StorageError) -> None:
        """The disk refused a piece."""
        self._owner.storage_failed(problem)

    def settle_completion(self, *, downloaded: bool) -> None:
        """If that was the last wanted piece, become a seed (or a partial seed, BEP 21)."""
        owner, content = self._owner, self._owner.content
        owner.count_time()
        owner.telling.settle(downloaded=downloaded)
        owner.host.moves.bring_home(owner)
        if content is None or not content.is_complete() or not owner.running:
            return
        if downloaded:
            owner.record.completed_at = owner.host.wall()
            owner.host.activity.changed(owner)
            self.log.info("{name}: complete", name=owner.record.name)
            if content.have.is_full:
                owner.trackers.complete()
        for peer in owner.peers:
            peer.download_finished()
        owner.host.background(owner.checkpoint(), owner.record.name)
        owner.host.queues.changed_sides(owner)

    def _announce_pieces(self) -> None:
        pieces, self._to_announce = self._to_announce, []
        self._owner.peers.broadcast_have(pieces)
        self.settle_completion(downloaded=True)
