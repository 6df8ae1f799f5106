"""The upload slots of one torrent: a round of the choker every ten seconds, and what it sees."""

from __future__ import annotations

from typing import Protocol, Sequence

from p2pd.session.peers.peer_session import PeerSession
from p2pd.session.settings.session_settings import AS_SESSION
from p2pd.session.torrents.torrent_host import TorrentHost
from p2pd.state.resume import TorrentRecord
from p2pd.swarm.choker import Choker
from p2pd.swarm.choking.tit_for_tat import TRADE_SECONDS


class ChokingOwner(Protocol):
    """The torrent whose slots they are."""

    host: TorrentHost
    record: TorrentRecord

    def is_complete(self) -> bool:
        """Whether every wanted piece is here."""


class TorrentChoking:
    """Who of a torrent's peers is served. `peers` are those that may be, at that moment."""

    def __init__(self, owner: ChokingOwner, choker: Choker) -> None:
        self._owner = owner
        self._choker = choker

    def rechoke(self, peers: Sequence[PeerSession], now: float) -> None:
        """One round: whom to serve until the next."""
        slots = self._owner.host.upload_slots
        candidates = [ChokeCandidate(peer, now) for peer in peers]
        if any(peer.interested for peer in candidates):
            served = [peer.upload_rate for peer in candidates if peer.unchoked]
            slots.report(self, served, now)
        self._choker.seeding_mode = self._seeding_mode()
        chosen = self._choker.decide(
            candidates,
            seeding=self._owner.is_complete(),
            now=now,
            slots=slots.ask(self, sum(map(_wants_slot, peers)), now),
            favoured=self._trusted(peers),
        )
        optimistic = self._choker.optimistic
        for peer in peers:
            if peer not in chosen:
                peer.optimistic = False
                peer.choke()
        for peer in peers:
            if peer in chosen:
                peer.optimistic = peer in optimistic
                peer.unchoke()

    def _trusted(self, peers: Sequence[PeerSession]) -> frozenset[PeerSession]:
        """Those whose nodes the user trusts."""
        nodes = self._owner.host.nodes
        if not len(nodes.trusted):
            return frozenset()
        return frozenset(peer for peer in peers if nodes.is_trusted(peer.node_key))

    def fill_free_slot(self, peers: Sequence[PeerSession], now: float) -> None:
        """Between rounds, when a peer became interested: serve one more, if there is a slot."""
        wanting = [peer for peer in peers if _wants_slot(peer)]
        slots = self._owner.host.upload_slots.ask(self, len(wanting), now)
        if sum(not peer.am_choking for peer in wanting) >= slots:
            return
        candidates = [ChokeCandidate(peer, now) for peer in wanting]
        served = self._choker.fill_free_slot(candidates, now=now, slots=slots)
        if isinstance(served, PeerSession):
            served.optimistic = True
            served.unchoke()

    def _seeding_mode(self) -> str:
        own = self._owner.record.seed_choking
        return self._owner.host.settings.seed_choking if own == AS_SESSION else own

    def nobody_left(self) -> None:
        """All peers are gone: other torrents may have the slots."""
        self._owner.host.upload_slots.leave(self)


def _wants_slot(peer: PeerSession) -> bool:
    return peer.peer_interested and not peer.upload_only


class ChokeCandidate:
    """What the choker sees of a peer (swarm.choker.ChokerPeer), frozen at the start of a round."""

    __slots__ = (
        "connected_at", "download_rate", "interested", "key", "last_block_at", "owes", "progress",
        "received", "unchoked", "upload_only", "upload_rate",
    )  # fmt: skip

    def __init__(self, peer: PeerSession, now: float) -> None:
        download, upload = peer.download, peer.upload
        asked = download.outstanding > 0 or download.window.snubbed
        self.key = peer
        self.interested = peer.peer_interested
        self.unchoked = not peer.am_choking
        self.upload_only = peer.upload_only
        self.connected_at = peer.connected_at
        self.download_rate = download.rate.per_second(now, TRADE_SECONDS)
        self.upload_rate = upload.rate.per_second(now, TRADE_SECONDS)
        self.received = download.total
        self.last_block_at = download.last_block_at
        self.owes = peer.am_interested and not peer.peer_choking and asked
        self.progress = _progress(peer)


def _progress(peer: PeerSession) -> float:
    """What the peer says it has; what we gave it if that is more, for it may say nothing."""
    content = peer.torrent.content
    if content is None:
        return 0.0
    told, size = peer.pieces, content.layout.total_length
    has = told.count / told.size if told is not None and told.size else 0.0
    return max(has, min(0.5, peer.upload.total / size)) if size else has
