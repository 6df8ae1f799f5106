"""The download side of one peer: keep its request window full, take its blocks, time it out.

All accounting happens once per wake-up (`settle`), not per block.
"""

from __future__ import annotations

from typing import Any, Hashable, Protocol, Sequence

from p2pd.base.piece_set import PieceSet
from p2pd.base.rates import RollingRate
from p2pd.base.requests import Request
from p2pd.protocols.peerwire.messages import Block, Cancel, encode_requests
from p2pd.session.peers.peer_fast import PeerFast
from p2pd.session.pieces.block_tally import tally
from p2pd.session.pieces.torrent_pieces import TorrentPieces
from p2pd.swarm.choking.tit_for_tat import TRADE_SECONDS
from p2pd.swarm.request_pipeline import RequestWindow

UNASKED_LIMIT = 200
"""Unasked-for blocks, beyond those we cancelled ourselves, after which a peer is dropped."""

REJECT_LIMIT = 5000
"""Rejects in a row, with no block between them, after which a peer is dropped: two windows full."""


class DownloadPeer(Hashable, Protocol):
    """What a download needs from its peer session."""

    @property
    def pieces(self) -> PieceSet | None:
        """What the peer has."""

    supports_fast: bool
    peer_choking: bool
    am_interested: bool
    fast: PeerFast

    def send(self, message: Any) -> None: ...
    def send_bytes(self, raw: bytes) -> None: ...
    def send_to(self, peer: object, message: Any) -> None:
        """Queue and flush a message at another peer of the torrent."""

    def payload_received(self, size: int, now: float) -> None:
        """`size` bytes of wanted payload came."""

    def payload_wasted(self, size: int) -> None:
        """`size` bytes came that were not needed."""

    def requests_freed(self) -> None:
        """What was asked of this peer in vain may be asked of others."""

    def nothing_to_ask(self) -> None:
        """The picker has nothing for this peer now."""

    def drop(self, reason: str) -> None: ...


class PeerDownload:
    """What is asked of one peer, and what came."""

    __slots__ = (
        "rate", "total", "window", "_blocks", "_bytes", "_cancelled", "_peer", "_pieces",
        "_rejects", "_unasked", "last_block_at", "last_request_at",
    )  # fmt: skip

    def __init__(self, peer: DownloadPeer, window: RequestWindow) -> None:
        self._peer = peer
        self._pieces: TorrentPieces | None = None
        self.window = window
        self.rate = RollingRate(longest=TRADE_SECONDS)
        self.total = 0
        self.last_block_at = 0.0
        self.last_request_at = 0.0
        self._blocks = 0
        self._bytes = 0
        self._unasked = 0
        self._rejects = 0
        self._cancelled = 0

    def attach(self, pieces: TorrentPieces) -> None:
        """The metadata is known: there is something to ask for."""
        self._pieces = pieces

    @property
    def outstanding(self) -> int:
        """Requests sent and not yet answered."""
        return 0 if self._pieces is None else self._pieces.outstanding(self._peer)

    def blocks(self, blocks: Sequence[Block]) -> None:
        """Take blocks that came one after the other; their bytes are copied here and now."""
        if self._pieces is None:
            for block in blocks:
                self.block_wasted(len(block.data))
            return
        outcomes = self._pieces.receive(self._peer, blocks)
        count, size = tally(outcomes, blocks, self)
        if count:
            self._rejects = 0
            self._blocks += count
            self._bytes += size

    def places(self, limit: int) -> tuple[list[tuple[int, int, int]], list[memoryview]]:
        """The blocks that should come next, and where each belongs."""
        return ([], []) if self._pieces is None else self._pieces.places(self._peer, limit)

    def landed(self, blocks: Sequence[tuple[int, int, int]]) -> None:
        """These came, and are in their places."""
        if self._pieces is not None:
            self._pieces.landed(self._peer, blocks)
            self._rejects = 0
            self._blocks += len(blocks)
            self._bytes += sum([length for _, _, length in blocks])

    def settle(self, now: float) -> None:
        """Once per wake-up: count what came, and refill the window."""
        if self._blocks:
            self.window.on_blocks(self._blocks, self._bytes, now)
            self.rate.add(self._bytes, now)
            self.total += self._bytes
            self.last_block_at = now
            self._peer.payload_received(self._bytes, now)
            self._blocks = self._bytes = 0
        self.refill(now)

    def refill(self, now: float) -> None:
        """Ask for more when the window has room and the peer lets us."""
        peer, pieces = self._peer, self._pieces
        if not peer.am_interested or pieces is None:
            return
        only = None
        if peer.peer_choking:
            only = peer.fast.allowed
            if not only:
                return
        has = peer.pieces
        if has is None:
            return
        outstanding = pieces.outstanding(peer)
        count = self.window.refill(outstanding)
        if count <= 0:
            return
        requests = pieces.pick(
            peer,
            has,
            count,
            only=only,
            prefer=peer.fast.suggested,
            slow=self.window.snubbed,
            pace=self.window,
            now=now,
        )
        if requests:
            peer.send_bytes(encode_requests(requests))
            self.window.on_request_sent(len(requests), now)
            self.last_request_at = now
        elif not outstanding:
            peer.nothing_to_ask()

    def choked(self) -> None:
        """A choke throws our requests away, unless BEP 6 has each of them refused by name."""
        if self._pieces is not None and not self._peer.supports_fast:
            self._cancelled += self._pieces.outstanding(self._peer)
            self._pieces.forget_requests(self._peer)

    def rejected(self, request: Request) -> None:
        """The peer will not serve it (BEP 6): somebody else may."""
        self._rejects += 1
        if self._rejects > REJECT_LIMIT:
            self._peer.drop("it rejects whatever it is asked for")
        elif self._pieces is not None:
            self._pieces.request_failed(self._peer, request)

    def cancel(self, request: Cancel) -> None:
        """Another peer was faster: tell this one not to send it."""
        self._cancelled += 1
        self._peer.send(request)

    def limit_rate(self, rate: float | None) -> None:
        """We take no more than so many bytes per second: ask no more than fits.

        What was asked beyond that is withdrawn from peers that answer every request, by the block
        or by a reject (BEP 6); others would leave us in doubt.
        """
        self.window.set_rate_limit(rate)
        if rate is not None and self._pieces is not None and self._peer.supports_fast:
            for request in list(self._pieces.peer_requests(self._peer))[self.window.most :]:
                self._peer.send(Cancel(*request))

    def tick(self, now: float) -> None:
        """Give the blocks of a silent peer to others when its time is up."""
        pieces = self._pieces
        if pieces is None or not pieces.outstanding(self._peer):
            return
        waiting_since = max(self.last_block_at, self.last_request_at)
        if self.window.timed_out(waiting_since, now):
            overdue = list(pieces.peer_requests(self._peer))
            for request in overdue:
                self._peer.send(Cancel(*request))
            self._cancelled += len(overdue)
            pieces.forget_requests(self._peer)
            self._peer.requests_freed()
            # Others come first, but it is asked again: it may be the only one, and awake by then.
            self._peer.nothing_to_ask()

    def excuse_silence(self, now: float) -> None:
        """The peer was not listened to until now: its blocks may be here already."""
        self.last_block_at = now

    def close(self) -> None:
        """The peer is gone; what was asked of it goes back to the pool."""
        if self._pieces is not None:
            self._pieces.forget_peer(self._peer)

    def cancel_at(self, peer: Hashable, request: Request) -> None:
        """It sent what another one was asked for, too (block_tally.Taker)."""
        self._peer.send_to(peer, Cancel(*request))

    def block_wasted(self, length: int) -> None:
        """It sent what is not wanted."""
        self._peer.payload_wasted(length)
        self._unasked += 1
        if self._unasked > UNASKED_LIMIT + self._cancelled:
            self._peer.drop("it keeps sending blocks that nobody asked for")
