"""The Bloom filter that counts a swarm over many nodes (BEP 33): 256 bytes, two bits an address.

Ports never go in. What an address is, and whose filter this is, is not known here.
"""

from __future__ import annotations

import math
from hashlib import sha1
from typing import Iterable

from p2pd.base.errors import FormatError

SIZE = 256
BITS = 8 * SIZE
HASHES = 2


def bit_indices(packed: bytes) -> tuple[int, int]:
    """The two bits of an IP address of 4 or 16 bytes."""
    digest = sha1(packed).digest()
    return (digest[0] | digest[1] << 8) % BITS, (digest[2] | digest[3] << 8) % BITS


class BloomFilter:
    """A set of IP addresses that can be joined with others and counted, but not listed."""

    __slots__ = ("_bits",)

    def __init__(self, data: bytes = bytes(SIZE)) -> None:
        """An empty filter, or that of `data`. Raises FormatError when it has not 256 bytes."""
        if len(data) != SIZE:
            raise FormatError(f"a scrape's Bloom filter has {SIZE} bytes, not {len(data)}")
        self._bits = bytearray(data)

    def __bytes__(self) -> bytes:
        return bytes(self._bits)

    def __contains__(self, packed: bytes) -> bool:
        """Whether the address may be in the set: never wrong when it says no."""
        return all(self._bits[bit >> 3] & 1 << (bit & 7) for bit in bit_indices(packed))

    def insert(self, packed: bytes) -> None:
        """Put in an IP address of 4 or 16 bytes."""
        for bit in bit_indices(packed):
            self._bits[bit >> 3] |= 1 << (bit & 7)

    def join(self, other: BloomFilter) -> None:
        """Become the union of both sets."""
        joined = int.from_bytes(self._bits, "big") | int.from_bytes(other._bits, "big")
        self._bits[:] = joined.to_bytes(SIZE, "big")

    def estimate(self) -> float:
        """About how many addresses are in the set; it breaks down above some 6,000."""
        ones = int.from_bytes(self._bits, "big").bit_count()
        zeros = min(BITS - 1, BITS - ones)
        # A full filter says no more than "too many": it is counted as if one bit were free.
        return math.log(max(1, zeros) / BITS) / (HASHES * math.log1p(-1 / BITS)) if ones else 0.0


def filter_of(addresses: Iterable[bytes]) -> bytes:
    """The filter of some packed IP addresses, as it is sent."""
    bits = bytearray(SIZE)
    for packed in addresses:
        digest = sha1(packed).digest()
        # The second byte of each index counts by its lowest three bits: 11 bits are an index.
        bits[digest[0] >> 3 | (digest[1] & 7) << 5] |= 1 << (digest[0] & 7)
        bits[digest[2] >> 3 | (digest[3] & 7) << 5] |= 1 << (digest[2] & 7)
    return bytes(bits)
