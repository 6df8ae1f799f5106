"""Hole punching of one torrent (BEP 55): a relay for its peers, and meeting others through them.

We relay whatever we are connected by. To meet others ourselves takes a transport over UDP: while
there is none, a relay's word to dial somebody is not heeded, and no relay is asked.
"""

from __future__ import annotations

from typing import Protocol

from p2pd.base.addresses import PeerAddress, canonical_host
from p2pd.discovery.holepunch.introductions import Introductions
from p2pd.discovery.holepunch.relay import Relay
from p2pd.discovery.pex.scopes import is_possible, scope_of
from p2pd.protocols.peerwire.extensions import ut_holepunch
from p2pd.protocols.peerwire.extensions.ut_holepunch import HolepunchKind, HolepunchMessage
from p2pd.protocols.peerwire.extensions.ut_pex import HOLEPUNCH, PexMessage
from p2pd.session.peers.peer_session import PeerSession
from p2pd.session.torrents.torrent_host import TorrentHost
from p2pd.session.torrents.torrent_peers import TorrentPeers
from p2pd.session.torrents.torrent_pex import TorrentPex

NAME = ut_holepunch.NAME


class HolepunchOwner(Protocol):
    """The torrent whose peers they are."""

    host: TorrentHost
    running: bool

    @property
    def peers(self) -> TorrentPeers: ...
    @property
    def pex(self) -> TorrentPex: ...
    def seconds(self) -> float:
        """Monotonic time."""


class TorrentHolepunch:
    """One torrent's part in it, which is as wanted as peer exchange is."""

    __slots__ = ("_introductions", "_owner", "_relay")

    def __init__(self, owner: HolepunchOwner) -> None:
        self._owner = owner
        self._relay: Relay[PeerSession] = Relay(self, owner.host.counts.holepunch)
        self._introductions: Introductions[PeerSession] | None = None
        if owner.host.hole_puncher is not None:
            self._introductions = Introductions()

    # -- messages ------------------------------------------------------------------------------

    def received(self, peer: PeerSession, payload: bytes) -> None:
        """A message of a peer. Raises FormatError."""
        message = ut_holepunch.parse(payload)
        if message is None or not (self._owner.pex.allowed and self.speaks(peer)):
            self._owner.host.counts.holepunch.ignored += 1
        elif message.kind is HolepunchKind.RENDEZVOUS:
            now = self._owner.seconds()
            for receiver, answer in self._relay.rendezvous(peer, message.address, now):
                self._send(receiver, answer)
        elif message.kind is HolepunchKind.CONNECT:
            self._connect(peer, message.address)
        elif self._introductions is not None:
            now = self._owner.seconds()
            another = self._introductions.refused(peer, message.address, now)
            self._ask(another, message.address)

    def told_of(self, relay: PeerSession, message: PexMessage) -> None:
        """A peer told whom it is connected to: it could introduce us to some of them."""
        introductions = self._introductions
        if introductions is None or not self.speaks(relay):
            return
        for address in message.dropped:
            introductions.withdrawn(relay, address)
        for peer in message.added:
            if peer.flags & HOLEPUNCH:
                introductions.offered(relay, peer.address)

    def dial_failed(self, address: PeerAddress) -> None:
        """It did not answer: perhaps it cannot be dialled, and somebody can introduce us."""
        if self._introductions is not None and self._may_meet(address):
            now = self._owner.seconds()
            self._ask(self._introductions.whom_to_ask(address, now), address)

    def left(self, peer: PeerSession) -> None:
        """A connection ended."""
        self._relay.left(peer)
        if self._introductions is not None:
            self._introductions.left(peer)

    def _ask(self, relay: PeerSession | None, address: PeerAddress) -> None:
        if relay is not None:
            self._owner.host.counts.holepunch.asked += 1
            self._send(relay, HolepunchMessage(HolepunchKind.RENDEZVOUS, address))

    def _connect(self, relay: PeerSession, address: PeerAddress) -> None:
        """Somebody waits for us there, says a relay: who is not wanted is not answered."""
        address = PeerAddress(canonical_host(address.host), address.port)
        host, introductions = self._owner.host, self._introductions
        near = scope_of(address.host) <= scope_of(relay.address.host)
        if (
            host.hole_puncher is None
            or introductions is None
            or not near
            or not self._may_meet(address)
            or not introductions.may_connect(relay, address, self._owner.seconds())
        ):
            host.counts.holepunch.ignored += 1
            return
        host.counts.holepunch.told += 1
        host.hole_puncher.punch(self._owner, address)

    def _may_meet(self, address: PeerAddress) -> bool:
        owner = self._owner
        return bool(
            owner.running
            and owner.pex.allowed
            and is_possible(address)
            and self.at(address) is None
            and not self.is_own(address)
            and not owner.peers.pool.is_banned(address.host, address.port)
        )

    def _send(self, peer: PeerSession, message: HolepunchMessage) -> None:
        if not peer.closed:
            peer.extensions.send(NAME, message.encode())
            peer.flush()

    # -- the swarm, as the relay sees it (relay.RelaySwarm) ------------------------------------

    def at(self, address: PeerAddress) -> PeerSession | None:
        """The peer that listens there, or whose connection comes from there."""
        for peer in self._owner.peers.connected:
            if address in (peer.listen_address, peer.address):
                return peer
        return None

    def endpoint(self, peer: PeerSession) -> PeerAddress:
        """Where it listens, if it said so: it sends packets from there."""
        return peer.listen_address or peer.address

    def speaks(self, peer: PeerSession) -> bool:
        """Whether it takes these messages."""
        return peer.extensions.speaks(NAME)

    def is_own(self, address: PeerAddress) -> bool:
        """Whether it is our own address."""
        return address in self._owner.pex.own_addresses()
