"""One connected peer of one torrent: what it has, who chokes whom, and what is on the way.

Wire events come in, one batch per wake-up; the download and upload sides, extensions, metadata
and piece layers are objects of their own that this one joins. Follows BEP 3 (choke, interest,
bitfield), BEP 6 (have all, have none, allowed fast, suggest, reject), BEP 21, BEP 52 and BEP 54.
"""

from __future__ import annotations

from itertools import groupby
from typing import Any, Sequence

from twisted.internet.defer import Deferred
from twisted.logger import Logger

from p2pd.base.addresses import PeerAddress
from p2pd.base.errors import FormatError
from p2pd.base.ids import client_name
from p2pd.base.piece_set import PieceSet
from p2pd.base.requests import Request
from p2pd.protocols.peerwire import messages as wire
from p2pd.protocols.peerwire.connection import Event, PeerWire
from p2pd.session.connecting.admission import Way
from p2pd.session.connecting.handshaking import Handshaking
from p2pd.session.peers.partings import BOTH_DONE
from p2pd.session.peers.peer_download import PeerDownload
from p2pd.session.peers.peer_extensions import PeerExtensions
from p2pd.session.peers.peer_fast import PeerFast
from p2pd.session.peers.peer_inbox import PeerInbox
from p2pd.session.peers.peer_limits import PeerLimits
from p2pd.session.peers.peer_messages import handle_run
from p2pd.session.peers.peer_pieces import PeerPieces, announce_pieces
from p2pd.session.peers.peer_torrent import PeerTorrent
from p2pd.session.peers.peer_upload import PeerUpload
from p2pd.session.pieces.piece_buffers import PieceBuffers
from p2pd.session.torrents.torrent_content import TorrentContent
from p2pd.transports.interfaces import Buffer, PeerStream

SEND_LIMIT = 4 * 1024 * 1024
"""Bytes that may wait for a peer that does not read before it is dropped."""


class PeerSession:
    """A peer that has shaken hands. Hashable by identity: policies use it as their key."""

    log = Logger()

    def __init__(self, torrent: PeerTorrent, shaken: Handshaking) -> None:
        remote = shaken.remote
        self.torrent = torrent
        self.seconds = torrent.seconds
        self.wire: PeerWire = shaken.wire
        self.stream: PeerStream = shaken.stream
        self.address: PeerAddress = shaken.address
        self.listen_address: PeerAddress | None = None if shaken.incoming else shaken.address
        self.source = shaken.source
        self.incoming = shaken.incoming
        self.encrypted = shaken.encrypted
        self.encryption = shaken.entry.encryption
        self.binding = shaken.entry.binding
        """What both ends alone know of this connection (transports/interfaces.py), 32 bytes."""
        self.way = shaken.entry.way
        self.transport_name = "tls" if self.way is Way.TLS else "tcp"
        self.certificate = shaken.entry.certificate
        self.v2 = shaken.v2
        self.peer_id = remote.peer_id
        self.supports_fast = remote.supports_fast
        self.connected_at = self.seconds()
        self.am_choking = True
        self.am_interested = False
        self.peer_choking = True
        self.peer_interested = False
        self.optimistic = False
        self.upload_only = False
        self.shown: set[int] | None = None
        """The only pieces that it may know we have (BEP 16, super-seeding); None: all of them."""
        self.told_of_node = self.closed = False
        self.told = PeerPieces()
        self.fast = PeerFast(self)
        self.node = torrent.node_of(self) if shaken.node is None else shaken.node.moved_to(self)
        self.extensions = PeerExtensions(self, offered=remote.supports_extensions)
        self.download = PeerDownload(self, torrent.new_window())
        self.upload = PeerUpload(self)
        self._inbox = PeerInbox(self)
        self._limits = PeerLimits(self, self._inbox)

    # -- life ---------------------------------------------------------------------------------

    def begin(self, events: Sequence[Event]) -> None:
        """Say what we have, and handle what came in behind the handshake."""
        self._inbox.open()
        self._limits.apply()
        announce_pieces(self, self.torrent.greet(self))
        self.extensions.greet()
        self._tell_of_node()
        if self.torrent.content is not None:
            self._attach(self.torrent.content)
        self.handle(events, self.seconds())
        self.flush()

    def _tell_of_node(self) -> None:
        assert self.wire.remote is not None
        if self.wire.remote.supports_dht and (port := self.torrent.dht_port(self)):
            self.send(wire.Port(port))

    def limits_changed(self) -> None:
        """Other speed limits hold, perhaps for this peer too."""
        if not self.closed:
            self._limits.apply()

    def metadata_arrived(self, content: TorrentContent) -> None:
        """The torrent knows its pieces now: what the peer said of them before has a meaning.

        Said again, our extension handshake tells a peer that still lacks the metadata to ask us.
        """
        self._attach(content)
        self.extensions.greet()
        announce_haves = content.have.count and not self.closed
        if announce_haves:
            for piece in content.have:
                self.send(wire.Have(piece))
        self.fed()

    def download_finished(self) -> None:
        """We have all that we want: say so, and part from peers that have it all too."""
        self.update_interest()
        if self.shown is None:
            self.extensions.tell_upload_only(True)
        self.flush()
        self.part_if_both_done()

    def download_goes_on(self) -> None:
        """We want more after all: a seed that took us for one would never unchoke us."""
        self.extensions.tell_upload_only(False)
        self.flush()

    def drop(self, reason: str, *, misbehaved: bool = True) -> None:
        """Close the connection because of something the peer did."""
        if not self.closed:
            self.log.debug("{address} dropped: {reason}", address=self.address, reason=reason)
            self.stream.abort()
            self._gone(reason, misbehaved=misbehaved)

    def reads_too_little(self) -> None:
        """Drop it: what it asked for takes too much memory until it reads it."""
        self.torrent.reads_too_little()
        self.drop("it does not read what it asked for")

    def disconnect(self, reason: str) -> None:
        """Close the connection for a reason of our own."""
        if not self.closed:
            self.flush()
            self.stream.close()
            self._gone(reason, misbehaved=False)

    def tick(self, now: float) -> None:
        """Once a second: keep-alives, silence, overdue requests."""
        self._inbox.tick(now)
        self._limits.tick()
        if not self.closed:
            self.download.tick(now)
            self.flush()
        if not self.closed and self.stream.pending > SEND_LIMIT:
            self.reads_too_little()

    # -- the stream (InboxPeer) ---------------------------------------------------------------

    def handle(self, events: Sequence[Event], now: float) -> None:
        """One wake-up's events: handle, account, refill, answer, in that order."""
        alone = len(events) == 1  # as most are: a have, a request, a block of a slow peer
        for kind, run in ((type(events[0]), events),) if alone else groupby(events, type):
            try:
                handle_run(self, kind, list(run))
            except FormatError as problem:
                self.drop(str(problem))
            if self.closed:
                return
        self.download.settle(now)
        self.flush()
        if self.stream.pending > SEND_LIMIT:
            self.reads_too_little()
            return
        self.upload.serve()

    def writable(self) -> None:
        """The socket took what it had: read the next blocks."""
        self.upload.serve()

    def lost(self, reason: str) -> None:
        """The connection is gone."""
        self._gone(reason, misbehaved=False)

    # -- sending ------------------------------------------------------------------------------

    def send(self, message: Any) -> None:
        """Queue a message; it leaves with the next `flush`."""
        self.wire.send(message)

    def send_bytes(self, raw: bytes) -> None:
        """Queue messages that are encoded already."""
        self.wire.send_bytes(raw)

    def send_to(self, peer: object, message: Any) -> None:
        """Send a cancel to another peer of the torrent."""
        if not isinstance(peer, PeerSession):  # a web seed
            self.torrent.cancel(peer, Request(*message))
        elif not peer.closed:
            peer.download.cancel(message)
            if peer is not self:
                peer.flush()

    def flush(self) -> None:
        """Give what is queued to the stream."""
        data = self.wire.data_to_send()
        if data and not self.closed:
            self.stream.write([data])
            if self.upload.meter is not None:
                self.upload.meter.charge(len(data), self.seconds())

    def write(self, buffers: Sequence[Buffer]) -> None:
        """Payload, behind what was flushed."""
        self.stream.write(buffers)

    @property
    def send_pending(self) -> int:
        """Bytes the socket has yet to take."""
        return self.stream.pending

    # -- choke and interest -------------------------------------------------------------------

    def choke(self) -> None:
        """Serve this peer no more, but for its allowed-fast pieces."""
        if not self.am_choking:
            self.am_choking = True
            self.send(wire.Choke())
            served = self.fast.served
            self.upload.refuse_all(keep=lambda request: request.piece in served)
            self.flush()

    def unchoke(self) -> None:
        """Serve this peer."""
        if self.am_choking:
            self.am_choking = False
            self.send(wire.Unchoke())
            self.flush()

    def update_interest(self) -> None:
        """Say whether the peer has something that we want."""
        pieces = self.pieces
        wanted = pieces is not None and pieces.count > 0 and self.torrent.wants_any_of(pieces)
        if wanted != self.am_interested:
            self.am_interested = wanted
            self.send(wire.Interested() if wanted else wire.NotInterested())

    def nothing_to_ask(self) -> None:
        """The picker had nothing: perhaps interest is over, perhaps memory is short."""
        self.update_interest()
        if self.am_interested:
            self.torrent.starved(self)
        self.part_if_both_done()

    def requests_freed(self) -> None:
        """What was asked of this peer in vain: others may take it at once."""
        self.torrent.timed_out(self)

    def fed(self) -> None:
        """Something may be asked again."""
        if not self.closed:
            self.update_interest()
            self.download.refill(self.seconds())
            self.flush()

    def has_new_pieces(self, pieces: Sequence[int], haves: bytes, *, hurry: bool) -> bool:
        """We got pieces: tell the peer, with what is sent next, a second from now at the latest.

        At once if it lacks one, or may be a seed that shows us more when it hears (BEP 16). True if
        it lacks one and was not told yet: `hurry` is false while so many pieces come that those
        who want and have nothing are better told of several at a time.
        """
        if self.closed:
            return False
        self.send_bytes(haves)
        no_more = not (self.told.is_full or self.download.outstanding)
        if not (no_more or self.told.lacks_any_of(pieces)):
            return False
        if hurry or self.am_interested or self.peer_interested:
            self.flush()
            return False
        return True

    # -- what the sides ask -------------------------------------------------------------------

    def spare_buffers(self) -> PieceBuffers:
        """Buffers to read into."""
        return self.torrent.spare_buffers()

    def read_blocks_now(
        self, requests: Sequence[Request], buffer: memoryview
    ) -> Sequence[Buffer] | None:
        """Blocks that are in memory."""
        return self.torrent.read_blocks_now(requests, buffer)

    def read_blocks(self, requests: Sequence[Request]) -> Deferred[Sequence[Buffer]]:
        """Blocks from disk."""
        return self.torrent.read_blocks(requests)

    def call_when_writable(self) -> None:
        """The upload has more to send, when others had their turn."""
        self.stream.call_when_writable()

    def cannot_read(self, problem: BaseException | None) -> None:
        """Blocks that we said we have are not on disk: the torrent's trouble, not the peer's."""
        self.torrent.cannot_read(problem)

    def payload_received(self, size: int, now: float) -> None:
        """Wanted payload came."""
        self.torrent.payload_received(size, now)

    def payload_wasted(self, size: int) -> None:
        """Payload came that was not needed."""
        self.torrent.payload_wasted(size)

    def block_sent(self, size: int, now: float) -> None:
        """Payload went out."""
        self.torrent.payload_sent(size, now)

    # -- pieces -------------------------------------------------------------------------------

    @property
    def pieces(self) -> PieceSet | None:
        """What the peer has; None until it said so, or while there is no metadata."""
        return self.told.have

    def lost_piece(self, piece: int) -> None:
        """The peer no longer has a piece (BEP 54)."""
        self.told.lost(piece)

    def relocated(self, content: TorrentContent) -> None:
        """The torrent's files are on another disk, perhaps."""
        self._inbox.attach(content.device.memory.backlog)

    def _attach(self, content: TorrentContent) -> None:
        self.download.attach(content.pieces)
        self._inbox.attach(content.device.memory.backlog)
        try:
            self.told.attach(content)
        except FormatError as problem:
            self.drop(str(problem))
        self.update_interest()

    @property
    def wire_id(self) -> bytes:
        """The 20-byte info-hash of this connection."""
        assert self.wire.remote is not None
        return self.wire.remote.info_hash

    def part_if_both_done(self) -> None:
        """Two that have everything have nothing more to say."""
        have = self.torrent.have()
        both_done = self.told.is_full and have is not None and have.is_full
        if both_done and not self.torrent.has_news(self):
            self.disconnect(BOTH_DONE)

    def _gone(self, reason: str, *, misbehaved: bool) -> None:
        if self.closed:
            return
        self.closed = True
        self._inbox.close()
        self._limits.close()
        self.upload.close()
        self.download.close()
        self.upload_only = self.upload_only or self.told.is_full
        self.told.leave()
        self.torrent.peer_gone(self, reason, misbehaved=misbehaved)

    def in_range(self, piece: int) -> bool:
        """Whether there is such a piece, as far as can be said."""
        content = self.torrent.content
        return content is not None and piece < content.layout.piece_count

    @property
    def node_key(self) -> bytes:
        """The key that its node proved to have; empty: none."""
        return self.node.key

    def node_proved(self) -> None:
        """It is known which node it is."""
        self.torrent.node_proved(self)

    # -- for readers ---------------------------------------------------------------------------

    @property
    def client(self) -> str:
        """What the peer says it runs."""
        return self.extensions.version or client_name(self.peer_id)
