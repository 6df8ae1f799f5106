"""The lt_donthave message (BEP 54): the sender no longer has a piece it told of."""

from __future__ import annotations

from p2pd.base.errors import FormatError

NAME = "lt_donthave"


def encode_donthave(piece: int) -> bytes:
    """The payload of the message."""
    return piece.to_bytes(4, "big")


def parse_donthave(payload: bytes) -> int:
    """The piece's index; whether there is such a piece is not known here. Raises FormatError."""
    if len(payload) != 4:
        raise FormatError(f"a don't-have message has 4 bytes, not {len(payload)}")
    return int.from_bytes(payload, "big")
