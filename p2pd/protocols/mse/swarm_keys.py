"""The torrents by what message stream encryption makes of their info-hashes.

One look finds any of them, however many there are: neither how long it takes nor how a connection
ends tells a stranger which torrents are here.
"""

from __future__ import annotations

from p2pd.protocols.mse.handshake import mixed
from p2pd.protocols.mse.keystream import digest


class SwarmKeys:
    """The info-hashes that peers may ask for, 20 bytes each: of v2 torrents the truncated ones."""

    def __init__(self) -> None:
        self._by_digest: dict[bytes, bytes] = {}

    def __len__(self) -> int:
        return len(self._by_digest)

    def add(self, info_hash: bytes) -> None:
        """Peers may ask for it from now on."""
        self._by_digest[digest(b"req2", info_hash)] = info_hash

    def discard(self, info_hash: bytes) -> None:
        """Nobody may any more."""
        self._by_digest.pop(digest(b"req2", info_hash), None)

    def has(self, info_hash: bytes) -> bool:
        """Whether peers may ask for it, for who is asked in the clear."""
        return digest(b"req2", info_hash) in self._by_digest

    def find(self, obscured: bytes, secret: bytes) -> bytes | None:
        """See handshake.Swarms."""
        return self._by_digest.get(mixed(obscured, digest(b"req3", secret)))
