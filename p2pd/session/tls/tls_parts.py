"""What torrents whose peers are reached by TLS need of the session, and of what is below it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Protocol

from p2pd.base.clock import Clock
from p2pd.session.revoking.swarm_revoking import RevokingParts
from p2pd.state.torrent_keys import KeptCertificate
from p2pd.storage.disks import Disks
from p2pd.transports.tls.handshake_work import HandshakeWork


class KeptKeys(Protocol):
    """Where certificates are kept (state.torrent_keys.TorrentKeys); all of it blocks."""

    def load(self) -> dict[str, KeptCertificate]:
        """By info-hash in hex."""

    def save(self, info_hash: str, kept: KeptCertificate) -> None: ...
    def forget(self, info_hash: str) -> None: ...


@dataclass(frozen=True, slots=True)
class TlsParts:
    """What it takes to have TLS torrents."""

    keys: KeptKeys
    work: HandshakeWork
    revoking: RevokingParts = field(default_factory=RevokingParts)


class TlsHost(Protocol):
    """What is needed of the session."""

    clock: Clock
    disks: Disks
    store: Any
    resting: Any
    activity: Any
    events: Any
    queues: Any
    connections: Any
    reaching: Any
    closing: bool

    @property
    def tls_port(self) -> int:
        """Where TLS is listened for; 0: nowhere."""

    def torrent_by_wire_id(self, info_hash: bytes) -> Any: ...
    def way_known(self, torrent: Any) -> None:
        """How its peers are reached may be known otherwise than before."""

    def wall(self) -> float: ...
    def background(self, work: Any, what: str) -> None: ...
