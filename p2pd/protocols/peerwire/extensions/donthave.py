"""lt_donthave (BEP 54): the sender no longer has a piece."""

from __future__ import annotations

from p2pd.base.errors import FormatError


def encode_donthave(piece: int) -> bytes:
    """The payload of the message."""
    return piece.to_bytes(4, "big")


def parse_donthave(payload: bytes) -> int:
    """The piece. Raises FormatError."""
    if len(payload) != 4:
        raise FormatError(f"a don't-have message of {len(payload)} bytes")
    return int.from_bytes(payload, "big")
