"""What the peer sessions of one torrent ask of it and report to it.

Payload is counted here, peers that found nothing to ask are fed again when something changed, and
messages that concern the torrent as a whole are handed to its metadata and its piece layers.
"""

from __future__ import annotations

from typing import Any, Hashable, Iterable, Mapping, Protocol, Sequence

from twisted.internet.defer import Deferred
from twisted.python.failure import Failure

from p2pd import __version__
from p2pd.base.addresses import PeerAddress
from p2pd.base.errors import StorageError
from p2pd.base.piece_set import PieceSet
from p2pd.base.rates import RollingRate
from p2pd.base.requests import Request
from p2pd.protocols.nat.mapping import PortKind
from p2pd.protocols.peerwire.extensions.p2pd_node import NAME as P2PD_NODE
from p2pd.protocols.peerwire.extensions.registry import ExtensionHandshake
from p2pd.protocols.peerwire.messages import Cancel
from p2pd.session.peers.peer_node import PeerNode
from p2pd.session.peers.peer_session import PeerSession
from p2pd.session.peers.peer_upload import REQUEST_QUEUE
from p2pd.session.pieces.piece_buffers import PieceBuffers
from p2pd.session.rate_limits import PeerChains, RateLimits
from p2pd.session.revoking.torrent_revocations import NAME as P2PD_CRL
from p2pd.session.revoking.torrent_revocations import TorrentRevocations
from p2pd.session.torrents.torrent_content import TorrentContent
from p2pd.session.torrents.torrent_dialling import TorrentDialling
from p2pd.session.torrents.torrent_holepunch import NAME as UT_HOLEPUNCH
from p2pd.session.torrents.torrent_holepunch import TorrentHolepunch
from p2pd.session.torrents.torrent_host import TorrentHost
from p2pd.session.torrents.torrent_layers import PieceLayerExchange
from p2pd.session.torrents.torrent_metadata import NAME as UT_METADATA
from p2pd.session.torrents.torrent_metadata import MetadataExchange
from p2pd.session.torrents.torrent_peers import TorrentPeers
from p2pd.session.torrents.torrent_pex import NAME as UT_PEX
from p2pd.session.torrents.torrent_pex import TorrentPex
from p2pd.session.torrents.torrent_super_seeding import TorrentSuperSeeding
from p2pd.session.torrents.torrent_trust import TorrentTrust
from p2pd.session.web_seeds.seed_lane import SeedLane
from p2pd.session.web_seeds.torrent_web_seeds import TorrentWebSeeds
from p2pd.state.resume import TorrentRecord
from p2pd.storage.interfaces import Storage
from p2pd.swarm.deadlines import DeadlineWindow, due_in
from p2pd.swarm.request_pipeline import RequestWindow
from p2pd.transports.interfaces import Buffer


class ExchangeOwner(Protocol):
    """The torrent that the peers exchange."""

    host: TorrentHost
    record: TorrentRecord
    running: bool
    peers: TorrentPeers
    trust: TorrentTrust
    metadata: MetadataExchange
    layers: PieceLayerExchange | None
    pex: TorrentPex
    holepunch: TorrentHolepunch
    revocations: TorrentRevocations
    dialling: TorrentDialling
    web_seeds: TorrentWebSeeds

    @property
    def content(self) -> TorrentContent | None: ...
    @property
    def private(self) -> bool:
        """BEP 27."""

    def port_for(self, host: str) -> int:
        """The port by which who is at that IP address reaches the torrent."""

    def storage_failed(self, problem: StorageError) -> None:
        """The disk refused, or does not have what it should have."""


class TorrentExchange:
    """The torrent, as its peer sessions see it (peer_torrent.PeerTorrent)."""

    def __init__(self, owner: ExchangeOwner) -> None:
        self.content: TorrentContent | None = None
        self.seconds = owner.host.clock.seconds
        self.rate_download = RollingRate()
        self.rate_upload = RollingRate()
        self.moved = False
        self._owner = owner
        self.super_seeding = TorrentSuperSeeding(owner)
        self._starving: dict[PeerSession, None] = {}

    # -- what there is -------------------------------------------------------------------------

    def new_window(self) -> RequestWindow:
        """A request window for a new peer."""
        return self._owner.host.new_window()

    def rate_limits(self) -> RateLimits:
        """The session's."""
        return self._owner.host.rates

    def chains(self, host: str) -> PeerChains:
        """The speed limits for a peer at this IP address."""
        return self._owner.host.rates.chains(self._owner.record, host)

    def have(self) -> PieceSet | None:
        """What may be said to be here."""
        return None if self.content is None else self.content.have

    def greet(self, peer: PeerSession) -> PieceSet | None:
        """What we say to a new peer that we have."""
        return self.super_seeding.greet(peer)

    def peer_told(self, peer: PeerSession, piece: int | None) -> None:
        """A peer said what it has."""
        self.super_seeding.told(peer, piece)

    def newcomers(self) -> int:
        """Choked peers that may be living on the pieces we offered them."""
        return sum(peer.fast.is_newcomer for peer in self._owner.peers.connected)

    def is_complete(self) -> bool:
        """Whether every wanted piece is here."""
        return self.content is not None and self.content.is_complete()

    def wants_piece(self, piece: int) -> bool:
        """Whether one piece is missing and wanted."""
        return self._owner.running and self.content is not None and self.content.wants(piece)

    def wants_any_of(self, pieces: PieceSet) -> bool:
        """Whether a peer with these pieces is interesting."""
        content = self.content
        return (
            content is not None
            and self._owner.running
            and content.pieces.picker.wants_any_of(pieces)
        )

    def spare_buffers(self) -> PieceBuffers:
        """The session's."""
        return self._owner.host.budget.buffers

    def read_blocks_now(
        self, requests: Sequence[Request], buffer: memoryview
    ) -> Sequence[Buffer] | None:
        """Blocks that are in memory."""
        assert self.content is not None
        return self.content.storage.read_now(requests, buffer)

    def read_blocks(self, requests: Sequence[Request]) -> Deferred[Sequence[Buffer]]:
        """Blocks from disk, in a thread."""
        assert self.content is not None
        storage = self.content.storage
        reading: Deferred[Any] = self.content.device.read(storage.read_many, requests)
        return reading.addErrback(self._read_elsewhere, storage, requests)

    def _read_elsewhere(
        self, failure: Failure, storage: Storage, requests: Sequence[Request]
    ) -> Any:
        """It could not be read: perhaps because the files were moved while it waited."""
        content = self.content
        if failure.check(StorageError) is None or content is None or content.storage is storage:
            return failure
        return self.read_blocks(requests)

    def extension_handshake(
        self, peer: PeerSession, local_ids: Mapping[str, int]
    ) -> ExtensionHandshake:
        """What we tell this peer of ourselves (BEP 10)."""
        content = self.content
        return ExtensionHandshake(
            messages=self._offered(peer, local_ids),
            version=f"p2pd {__version__}",
            port=self._owner.port_for(peer.address.host),
            reqq=REQUEST_QUEUE,
            your_ip=peer.address.host,
            metadata_size=len(content.metainfo.info_bytes) if content else None,
            upload_only=self.is_complete() and peer.shown is None,
            prefers_encryption=self._owner.host.settings.encryption in ("preferred", "required"),
        )

    def _offered(self, peer: PeerSession, local_ids: Mapping[str, int]) -> dict[str, int]:
        """The extensions that this torrent has; 0 is what a peer was offered once."""
        offered = dict(local_ids)
        if not peer.node.offers:
            del offered[P2PD_NODE]
        if not self._owner.revocations.allowed:
            del offered[P2PD_CRL]
        if self._owner.pex.allowed:
            peer.extensions.offered_pex = True
            return offered
        for name in (UT_PEX, UT_HOLEPUNCH):
            if peer.extensions.offered_pex:
                offered[name] = 0
            else:
                del offered[name]
        return offered

    # -- what is reported ----------------------------------------------------------------------

    def payload_received(self, size: int, now: float) -> None:
        """Wanted payload came."""
        self.rate_download.add(size, now)
        self._owner.record.downloaded += size
        self._owner.record.active_at = self._owner.host.wall()
        self.moved = True
        self._owner.host.count_downloaded(size, now)

    def payload_wasted(self, size: int) -> None:
        """Payload came that nobody needed."""
        self._owner.record.corrupt += size

    def withdrawn(self, requests: Sequence[tuple[Hashable, Request]]) -> None:
        """What is here by now was still asked of these peers: they may be asked for more."""
        for peer, request in requests:
            self.cancel(peer, request)
        self._feed(peer for peer in dict(requests) if isinstance(peer, PeerSession))

    def payload_sent(self, size: int, now: float) -> None:
        """Payload went out."""
        self.rate_upload.add(size, now)
        self._owner.record.uploaded += size
        self._owner.record.active_at = self._owner.host.wall()
        self.moved = True
        self._owner.host.count_uploaded(size, now)
        self.super_seeding.sent(now)

    def cannot_read(self, problem: BaseException | None) -> None:
        """Blocks that should be on disk are not: serving goes on only when the user says so."""
        if not isinstance(problem, StorageError):
            problem = StorageError(f"blocks cannot be read: {problem}")
        self._owner.storage_failed(problem)

    def has_news(self, peer: PeerSession) -> bool:
        """Whether there may be a revocation list that one of us has, and the other has not."""
        return self._owner.revocations.may_have_news(peer)

    def interest_changed(self, peer: PeerSession) -> None:
        """The peer wants something of us, or no longer."""
        self._owner.peers.interest_changed(peer)

    def peer_ready(self, peer: PeerSession, our_host: str | None) -> None:
        """The peer told its extensions, and perhaps as whom it sees us."""
        self._owner.peers.introduced(peer, our_host)
        if peer.closed:
            return
        peer.node.begin()
        self._owner.pex.introduced(peer, self.seconds())
        self._owner.revocations.introduced(peer, self.seconds())
        self._owner.metadata.peer_ready(peer)
        if self._owner.layers is not None:
            self._owner.layers.peer_ready(peer)

    def extended(self, peer: PeerSession, name: str, payload: bytes) -> None:
        """A message of an extension that concerns the whole torrent."""
        if name == UT_METADATA:
            self._owner.metadata.received(peer, payload)
        elif name == UT_PEX:
            self._owner.pex.received(peer, payload, self.seconds())
        elif name == UT_HOLEPUNCH:
            self._owner.holepunch.received(peer, payload)
        elif name == P2PD_CRL:
            self._owner.revocations.received(peer, payload, self.seconds())
        elif name == P2PD_NODE:
            peer.node.received(payload)

    def node_of(self, peer: PeerSession) -> PeerNode:
        """What will be known of a new peer's node."""
        return PeerNode(peer, self._owner.host.nodes, private=self._owner.private)

    def node_proved(self, peer: PeerSession) -> None:
        """It is known which node a peer is."""
        self._owner.peers.node_proved(peer)

    def dht_port(self, peer: PeerSession) -> int:
        """Of our DHT node, for this peer to know; 0: it is none of its business."""
        host = self._owner.host
        if not host.dht.is_for(self._owner) or not host.dht.port:
            return 0
        return host.reaching.port_for(peer.address.host, PortKind.UDP)

    def dht_node(self, address: PeerAddress) -> None:
        """A peer says where its DHT node is."""
        if self._owner.host.dht.is_for(self._owner):
            self._owner.host.dht.add_node(address)

    def hash_message(self, peer: PeerSession, message: Any) -> None:
        """A message about Merkle hashes (BEP 52)."""
        if self._owner.layers is not None:
            self._owner.layers.received(peer, message)

    def reads_too_little(self) -> None:
        """Counted."""
        self._owner.host.counts.slow_readers += 1

    def peer_gone(self, peer: PeerSession, reason: str, *, misbehaved: bool) -> None:
        """A connection ended."""
        self._starving.pop(peer, None)
        if misbehaved:
            self._owner.trust.abused(peer)
        self.super_seeding.left(peer)
        self._owner.pex.left(peer, reason, self.seconds())
        self._owner.holepunch.left(peer)
        self._owner.revocations.left(peer, self.seconds())
        self._owner.peers.left(peer, self.seconds(), misbehaved=misbehaved)
        self._owner.host.activity.changed(self._owner)
        self._owner.metadata.peer_gone(peer)
        if self._owner.layers is not None:
            self._owner.layers.peer_gone(peer)
        self.feed_starving()
        self._owner.host.connection_ended(peer.address.host)
        self._owner.dialling.wake()

    def cancel(self, peer: Hashable, request: Request) -> None:
        """What was asked of a peer is not wanted any more: what comes of it is not its fault."""
        if isinstance(peer, SeedLane):
            peer.withdrawn()
        elif isinstance(peer, PeerSession) and not peer.closed:
            peer.download.cancel(Cancel(*request))

    # -- feeding -------------------------------------------------------------------------------

    def starved(self, peer: PeerSession) -> None:
        """The picker had nothing although the peer is interesting: memory, or the end game."""
        self._starving[peer] = None
        self._owner.host.budget.call_when_free(self.feed_starving)

    def timed_out(self, peer: PeerSession) -> None:
        """What was asked of a peer in vain, others may be asked."""
        self._owner.trust.timed_out(peer)
        self.feed_starving()

    def set_deadlines(self, windows: Iterable[DeadlineWindow]) -> None:
        """These pieces come first from now on, and no others do; none ends it."""
        if self.content is not None:
            picker, now = self.content.pieces.picker, self.seconds()
            picker.set_deadlines(due_in(windows, now))
            picker.hurry(now)
            self.feed_all()

    def hurry(self, now: float) -> None:
        """Once a second: what is about to be late is to be asked of a second peer."""
        if self.content is not None and self.content.missing_wanted:
            self.content.pieces.picker.hurry(now)

    def feed_starving(self) -> None:
        """Something changed: those that found nothing to ask may look again."""
        starving, self._starving = self._starving, {}
        self._feed(starving)

    def feed_all(self) -> None:
        """Other pieces are wanted: everyone may look again."""
        self._feed(self._owner.peers)
        self._owner.web_seeds.feed()

    @staticmethod
    def _feed(peers: Iterable[PeerSession]) -> None:
        """Who answers most and soonest is asked first: what others left may be scarce."""
        for peer in sorted(peers, key=lambda peer: peer.download.window.score, reverse=True):
            peer.fed()
