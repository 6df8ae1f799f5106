"""Node ids: 20 bytes, their distance (BEP 5), and how an address restricts them (BEP 42)."""

from __future__ import annotations

import random

from p2pd.base.addresses import is_local
from p2pd.discovery.dht.hosts import packed_host
from p2pd.protocols.krpc.compact import ID_SIZE

BITS = ID_SIZE * 8

_MASK_V4 = bytes((0x03, 0x0F, 0x3F, 0xFF))
_MASK_V6 = bytes((0x01, 0x03, 0x07, 0x0F, 0x1F, 0x3F, 0x7F, 0xFF))
_CASTAGNOLI = 0x82F63B78


def _crc_row(index: int) -> int:
    for _ in range(8):
        index = index >> 1 ^ (_CASTAGNOLI if index & 1 else 0)
    return index


_CRC_TABLE = tuple(map(_crc_row, range(256)))


def new_node_id(rng: random.Random) -> bytes:
    """A random id, for as long as our address is not known."""
    return rng.randbytes(ID_SIZE)


def as_number(node_id: bytes) -> int:
    """An id as a number; the distance of two is their exclusive or."""
    return int.from_bytes(node_id, "big")


def distance(one: bytes, other: bytes) -> int:
    """How far apart two ids are."""
    return as_number(one) ^ as_number(other)


def crc32c(data: bytes) -> int:
    """The CRC-32 of Castagnoli."""
    crc = 0xFFFFFFFF
    for byte in data:
        crc = crc >> 8 ^ _CRC_TABLE[(crc ^ byte) & 0xFF]
    return crc ^ 0xFFFFFFFF


def bound_node_id(host: str, rng: random.Random, last: int | None = None) -> bytes:
    """An id that a node at this address may have; `last` is its last byte, else random."""
    last = rng.getrandbits(8) if last is None else last
    prefix = _prefix(host, last & 7)
    third = prefix >> 8 & 0xF8 | rng.getrandbits(3)
    return bytes((prefix >> 24, prefix >> 16 & 0xFF, third)) + rng.randbytes(16) + bytes((last,))


def fits_address(node_id: bytes, host: str) -> bool:
    """Whether a node at this address may have this id; on local networks any is right."""
    if is_local(host):
        return True
    prefix = _prefix(host, node_id[19] & 7)
    # The first 21 bits have to be those of the hash.
    return (int.from_bytes(node_id[:4], "big") ^ prefix) >> 11 == 0


def _prefix(host: str, salt: int) -> int:
    packed = packed_host(host)
    mask = _MASK_V4 if len(packed) == 4 else _MASK_V6
    masked = bytearray(byte & bits for byte, bits in zip(packed, mask, strict=False))
    masked[0] |= salt << 5
    return crc32c(bytes(masked))
