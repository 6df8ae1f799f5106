"""By which way a connection came, and to which torrents that way leads.

A torrent that asks more of a stranger than he brought is, to him, a torrent that is not here: he is
not told apart from one who asks for a torrent that nobody has. The same holds of one that we dial:
it is not greeted for a torrent whose peers have to be reached in another way.
"""

from __future__ import annotations

import enum
import math
from dataclasses import dataclass
from typing import Protocol

from p2pd.base.ids import InfoHashes


class Way(enum.Enum):
    """How the peers of a torrent are reached, and what they have to show first."""

    OPEN = "open"
    """By whoever knows the info-hash, in the clear or with message stream encryption."""
    TLS = "tls"
    """By TLS, with a certificate of the torrent's CA, at a port of its own."""
    SECRET = "secret"
    """By who knows the secret of the swarm, encrypted."""


class Encryption(enum.StrEnum):
    """How a connection is encrypted; the words are the control API's."""

    NONE = "none"
    HANDSHAKE = "handshake"
    """Message stream encryption of the handshake alone: what follows is in the clear."""
    RC4 = "rc4"
    """Message stream encryption of all of it."""
    TLS = "tls"
    SECRET = "secret"
    """Sealed with keys that come from the secret of the swarm."""


@dataclass(frozen=True, slots=True)
class PeerCertificate:
    """With which certificate a peer came: the `name` in it, its `serial` and its encoding (DER).

    `between` are those by which it comes to the CA, in DER, the one that vouches for it first.
    `not_after` is when the first of them all ends, in Unix seconds, and `ends_by` says which.
    """

    name: str
    serial: int
    der: bytes
    not_after: float = math.inf
    between: tuple[bytes, ...] = ()
    ends_by: str = "its certificate"


class HandshakeTorrent(Protocol):
    """What a handshake needs to know of a torrent."""

    @property
    def info_hashes(self) -> InfoHashes: ...
    @property
    def uses_dht(self) -> bool:
        """Whether its peers may know that we have a DHT node (BEP 5)."""

    @property
    def way(self) -> Way:
        """How its peers are reached."""


@dataclass(frozen=True, slots=True)
class Entry:
    """What is known of a connection before its peer says which torrent it is for.

    `torrent` is the one that it proved to belong to: every way but the open one proves one.
    `binding` is what both ends of the connection know and nobody else does (None in the clear).
    """

    way: Way = Way.OPEN
    encrypted: bool = False
    binding: bytes | None = None
    torrent: HandshakeTorrent | None = None
    certificate: PeerCertificate | None = None

    @property
    def encryption(self) -> Encryption:
        """How it is encrypted."""
        if self.way is Way.OPEN:
            if self.encrypted:
                return Encryption.RC4
            return Encryption.NONE if self.binding is None else Encryption.HANDSHAKE
        return Encryption.TLS if self.way is Way.TLS else Encryption.SECRET

    def leads_to(self, torrent: HandshakeTorrent) -> bool:
        """Whether it may be a connection of this torrent."""
        if torrent.way is not self.way:
            return False
        return self.torrent is (None if self.way is Way.OPEN else torrent)


IN_THE_CLEAR = Entry()
"""Of who showed nothing."""
