"""Super-seeding of one torrent: from whom we hide what we have, and when that ends (BEP 16).

Peers that are hidden from see a peer that has nothing, and then one piece after the other. They
are never choked, since they can ask for nothing but that, and take no upload slot. When the swarm
has a copy of its own, or proves to have another source, everyone is told that we have everything.
"""

from __future__ import annotations

from typing import Protocol

from p2pd.base.addresses import is_local
from p2pd.base.piece_set import PieceSet
from p2pd.base.rates import RollingRate
from p2pd.protocols.peerwire.messages import Have, encode
from p2pd.session.peers.peer_session import PeerSession
from p2pd.session.torrents.torrent_content import TorrentContent
from p2pd.session.torrents.torrent_host import TorrentHost
from p2pd.session.torrents.torrent_peers import TorrentPeers
from p2pd.state.resume import TorrentRecord
from p2pd.swarm.super_seeding import OFF, ON, SuperSeeding

LEAST_SHOWN = 2
"""Pieces on their way at least: one that is sent, and one whose arrival is not told yet."""

SHOWN_SECONDS = 1.0
"""What the uplink sends in this time is on its way besides."""

RATE_SECONDS = 3

MOST_PIECES = 100_000
"""In larger torrents, telling everyone of every piece one by one at the end would be too much."""

YOUNG_COPIES = 2.0
"""Copies sent after which a torrent is no longer taken for new."""

ALONE_SECONDS = 10.0
"""A peer that is alone for so long is told everything: there is nobody to pass anything on to."""

SLACK_PIECES = 4
"""Pieces in the swarm that we did not send, that prove nothing yet."""


class SuperSeedingOwner(Protocol):
    """The torrent that is seeded."""

    host: TorrentHost
    record: TorrentRecord
    peers: TorrentPeers

    @property
    def content(self) -> TorrentContent | None: ...


class TorrentSuperSeeding:
    """Decides whom to hide from, and shows them pieces."""

    def __init__(self, owner: SuperSeedingOwner) -> None:
        self._owner = owner
        self._policy: SuperSeeding | None = None
        self._content: TorrentContent | None = None
        self._rate = RollingRate(RATE_SECONDS)
        self._other_source = False
        self._bytes_shown: dict[PeerSession, int] = {}

    # -- what happens -------------------------------------------------------------------------

    def greet(self, peer: PeerSession) -> PieceSet | None:
        """What to tell a new peer that we have; from now on it is shown the rest if need be."""
        content = self._owner.content
        if content is None:
            return None
        if not self._hides_from(peer, content):
            return content.have
        if self._policy is None or self._content is not content:
            self._content = content
            self._policy = SuperSeeding(content.pieces.picker.swarm, self._owner.host.rng)
        nothing = PieceSet(content.layout.piece_count)
        peer.shown = self._policy.joined(peer, peer.pieces or nothing)
        return nothing

    def told(self, peer: PeerSession, piece: int | None) -> None:
        """A peer said what it has: all of it, or one piece more."""
        policy, content = self._policy, self._content
        if policy is None or content is None:
            return
        now = peer.seconds()
        if peer.shown is not None and peer.pieces is not None:
            policy.joined(peer, peer.pieces)
        if piece is not None:
            if peer.shown is not None and piece in peer.shown:
                self._rate.add(content.layout.piece_size(piece), now)
            policy.got(peer, piece, now)
        self._go_on(now)

    def left(self, peer: PeerSession) -> None:
        """A peer is gone."""
        self._bytes_shown.pop(peer, None)
        if self._policy is not None and peer.shown is not None:
            self._policy.left(peer)

    def sent(self, now: float) -> None:
        """Payload went out: if that was the rest of a piece, there is room for the next.

        Its arrival is told a round trip later; till then the uplink would stand idle.
        """
        if self._policy is not None:
            self._go_on(now)

    def tick(self, now: float) -> None:
        """Once a second: show what was lost to others, and see whether it is over."""
        if self._policy is not None:
            self._go_on(now)

    def changed(self) -> None:
        """The user switched it on or off: off counts at once, on for peers that come."""
        if self._owner.record.super_seeding == OFF:
            self._end()

    # -- what follows -------------------------------------------------------------------------

    def _hides_from(self, peer: PeerSession, content: TorrentContent) -> bool:
        mode = self._owner.record.super_seeding
        if mode == OFF or not content.have.is_full or content.have.size > MOST_PIECES:
            return False
        if content.pieces.picker.distributed_copies() >= 1:
            return False
        return mode == ON or (_is_scarce_to(peer) and self._is_new(content))

    def _is_new(self, content: TorrentContent) -> bool:
        """It was here from the start, has hardly been given away, and nobody else gives it."""
        record, size = self._owner.record, content.metainfo.total_length
        return (
            not self._other_source
            and record.downloaded < size / 2
            and record.uploaded < YOUNG_COPIES * size
        )

    def _go_on(self, now: float) -> None:
        policy, content = self._policy, self._content
        assert policy is not None
        assert content is not None
        if policy.swarm_is_whole or self._is_of_no_use(policy, content, now):
            self._end()
            return
        length = content.layout.piece_length
        per_second = self._rate.per_second(now)
        window = LEAST_SHOWN + int(per_second * SHOWN_SECONDS / length)
        served = sum(
            peer.upload.total >= size
            for peer, size in self._bytes_shown.items()
            if policy.owes_news(peer)
        )
        for peer, piece in policy.show(window + min(window, served), now):
            assert isinstance(peer, PeerSession)
            size = content.layout.piece_size(piece)
            self._bytes_shown[peer] = self._bytes_shown.get(peer, 0) + size
            peer.send(Have(piece))
            peer.unchoke()
            peer.flush()

    def _is_of_no_use(self, policy: SuperSeeding, content: TorrentContent, now: float) -> bool:
        if self._owner.record.super_seeding == ON:
            return False
        there = content.pieces.picker.swarm.present().bit_count() - SLACK_PIECES
        if there * content.layout.piece_length > self._owner.record.uploaded:
            self._other_source = True
        connected = self._owner.peers.connected
        return self._other_source or (
            len(connected) == 1 and now - next(iter(connected)).connected_at > ALONE_SECONDS
        )

    def _end(self) -> None:
        """Tell everyone that we have everything, and choose by the usual rules whom to serve."""
        policy, content, self._policy = self._policy, self._content, None
        self._bytes_shown.clear()
        if policy is None or content is None:
            return
        haves = b"".join([encode(Have(piece)) for piece in range(content.layout.piece_count)])
        for peer in list(policy.peers):
            assert isinstance(peer, PeerSession)
            if not peer.closed:
                peer.shown = None
                peer.choke()
                peer.send_bytes(haves)
                peer.extensions.tell_upload_only(True)
                peer.flush()
        self._owner.peers.rechoke(self._owner.host.clock.seconds())


def _is_scarce_to(peer: PeerSession) -> bool:
    """Whether what we can send it is less than it could take: it is far away, or limited."""
    return peer.upload.meter is not None or not is_local(peer.address.host)
