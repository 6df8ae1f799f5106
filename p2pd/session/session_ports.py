"""By which ports a session is reached: a part of it that needs no more than its parts."""

from __future__ import annotations

from typing import Mapping

from p2pd.session.connecting.admission import Way
from p2pd.session.connecting.connections import Connections
from p2pd.session.connecting.handshaking import OTHER_WAY
from p2pd.session.discovering.catcher_source import CatcherSource
from p2pd.session.reaching import Reaching
from p2pd.session.settings.session_settings import SessionSettings
from p2pd.session.tls.tls_torrents import TlsTorrents
from p2pd.session.torrents.torrent import Torrent
from p2pd.session.torrents.torrent_registry import TorrentRegistry


class SessionPorts:
    """What a session tells of its ports, and of the ways to its torrents."""

    settings: SessionSettings
    connection_bound: int
    connections: Connections
    reaching: Reaching
    torrents: TorrentRegistry
    catcher: CatcherSource
    tls: TlsTorrents

    @property
    def listen_port(self) -> int:
        """The port that peers can dial: ours, or the one outside that a gateway maps to it."""
        return self.reaching.port

    @property
    def own_port(self) -> int:
        """Where we listen."""
        return self.connections.port

    @property
    def tls_port(self) -> int:
        """Where we listen for peers of TLS torrents; 0: nowhere."""
        return self.connections.tls_port

    @property
    def uses_tls(self) -> bool:
        """Whether there are torrents whose peers might come there: those with a certificate."""
        return self.tls.is_used

    def way_known(self, torrent: Torrent) -> None:
        """Of a torrent that is not for everybody others hear nothing, nor does it of them."""
        self.torrents.learn_hashes(torrent)
        if torrent.way is not Way.OPEN:
            self.catcher.stopped(torrent)
            torrent.hang_up_on_all(OTHER_WAY, but=torrent.way)
            self.tls.hold_back(torrent)

    @property
    def reached_at(self) -> Mapping[str, float]:
        """When somebody outside connected to us last, by `ipv4` and `ipv6`."""
        return self.connections.reached_at

    @property
    def connection_limit(self) -> int:
        """Connections in all."""
        return min(self.settings.peer_limit_global, self.connection_bound)
