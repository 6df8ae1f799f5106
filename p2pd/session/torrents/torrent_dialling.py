"""Whom one torrent dials, and when: what the dialler asks of it, and where addresses come in."""

from __future__ import annotations

from typing import Any, Collection, Protocol, Sequence

from p2pd.base.addresses import PeerAddress
from p2pd.discovery.source_report import CATCHER, RESUME
from p2pd.session.peers.remembered_peers import BY_THE_TRACKER
from p2pd.session.torrents.torrent_host import TorrentHost
from p2pd.session.torrents.torrent_peers import TorrentPeers
from p2pd.state.resume import TorrentRecord

TELL_OF_PRIVATE = frozenset({*BY_THE_TRACKER, "manual"})
"""Sources that may tell of a private torrent's peers."""


class DiallingOwner(Protocol):
    """The torrent that wants peers."""

    host: TorrentHost
    record: TorrentRecord
    running: bool
    peers: TorrentPeers

    @property
    def private(self) -> bool:
        """BEP 27."""

    def seconds(self) -> float:
        """Monotonic time."""


class TorrentDialling:
    """A torrent as the dialler sees it (dialer.DialTorrent). `owner` is the torrent."""

    def __init__(self, owner: DiallingOwner) -> None:
        self.owner: Any = owner
        self._host = owner.host

    @property
    def _peers(self) -> TorrentPeers:
        peers: TorrentPeers = self.owner.peers
        return peers

    @property
    def wants_peers(self) -> bool:
        """Whether to dial for it."""
        owner = self.owner
        return bool(owner.running) and self._peers.wants_more and not self._host.tls.why_not(owner)

    def started(self) -> None:
        """The torrent runs: nobody has to wait for what was before."""
        self._peers.pool.forgive(self.owner.seconds())
        self._host.background(self._recall(), self.owner.record.name)
        self._host.dialer.wake(self)

    def call_on_seeds(self, count: int) -> None:
        """Dial so many of those that have it all, as this torrent does, also if it rests: there is
        something to tell them, or to hear.
        """
        self._host.background(self._call_on_seeds(count), self.owner.record.name)

    async def _call_on_seeds(self, count: int) -> None:
        try:
            await self._peers.recall()
        finally:  # also if only those of this run are known
            if self.owner.running:
                self._peers.pool.visit_seeds(count, self.owner.seconds())
                self.wake()

    async def _recall(self) -> None:
        if await self._peers.recall():
            self._peers.told_at[RESUME] = self._host.wall()
            self.wake()

    def stopped(self) -> None:
        """The torrent runs no more: attempts under way are given up."""
        self._host.dialer.forget(self)

    def wake(self) -> None:
        """A connection ended, or there may be somebody: dial."""
        if self.owner.running:
            self._host.dialer.wake(self)

    def add_peers(
        self, addresses: Sequence[PeerAddress], source: str, seeds: Collection[PeerAddress] = ()
    ) -> int:
        """New addresses; they are dialled at once, as far as the limits allow.

        Those in `seeds` are said to want nothing: a torrent that does not either leaves them alone.
        None for a private torrent, but from its tracker or from its user (BEP 27).
        """
        if self.owner.private and source not in TELL_OF_PRIVATE:
            return 0
        now = self.owner.seconds()
        if addresses:
            self._peers.told_at[source] = self._host.wall()
        new = sum(
            self._peers.pool.add(address, source, now, seed=address in seeds)
            for address in addresses
        )
        if addresses:
            self._host.activity.noted(self.owner)
        self.wake()
        return new

    def became_private(self) -> None:
        """The metadata says so: whom others told of before is not dialled, nor talked to."""
        self._host.dht.stopped(self.owner)
        self._host.lsd.stopped(self.owner)
        self._host.catcher.stopped(self.owner)
        self._peers.pool.drop_untold(TELL_OF_PRIVATE)
        for peer in self._peers:
            self._host.catcher.keep_out(peer.address.host)
            if not (peer.incoming or self._peers.pool.sources_of(peer.address) & TELL_OF_PRIVATE):
                peer.disconnect("the torrent is private, and its tracker did not tell of it")

    def next_dial(self, now: float) -> float | None:
        """When the first address may be dialled; None while the dialler has it in mind."""
        if not self.wants_peers or self._host.dialer.waits(self):
            return None
        return self._peers.next_due(now)

    # -- what the dialler asks and tells -------------------------------------------------------

    def candidates(self, count: int) -> Sequence[PeerAddress]:
        """Whom to dial; when there is nobody, the torrent looks for when there will be."""
        found = self._peers.candidates(count, self.owner.seconds())
        if not found:
            self._host.activity.wake(self.owner)
        return found

    def dial_started(self, address: PeerAddress) -> None:
        """An attempt is under way."""
        self._peers.dialling.add(address)
        self._host.activity.wake(self.owner)

    def dial_failed(self, address: PeerAddress, reason: str) -> None:
        """An address did not answer: perhaps it cannot be dialled from here (BEP 55)."""
        self.turned_away(address)
        self.owner.holepunch.dial_failed(address)

    def turned_away(self, address: PeerAddress) -> None:
        """Somebody there did answer, but not as a peer of this torrent, or is not let in."""
        self._peers.dialling.discard(address)
        # Nobody can say who would have been there when it was we who gave up.
        self._host.catcher.dialled(address, failed=bool(self.owner.running))
        if self._peers.is_connected(address):
            self._peers.pool.connected(address)  # it came to us in the meantime
        elif not self._peers.pool.drop_if_only(address, CATCHER):
            self._peers.pool.failed(address, self.owner.seconds())
