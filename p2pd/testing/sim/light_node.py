"""A node of the lighter model, and its side of a connection."""

from __future__ import annotations

import random
from collections import deque
from dataclasses import dataclass

from p2pd.base.piece_set import PieceSet
from p2pd.base.rates import RollingRate
from p2pd.base.requests import Request
from p2pd.swarm.choker import Choker
from p2pd.swarm.piece_picker import PiecePicker
from p2pd.swarm.request_pipeline import RequestWindow
from p2pd.testing.sim.conduct import Conduct
from p2pd.testing.sim.event_clock import EventClock

OPTIMISTIC_SLOTS = 1


@dataclass(frozen=True, slots=True)
class UniformPieces:
    """Pieces of one length (swarm.picker_state.PieceGeometry)."""

    piece_count: int
    piece_length: int

    def request_size(self, piece: int) -> int:
        """Bytes of any piece."""
        return self.piece_length


class LightPeer:
    """What a node knows of one that it is connected with; `other_side` is what that one knows.

    A key for the picker and the choker, as a PeerSession is. `pieces` is the other node's own set,
    since haves take no time, or what it shows this one.
    """

    __slots__ = (
        "am_choking", "am_interested", "connected_at", "download", "in_turn", "last_block_at",
        "node", "other_side", "peer_choking", "peer_interested", "pieces", "queue", "upload",
        "window",
    )  # fmt: skip

    def __init__(self, node: LightNode, pieces: PieceSet, now: float) -> None:
        self.node = node
        self.pieces = pieces
        self.other_side = self
        self.am_choking = self.peer_choking = True
        self.am_interested = self.peer_interested = False
        self.connected_at = now
        self.in_turn = False
        self.last_block_at = 0.0
        self.window = RequestWindow()
        self.download = RollingRate()
        self.upload = RollingRate()
        self.queue: deque[Request] = deque()
        """What the peer asked for and has not got yet."""


class Candidate:
    """What the choker sees of a peer."""

    __slots__ = (
        "connected_at", "download_rate", "interested", "key", "last_block_at", "owes",
        "progress", "received", "unchoked", "upload_only", "upload_rate",
    )  # fmt: skip

    def __init__(self, peer: LightPeer, now: float) -> None:
        self.key = peer
        self.interested = peer.peer_interested
        self.download_rate = peer.download.per_second(now)
        self.upload_rate = peer.upload.per_second(now)
        self.connected_at = peer.connected_at
        self.upload_only = peer.pieces.is_full
        self.unchoked = not peer.am_choking
        self.received = peer.download.total
        self.progress = peer.pieces.count / peer.pieces.size
        self.owes = peer.am_interested and not peer.peer_choking
        self.last_block_at = peer.last_block_at


class LightNode:
    """Picker, choker, peers, and an uplink of `up` bytes per second."""

    def __init__(
        self,
        clock: EventClock,
        geometry: UniformPieces,
        have: PieceSet,
        rng: random.Random,
        *,
        up: float,
        slots: int,
    ) -> None:
        self.geometry = geometry
        self.picker = PiecePicker(geometry, rng=rng, have=have)
        self.choker = Choker(rng=rng, slots=slots + OPTIMISTIC_SLOTS)
        self.peers: list[LightPeer] = []
        self.seed = False
        self.conduct = Conduct.HONEST
        self.joined_at = 0.0
        self.completed_at: float | None = None
        self.uploaded = 0
        self.downloaded = 0
        self.wasted = 0
        self._clock = clock
        self._rng = rng
        self._up = up
        self._ring: deque[LightPeer] = deque()
        self._sending = False
        self._starving: dict[LightPeer, None] = {}

    def connect(self, other: LightNode) -> None:
        """A connection, known to both."""
        now = self._clock.now
        ours = LightPeer(self, other.shows(), now)
        theirs = LightPeer(other, self.shows(), now)
        ours.other_side, theirs.other_side = theirs, ours
        for peer in (ours, theirs):
            peer.node.peers.append(peer)
            peer.node.picker.peer_joined(peer.pieces)
        for peer in (ours, theirs):
            peer.node.update_interest(peer)
            peer.node.met(peer)

    def shows(self) -> PieceSet:
        """What a new peer is told that we have; it is followed from then on."""
        return self.picker.have

    def met(self, peer: LightPeer) -> None:
        """A peer has connected."""

    def tick(self) -> None:
        """Once a second, while it is not complete, or seeds from the start."""
        self.feed_starving()

    # -- choking -------------------------------------------------------------------------------

    def rechoke(self) -> None:
        """One round of the choker."""
        now = self._clock.now
        candidates = [Candidate(peer, now) for peer in self.peers]
        chosen = self.choker.decide(candidates, seeding=self.picker.have.is_full, now=now)
        for peer in self.peers:
            if peer not in chosen:
                self._choke(peer)
        for peer in self.peers:
            if peer in chosen:
                self._unchoke(peer)

    def _choke(self, peer: LightPeer) -> None:
        if peer.am_choking:
            return
        peer.am_choking = True
        there = peer.other_side
        there.peer_choking = True
        refused, peer.queue = peer.queue, deque()
        for request in refused:
            there.node.picker.request_failed(there, request)
        if refused:
            there.node.feed_starving()

    def _unchoke(self, peer: LightPeer) -> None:
        if peer.am_choking:
            peer.am_choking = False
            there = peer.other_side
            there.peer_choking = False
            there.node.refill(there)

    # -- interest ------------------------------------------------------------------------------

    def update_interest(self, peer: LightPeer) -> None:
        """Whether the peer has something that we want; it hears of it at once."""
        wanted = peer.pieces.count > 0 and self.picker.wants_any_of(peer.pieces)
        if wanted != peer.am_interested:
            peer.am_interested = wanted
            there = peer.other_side
            there.peer_interested = wanted
            if wanted and there.am_choking:
                there.node.fill_free_slot()

    def fill_free_slot(self) -> None:
        """A free slot is filled between rounds."""
        now = self._clock.now
        if sum(not peer.am_choking for peer in self.peers) >= self.choker.slots:
            return
        served = self.choker.fill_free_slot([Candidate(peer, now) for peer in self.peers], now=now)
        if isinstance(served, LightPeer):
            self._unchoke(served)

    # -- asking --------------------------------------------------------------------------------

    def refill(self, peer: LightPeer) -> None:
        """Ask a peer for more, as far as its window goes."""
        if peer.peer_choking or not peer.am_interested:
            return
        outstanding = len(self.picker.peer_requests(peer))
        count = peer.window.refill(outstanding)
        if count <= 0:
            return
        window, now = peer.window, self._clock.now
        requests = self.picker.pick(
            peer, peer.pieces, count, slow=window.snubbed, pace=window, now=now
        )
        if requests:
            window.on_request_sent(len(requests), now)
            peer.other_side.node.asked(peer.other_side, requests)
        elif not outstanding:
            self.update_interest(peer)
            if peer.am_interested:
                self._starving[peer] = None

    def feed_starving(self) -> None:
        """Those that found nothing to ask may look again."""
        starving, self._starving = self._starving, {}
        for peer in starving:
            self.update_interest(peer)
            self.refill(peer)

    def has(self, peer: LightPeer, piece: int) -> None:
        """A peer has a piece more."""
        self.picker.peer_got(piece)
        if not self.picker.have.flags[piece]:
            if not peer.am_interested:
                self.update_interest(peer)
            self.refill(peer)

    def receive(self, peer: LightPeer, request: Request) -> None:
        """A block came."""
        piece, begin, length = request
        now = self._clock.now
        outcome = self.picker.block_received(peer, piece, begin, length)
        if outcome.accepted:
            self.downloaded += length
            peer.window.on_blocks(1, length, now)
            peer.download.add(length, now)
            peer.last_block_at = now
            for other in outcome.also_asked:
                assert isinstance(other, LightPeer)
                other.other_side.node.cancelled(other.other_side, request)
        else:
            self.wasted += length
        if outcome.piece_complete:
            self._got(piece)
        self.refill(peer)

    def _got(self, piece: int) -> None:
        self.picker.piece_passed(piece)
        if self.picker.have.is_full:
            self.completed_at = self._clock.now
            for peer in self.peers:
                self.update_interest(peer)
        for peer in self.peers:
            there = peer.other_side
            there.node.has(there, piece)

    # -- giving --------------------------------------------------------------------------------

    def asked(self, peer: LightPeer, requests: list[Request]) -> None:
        """A peer asks for blocks."""
        if not peer.in_turn:
            peer.in_turn = True
            self._ring.append(peer)
        peer.queue.extend(requests)
        if not self._sending:
            self._send()

    def cancelled(self, peer: LightPeer, request: Request) -> None:
        """A peer no longer wants a block."""
        if request in peer.queue:
            peer.queue.remove(request)

    def _send(self) -> None:
        """One block, to the next in turn. HOT."""
        ring = self._ring
        while ring:
            peer = ring.popleft()
            if not peer.queue:
                peer.in_turn = False
                continue
            request = peer.queue.popleft()
            ring.append(peer)
            self._sending = True
            self._clock.at(self._clock.now + request.length / self._up, self._sent, peer, request)
            return
        self._sending = False

    def _sent(self, peer: LightPeer, request: Request) -> None:
        self.uploaded += request.length
        peer.upload.add(request.length, self._clock.now)
        self._send()
        there = peer.other_side
        there.node.receive(there, request)
