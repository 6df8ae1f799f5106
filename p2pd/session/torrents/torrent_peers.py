"""The peers of one torrent: who is connected, who may connect, who is choked.

One connection a peer: neither ourselves, nor a peer id or a dialled address that is connected
already. Where two peers dialled each other at once, the one with the smaller id hangs up its own.
"""

from __future__ import annotations

from typing import Container, Iterator, Protocol, Sequence

from cryptography import x509

from p2pd.base.addresses import PeerAddress
from p2pd.base.clock import DelayedCall
from p2pd.base.networks import user_of
from p2pd.discovery.source_report import INCOMING
from p2pd.protocols.peerwire.messages import Have, encode
from p2pd.session.peers.partings import NOTHING_WANTED
from p2pd.session.peers.peer_places import FIRST_CHANCE, PeerPlaces, is_redundant
from p2pd.session.peers.peer_session import PeerSession
from p2pd.session.peers.remembered_peers import RememberedPeers
from p2pd.session.session_bans import name_of
from p2pd.session.torrents.torrent_choking import TorrentChoking
from p2pd.session.torrents.torrent_host import TorrentHost
from p2pd.session.torrents.torrent_trust import TorrentTrust
from p2pd.state.resume import TorrentRecord
from p2pd.swarm.choker import Choker
from p2pd.swarm.peer_pool import PeerPool
from p2pd.swarm.reputation import POOR, UNKNOWN

CHOKE_ROUND = 10.0
"""Seconds between rounds of the choker (BEP 3)."""


TELL_SECONDS = 0.05
"""For which those who want nothing hear of new pieces together, after one piece was told."""


class PeersOwner(Protocol):
    """The torrent whose peers they are."""

    host: TorrentHost
    record: TorrentRecord
    trust: TorrentTrust

    @property
    def peer_limit(self) -> int:
        """Connections this torrent may have."""

    @property
    def private(self) -> bool:
        """BEP 27."""

    @property
    def ca(self) -> x509.Certificate | None:
        """Whose certificates its peers have; None: they need none."""

    def is_complete(self) -> bool:
        """Whether every wanted piece is here."""


class TorrentPeers:
    """Connected peers, candidates and upload slots of one torrent."""

    def __init__(self, owner: PeersOwner, pool: PeerPool, choker: Choker) -> None:
        self.pool = pool
        self.connected: dict[PeerSession, None] = {}
        self.dialling: set[PeerAddress] = set()
        self.told_at: dict[str, float] = {}
        """When each source told of addresses last, in Unix seconds."""
        self._owner = owner
        self._choking = TorrentChoking(owner, choker)
        self._next_round = 0.0
        self._telling: DelayedCall | None = None
        self._to_tell: dict[PeerSession, None] = {}
        self._places = PeerPlaces(
            owner.host.preferences,
            lambda peer: owner.trust.is_poor(peer),
            lambda peer: owner.host.nodes.is_trusted(peer.node_key),
        )
        self._remembered = RememberedPeers(owner, pool)

    # -- admission ----------------------------------------------------------------------------

    @property
    def is_busy(self) -> bool:
        """Whether anybody is connected or dialled."""
        return bool(self.connected or self.dialling)

    @property
    def limit(self) -> int:
        """Connections this torrent may have."""
        return self._owner.peer_limit

    def is_connected(self, address: PeerAddress) -> bool:
        """Whether the peer that listens at this address is connected."""
        return any(peer.listen_address == address for peer in self.connected)

    @property
    def is_full(self) -> bool:
        """Whether all places are taken."""
        return len(self.connected) >= self.limit

    def of_host(self, host: str) -> int:
        """How many connections there are with this host: an IPv4 address, or a /64."""
        user = user_of(host)
        return sum(user_of(peer.address.host) == user for peer in self.connected)

    @property
    def wants_more(self) -> bool:
        """Whether another connection is within the torrent's limit."""
        return len(self.connected) + len(self.dialling) < self.limit

    def refusal(self, peer_id: bytes, address: PeerAddress, *, incoming: bool) -> str | None:
        """Why a peer that shook hands is not let in; None when it is."""
        if peer_id == self._owner.host.peer_id:
            self.pool.mark_self(address)
            return "it is ourselves"
        if self.pool.is_banned(address.host, 0 if incoming else address.port, peer_id):
            return "it is banned, or on the blocklist"
        for other in self.connected:
            if other.peer_id == peer_id and other.address.host == address.host:
                if other.incoming == incoming or self._keep_existing(other, peer_id):
                    if not incoming and other.listen_address is None:
                        other.listen_address = address
                    return "it is connected already"
                other.disconnect("it connected the other way too")
                break
        return None

    def who_gives_way(self, newcomer: PeerAddress, now: float) -> PeerSession | None:
        """When all places are taken: whose place the newcomer may have (peer_places.py)."""
        seeding = self._owner.is_complete()
        return self._places.who_gives_way(self.connected, newcomer, now, seeding=seeding)

    def _keep_existing(self, other: PeerSession, peer_id: bytes) -> bool:
        """Both sides must hang up the same one: the one that the smaller id dialled."""
        we_are_smaller = self._owner.host.peer_id < peer_id
        return other.incoming == we_are_smaller

    def joined(self, peer: PeerSession) -> None:
        """A peer was let in."""
        self.connected[peer] = None
        if peer.incoming:
            self.told_at[INCOMING] = self._owner.host.wall()
        else:
            self.pool.connected(peer.address)
            self._owner.host.catcher.dialled(peer.address, failed=False)
        if self._owner.private:
            self._owner.host.catcher.keep_out(peer.address.host)
        self._owner.host.activity.changed(self._owner)

    def introduced(self, peer: PeerSession, our_host: str | None) -> None:
        """A peer told where it can be dialled, and as whom it sees us."""
        self._drop_if_banned(peer)
        if peer.closed:
            return
        if peer.listen_address is not None:
            self.pool.connected(peer.listen_address)
        if our_host is not None:
            self._owner.host.reaching.told("peer", peer.address.host, our_host)

    def left(self, peer: PeerSession, now: float, *, misbehaved: bool) -> None:
        """A peer is gone."""
        self.connected.pop(peer, None)
        self._places.left(peer)
        if peer.listen_address is not None:
            self._judge(peer, peer.listen_address, now, misbehaved=misbehaved)
        if not self.connected:
            self._choking.nobody_left()
            self._remembered.nobody_left(now)
            self._owner.host.dht.needs_changed(self._owner)

    def _judge(
        self, peer: PeerSession, address: PeerAddress, now: float, *, misbehaved: bool
    ) -> None:
        """Whether to dial a peer again that left, and how soon."""
        if misbehaved:
            self._remembered.forget(address)
            self._owner.host.catcher.misbehaved(address)
            self.pool.failed(address, now)
            return
        self._remembered.left(peer)
        self._owner.host.catcher.met(self._owner, peer, now)
        moved = peer.upload.total if self._owner.is_complete() else peer.download.total
        rate = moved / max(now - peer.connected_at, 1.0)
        score = self._owner.trust.rating(peer).score
        useful = (peer.download.total > 0 or moved > 0) and score >= POOR
        # Who is worth half as much as a stranger comes after those that are half as fast.
        rate *= score / UNKNOWN
        self.pool.closed(address, now, useful=useful, rate=rate, seed=peer.upload_only)

    def banned(self, places: Container[str | bytes]) -> None:
        """Hosts are banned, somebody there, or nodes by their keys: hang up, and know no good of
        them any more.
        """
        self.pool.drop_banned(places)
        for peer in list(self.connected):
            if peer.address.host in places or (peer.node_key and peer.node_key in places):
                self._drop_if_banned(peer)
        self._remembered.forget_banned(places)

    def _drop_if_banned(self, peer: PeerSession) -> None:
        if self.pool.is_banned(*name_of(peer)):
            peer.drop("it is banned, or on the blocklist")

    def node_proved(self, peer: PeerSession) -> None:
        """It is known which node a peer is: what is known of that one holds for it from now on."""
        self._owner.trust.known_as(peer)
        self._drop_if_banned(peer)
        self._owner.host.activity.changed(self._owner)

    def candidates(self, count: int, now: float) -> list[PeerAddress]:
        """Whom to dial next."""
        self.pool.set_seeding(self._owner.is_complete())
        return self.pool.next_candidates(count, now)

    def next_due(self, now: float) -> float | None:
        """When the first of them may be dialled; None when there is nobody."""
        self.pool.set_seeding(self._owner.is_complete())
        return self.pool.next_due(now)

    async def recall(self) -> int:
        """Make candidates of the peers that were good before: how many are new ones."""
        return await self._remembered.recall(seeding=self._owner.is_complete())

    # -- choking ------------------------------------------------------------------------------

    def tick(self, now: float) -> None:
        """Once a second: the peers' own timers, and a choke round when it is due."""
        for peer in list(self.connected):
            peer.tick(now)
        if now >= self._next_round:
            self._next_round = now + CHOKE_ROUND
            self._review(now)
            self.rechoke(now)
        self._remembered.tick(self.connected, now)

    def _review(self, now: float) -> None:
        """See who is of use, and part from those that want nothing when we want nothing."""
        seeding = self._owner.is_complete()
        self._places.look(self.connected, now, seeding=seeding)
        if seeding:
            for peer in list(self.connected):
                if is_redundant(peer) and now - peer.connected_at > FIRST_CHANCE:
                    peer.disconnect(NOTHING_WANTED)

    def rechoke(self, now: float) -> None:
        """One round: whom to serve until the next."""
        self._choking.rechoke(self._for_slots(), now)

    def rechoke_soon(self) -> None:
        """How many slots there are, or for whom, has changed: the next round is due now."""
        self._next_round = 0.0

    def interest_changed(self, peer: PeerSession) -> None:
        """A free slot is filled at once, not at the next round."""
        if peer.peer_interested and peer.am_choking and peer.shown is None:
            self._choking.fill_free_slot(self._for_slots(), peer.seconds())

    def _for_slots(self) -> list[PeerSession]:
        return [peer for peer in self.connected if peer.shown is None]

    # -- for all of them ----------------------------------------------------------------------

    def broadcast_have(self, pieces: Sequence[int]) -> None:
        """Tell everyone of new pieces."""
        haves = b"".join(encode(Have(piece)) for piece in pieces)
        hurry = self._telling is None
        for peer in list(self.connected):
            if peer.has_new_pieces(pieces, haves, hurry=hurry):
                self._to_tell[peer] = None
        if hurry:
            self._telling = self._owner.host.clock.callLater(TELL_SECONDS, self._tell)

    def _tell(self) -> None:
        self._telling = None
        peers, self._to_tell = self._to_tell, {}
        for peer in peers:
            peer.flush()

    def disconnect_all(self, reason: str) -> None:
        """Hang up on everyone."""
        for peer in list(self.connected):
            peer.disconnect(reason)
        if self._telling is not None:
            self._telling.cancel()
            self._tell()
        self._remembered.save()

    def __iter__(self) -> Iterator[PeerSession]:
        return iter(list(self.connected))

    def __len__(self) -> int:
        return len(self.connected)
