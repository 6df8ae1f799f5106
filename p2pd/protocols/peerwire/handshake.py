"""The handshake that opens each connection, and its reserved bits (BEP 3, 4, 5, 6, 10, 52).

Whether the info-hash is one of ours is not known here.
"""

from __future__ import annotations

from dataclasses import dataclass

from p2pd.base.errors import FormatError
from p2pd.base.ids import PEER_ID_SIZE, V1_SIZE

PREFIX = b"\x13BitTorrent protocol"
RESERVED_SIZE = 8
HANDSHAKE_SIZE = len(PREFIX) + RESERVED_SIZE + V1_SIZE + PEER_ID_SIZE
"""Bytes in a handshake: 68."""

# Of the reserved bytes seen as one 64-bit number (BEP 4, "Reserved Bit Allocations").
_EXTENSIONS = 0x10 << 16
_DHT = 0x01
_FAST = 0x04
_V2 = 0x10


def our_reserved(*, v2: bool = False, dht: bool = False) -> bytes:
    """The reserved bytes we send: always BEP 6 and BEP 10.

    `v2` says that this torrent can be spoken of by its v2 info-hash too (BEP 52, upgrade path),
    `dht` that we run a DHT node (BEP 5).
    """
    bits = _EXTENSIONS | _FAST | (_V2 if v2 else 0) | (_DHT if dht else 0)
    return bits.to_bytes(RESERVED_SIZE, "big")


@dataclass(frozen=True, slots=True)
class Handshake:
    """One side's handshake: 20 bytes of (truncated) info-hash, 20 of peer id, 8 reserved."""

    info_hash: bytes
    peer_id: bytes
    reserved: bytes

    def __post_init__(self) -> None:
        sizes = (len(self.info_hash), len(self.peer_id), len(self.reserved))
        if sizes != (V1_SIZE, PEER_ID_SIZE, RESERVED_SIZE):
            raise FormatError(f"a handshake's fields have 20, 20 and 8 bytes, not {sizes}")

    @property
    def supports_extensions(self) -> bool:
        """Whether the sender speaks the extension protocol (BEP 10)."""
        return self._has(_EXTENSIONS)

    @property
    def supports_fast(self) -> bool:
        """Whether the sender speaks the fast extension (BEP 6); it holds if both sides do."""
        return self._has(_FAST)

    @property
    def supports_dht(self) -> bool:
        """Whether the sender runs a DHT node (BEP 5)."""
        return self._has(_DHT)

    @property
    def supports_v2(self) -> bool:
        """Whether the sender of a v1 info-hash would rather go on as v2 (BEP 52)."""
        return self._has(_V2)

    def encode(self) -> bytes:
        """The 68 bytes on the wire."""
        return b"".join((PREFIX, self.reserved, self.info_hash, self.peer_id))

    @classmethod
    def parse(cls, data: bytes | bytearray | memoryview) -> Handshake:
        """Read exactly 68 bytes. Raises FormatError."""
        raw = bytes(data)
        check_prefix(raw)
        if len(raw) != HANDSHAKE_SIZE:
            raise FormatError(f"a handshake has {HANDSHAKE_SIZE} bytes, not {len(raw)}")
        return cls(raw[28:48], raw[48:68], raw[20:28])

    def _has(self, bit: int) -> bool:
        return bool(int.from_bytes(self.reserved, "big") & bit)


def check_prefix(start: bytes | bytearray) -> None:
    """Refuse other protocols at their first wrong byte. Raises FormatError."""
    if start[: len(PREFIX)] != PREFIX[: len(start)]:
        raise FormatError("it does not begin with the BitTorrent handshake")
