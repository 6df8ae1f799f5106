"""Peer exchange of one torrent (BEP 11): its peers are told of each other, and tell us of others.

Not for private torrents (BEP 27), nor where the session's user does not want it: then it is not
offered, what comes all the same is not read, and nothing is told.
"""

from __future__ import annotations

from typing import Any, Protocol

from p2pd.base.addresses import PeerAddress
from p2pd.discovery.pex.contacts import Contacts
from p2pd.discovery.pex.heard import Heard, PexFloodError
from p2pd.discovery.source_report import PEX
from p2pd.protocols.peerwire.extensions import ut_holepunch, ut_pex
from p2pd.session.peers.partings import IN_PEACE
from p2pd.session.peers.peer_session import PeerSession
from p2pd.session.torrents.torrent_dialling import TorrentDialling
from p2pd.session.torrents.torrent_host import TorrentHost
from p2pd.session.torrents.torrent_peers import TorrentPeers

NAME = ut_pex.NAME


class PexOwner(Protocol):
    """The torrent whose peers they are."""

    host: TorrentHost

    @property
    def peers(self) -> TorrentPeers: ...
    @property
    def dialling(self) -> TorrentDialling: ...
    @property
    def holepunch(self) -> Any:
        """Who could introduce us to those that are told of (torrent_holepunch.py)."""

    @property
    def may_be_private(self) -> bool:
        """BEP 27."""

    @property
    def listen_port(self) -> int:
        """The port by which its peers reach us."""

    def discovery_changed(self) -> None:
        """A source says something else than before."""


class TorrentPex:
    """One torrent's contacts, and what its peers told."""

    __slots__ = ("_allowed", "_contacts", "_heard", "_owner")

    def __init__(self, owner: PexOwner) -> None:
        self._owner = owner
        self._contacts: Contacts[PeerSession] = Contacts(owner.host.rng, flags_of)
        self._heard: dict[PeerSession, Heard] = {}
        self._allowed = self.allowed

    @property
    def allowed(self) -> bool:
        """Whether peers may exchange whom they know."""
        return self._owner.host.settings.pex_enabled and not self._owner.may_be_private

    # -- peers come and go ---------------------------------------------------------------------

    def joined(self, peer: PeerSession) -> None:
        """A peer is connected. Whom we dialled others may dial, too."""
        if peer.listen_address is not None:
            self._contacts.joined(peer, peer.listen_address)

    def introduced(self, peer: PeerSession, now: float) -> None:
        """It told its port, and which extensions it speaks."""
        self.joined(peer)
        if self._allowed and peer.extensions.speaks(NAME):
            self._contacts.listens(peer, peer.address.host, now)
        else:
            self._contacts.silence(peer)

    def left(self, peer: PeerSession, reason: str, now: float) -> None:
        """A connection ended."""
        self._heard.pop(peer, None)
        self._contacts.left(peer, now, in_peace=reason in IN_PEACE)

    # -- telling -------------------------------------------------------------------------------

    def tick(self, now: float) -> None:
        """Once a second: tell those whose turn it is."""
        if self.allowed != self._allowed:
            self._switch(now)
        for peer, message in self._contacts.due(now):
            peer.extensions.send(NAME, message.encode())
            peer.flush()
            self._owner.host.counts.pex.sent += 1

    def _switch(self, now: float) -> None:
        """It is wanted from now on, or no more: peers hear whether to tell us of others."""
        self._allowed = self.allowed
        for peer in self._owner.peers:
            peer.extensions.greet()
            peer.flush()
            self.introduced(peer, now)

    # -- hearing -------------------------------------------------------------------------------

    def received(self, peer: PeerSession, payload: bytes, now: float) -> None:
        """A peer tells of others. Raises FormatError."""
        counts = self._owner.host.counts.pex
        if not self.allowed:
            return
        counts.received += 1
        heard = self._heard.get(peer) or self._heard.setdefault(peer, Heard(peer.address.host, now))
        try:
            may_speak = heard.may_speak(now)
        except PexFloodError:
            counts.too_often += 1
            raise
        if not may_speak:
            counts.too_often += 1
            return
        message = ut_pex.parse(payload)
        self._owner.holepunch.told_of(peer, message)
        believed = heard.believed(message, self.own_addresses())
        counts.addresses += len(believed)
        counts.refused += len(message.added) - len(believed)
        self._take(believed, heard, now)

    def _take(self, told: list[ut_pex.PexPeer], heard: Heard, now: float) -> None:
        pool = self._owner.peers.pool
        new = [peer for peer in told if peer.address not in pool][: heard.room_for_new(now)]
        known = [peer.address for peer in told if peer.address in pool]
        seeds = {peer.address for peer in new if peer.flags & ut_pex.SEED}
        addresses = [*known, *(peer.address for peer in new)]
        if not addresses:
            return
        count = self._owner.dialling.add_peers(addresses, PEX, seeds=seeds)
        heard.was_new(len(new))
        if count:
            self._owner.discovery_changed()

    def own_addresses(self) -> set[PeerAddress]:
        """Those where others reach us, as far as it is known."""
        port = self._owner.listen_port
        return {PeerAddress(str(ip), port) for ip in self._owner.host.preferences.own.all()}


def flags_of(peer: PeerSession) -> int:
    """What others are told of a peer."""
    flags = 0 if peer.incoming else ut_pex.REACHABLE
    if peer.upload_only or peer.told.is_full:
        flags |= ut_pex.SEED
    if peer.extensions.prefers_encryption:
        flags |= ut_pex.PREFERS_ENCRYPTION
    if peer.transport_name == "utp":
        flags |= ut_pex.UTP
    if peer.extensions.speaks(ut_holepunch.NAME):
        flags |= ut_pex.HOLEPUNCH
    return flags
