"""PCP answers: read or refused in words."""

from __future__ import annotations

import struct

from p2pd.protocols.nat import pcp
from p2pd.protocols.nat.mapping import NatFormatError
from p2pd.reachability.announcements import is_announcement

_HEAD = struct.pack(">BBBBII12x", 2, 0x81, 0, 0, 3600, 77)
_MAP = struct.pack(">12sB3xHH", b"n" * 12, 6, 6881, 7000) + bytes(10) + b"\xff\xff\xc6\x33\x64\x07"

SEEDS: list[bytes] = [
    _HEAD + _MAP,
    _HEAD + _MAP + b"\x80\0\0\x04\1\2\3\4",
    struct.pack(">BBBBII12x", 2, 0x80, 0, 0, 0, 77),
    struct.pack(">BBBBII12x", 2, 0x81, 0, 8, 30, 77) + _MAP,
    b"\x00\x81\x00\x01\x00\x00\x00\x05",
]


def fuzz(data: bytes) -> None:
    is_announcement(data)
    assert len(pcp.nonce_of(data)) in (0, pcp.NONCE_SIZE)
    try:
        answer = pcp.parse_answer(data)
    except (NatFormatError, pcp.PcpRefusalError) as refusal:
        words = str(refusal)
    else:
        words = ""
        if answer.granted is not None:
            assert 0 < answer.granted.internal_port < 65536
            assert answer.granted.external_port or not answer.granted.lease
    assert words.isprintable()
