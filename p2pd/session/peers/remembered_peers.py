"""The good peers of one torrent over restarts: recalled when it starts, kept when peers leave.

Private torrents (BEP 27) may only know peers by their tracker, so nobody else's are kept of them.
What is kept belongs to one torrent and is never used for another.
"""

from __future__ import annotations

from typing import Container, Iterable, Protocol

from cryptography import x509

from p2pd.base.addresses import PeerAddress
from p2pd.session.peers.peer_session import PeerSession
from p2pd.session.torrents.torrent_host import TorrentHost
from p2pd.state.resume import TorrentRecord
from p2pd.swarm.good_peers import GoodPeer, GoodPeers
from p2pd.swarm.peer_pool import PeerPool

SAVE_SECONDS = 300.0
"""What a crash may cost of it."""

BY_THE_TRACKER = frozenset({"tracker", "resume"})


class RememberingTorrent(Protocol):
    """The torrent whose peers they are."""

    host: TorrentHost
    record: TorrentRecord

    @property
    def private(self) -> bool:
        """BEP 27."""

    @property
    def ca(self) -> x509.Certificate | None:
        """Whose certificates its peers have; None: they need none."""


class RememberedPeers:
    """Fills the pool from what is kept, and keeps what became of it."""

    __slots__ = ("_good", "_next_save", "_pool", "_recalled", "_rest_save", "_torrent")

    def __init__(self, torrent: RememberingTorrent, pool: PeerPool) -> None:
        self._torrent = torrent
        self._pool = pool
        self._good = GoodPeers()
        self._recalled = False
        self._next_save: float | None = None
        self._rest_save = float("-inf")

    async def recall(self, *, seeding: bool) -> int:
        """Make candidates of those that were good: how many are new ones."""
        host = self._torrent.host
        if not self._recalled and host.peer_memory is not None:
            kept = await host.peer_memory.load(self._torrent.record.id)
            self._good.recall(kept, host.wall())
            self._recalled = True
        now = host.clock.seconds()
        best = self._good.best(seeding=seeding)
        new = sum(self._pool.remember(address, rate, now) for address, rate in best)
        if seeding and self._torrent.ca is not None:
            # Who gave us the torrent is a seed, and may know whose certificate was taken back. It
            # is visited for that alone: else who wakes one seed at rest would wake all of them.
            for address, _ in self._good.best(seeding=False):
                self._pool.add(address, "resume", now, seed=True)
        return new

    def left(self, peer: PeerSession) -> None:
        """A connection ended in peace."""
        if self._may_keep(peer):
            self._good.met(self._seen(peer))

    def forget(self, address: PeerAddress) -> None:
        """A peer misbehaved."""
        self._good.forget([address])

    def forget_banned(self, hosts: Container[str | bytes]) -> None:
        """Some at these hosts are banned."""
        kept = (address for address in self._good if address.host in hosts)
        self._good.forget([address for address in kept if self._pool.is_banned(*address)])

    def tick(self, peers: Iterable[PeerSession], now: float) -> None:
        """Once a second: save now and then."""
        if self._next_save is None:
            self._next_save = now + SAVE_SECONDS
        elif now >= self._next_save:
            self._next_save = now + SAVE_SECONDS
            self.save(peers)

    def nobody_left(self, now: float) -> None:
        """The last peer left: save, for nobody may tick us for long; but not at every visit."""
        if now >= self._rest_save and self._good.changed:
            self._rest_save = now + SAVE_SECONDS
            self.save()

    def save(self, peers: Iterable[PeerSession] = ()) -> None:
        """Keep those that we know and these that are connected, if there is anything new."""
        host, record = self._torrent.host, self._torrent.record
        if host.peer_memory is None or not self._recalled:
            return  # what is kept must not be replaced before it is known
        connected = [self._seen(peer) for peer in peers if self._may_keep(peer)]
        if not (self._good.changed or connected):
            return
        self._good.changed = False
        saving = host.peer_memory.save(record.id, self._good.to_keep(connected))
        host.background(saving, record.name)

    def _may_keep(self, peer: PeerSession) -> bool:
        address = peer.listen_address
        if address is None:
            return False
        return not self._torrent.private or bool(self._pool.sources_of(address) & BY_THE_TRACKER)

    def _seen(self, peer: PeerSession) -> GoodPeer:
        host = self._torrent.host
        address: PeerAddress = peer.listen_address or peer.address
        seconds = host.clock.seconds() - peer.connected_at
        moved = peer.download.total, peer.upload.total
        return GoodPeer(address, host.wall(), *moved, seconds, peer.node_key)
