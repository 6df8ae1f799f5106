"""A connected peer for readers: what control shows of it (peer_view.PeerView), as of one moment."""

from __future__ import annotations

from p2pd.base.addresses import PeerAddress
from p2pd.session.connecting.admission import Encryption
from p2pd.session.peers.peer_session import PeerSession
from p2pd.session.torrents.torrent_trust import TorrentTrust
from p2pd.swarm.preference import Preferences
from p2pd.swarm.reputation import Rating


class PeerReport:
    """A peer for readers (peer_view.PeerView)."""

    def __init__(self, peer: PeerSession, preferences: Preferences, trust: TorrentTrust) -> None:
        self._peer = peer
        self._trust = trust
        self._preferences = preferences
        self._now = peer.seconds()
        self.address: PeerAddress = peer.address
        self.client = peer.client
        self.peer_id = peer.peer_id
        self.source = peer.source
        self.incoming = peer.incoming
        self.encrypted = peer.encrypted
        self.encryption = peer.encryption.value
        self.node_key = peer.node_key
        self.node_name = peer.node.name
        self.transport_name = peer.transport_name
        self.certificate_name = peer.certificate.name if peer.certificate is not None else ""
        self.am_choking = peer.am_choking
        self.am_interested = peer.am_interested
        self.peer_choking = peer.peer_choking
        self.peer_interested = peer.peer_interested
        self.snubbed = peer.download.window.snubbed
        self.optimistic = peer.optimistic
        self.downloaded = peer.download.total
        self.uploaded = peer.upload.total

    @property
    def progress(self) -> float:
        """0 to 1, by what the peer says that it has."""
        pieces = self._peer.pieces
        return pieces.count / pieces.size if pieces is not None and pieces.size else 0.0

    @property
    def rating(self) -> Rating:
        """What it is worth, and why."""
        return self._trust.rating(self._peer)

    @property
    def country(self) -> str:
        """Two letters; empty when nobody knows."""
        return self._preferences.country_of(self.address.host)

    @property
    def rate_to_client(self) -> float:
        """Bytes per second from the peer to us."""
        return self._peer.download.rate.per_second(self._now)

    @property
    def rate_to_peer(self) -> float:
        """Bytes per second from us to the peer."""
        return self._peer.upload.rate.per_second(self._now)

    @property
    def requests_outstanding(self) -> int:
        """Blocks asked of it and not yet here."""
        return self._peer.download.outstanding

    @property
    def flag_string(self) -> str:
        """One letter a fact, as Transmission shows them: D d U u K ? O E I; e is qBittorrent's."""
        flags = ""
        if self.am_interested:
            flags += "d" if self.peer_choking else "D"
        elif not self.peer_choking:
            flags += "K"
        if self.peer_interested:
            flags += "u" if self.am_choking else "U"
        elif not self.am_choking:
            flags += "?"
        flags += "O" * self.optimistic + "E" * self.encrypted
        return flags + "e" * (self.encryption == Encryption.HANDSHAKE) + "I" * self.incoming
