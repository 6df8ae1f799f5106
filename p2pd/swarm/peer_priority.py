"""The canonical priority of a pair of peers (BEP 40): both ends come to the same number.

Where slots are few, the pair with the higher number gets one: so nobody can fill all the slots of
a swarm, and a newcomer finds as many places as anyone else.
"""

from __future__ import annotations

import ipaddress

from p2pd.base.addresses import PeerAddress

_POLYNOMIAL = 0x82F63B78
"""Castagnoli's, reflected."""


def _table() -> tuple[int, ...]:
    rows = []
    for row in range(256):
        for _ in range(8):
            row = row >> 1 ^ (_POLYNOMIAL if row & 1 else 0)
        rows.append(row)
    return tuple(rows)


_TABLE = _table()
_EVERY_SECOND_BIT = bytes(byte & 0x55 for byte in range(256))


def crc32c(data: bytes) -> int:
    """The CRC-32C checksum (RFC 3720, appendix B.4)."""
    crc = 0xFFFFFFFF
    for byte in data:
        crc = crc >> 8 ^ _TABLE[(crc ^ byte) & 0xFF]
    return crc ^ 0xFFFFFFFF


def canonical_priority(one: PeerAddress, other: PeerAddress) -> int:
    """The priority of two addresses of one family, 0 to 2**32 - 1; higher is better.

    The first two bytes of an IPv4 address count in full, the first six of an IPv6 address, and
    one more than they have in common; of the rest every second bit. Raises ValueError when they
    are of two families or no addresses.
    """
    if one.host == other.host:
        low, high = sorted((one.port, other.port))
        return crc32c(low.to_bytes(2, "big") + high.to_bytes(2, "big"))
    a, b = ipaddress.ip_address(one.host).packed, ipaddress.ip_address(other.host).packed
    if len(a) != len(b):
        raise ValueError(f"{one.host} and {other.host} are of two families")
    return priority_of_hosts(a, b)


def priority_of_hosts(a: bytes, b: bytes) -> int:
    """The same of two different IP addresses of one family, as bytes."""
    whole = 2 if len(a) == 4 else 6
    if a[:whole] == b[:whole]:
        whole = 1 + next(at for at, (x, y) in enumerate(zip(a, b, strict=True)) if x != y)
    a = a[:whole] + a[whole:].translate(_EVERY_SECOND_BIT)
    b = b[:whole] + b[whole:].translate(_EVERY_SECOND_BIT)
    return crc32c(a + b if a < b else b + a)
