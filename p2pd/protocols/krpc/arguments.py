"""The arguments of queries and the values of responses, each checked as it is taken.

Every function takes the dictionary as it came and raises :class:`KrpcFormatError`, whose text may
be told to whoever sent it, when what is there is not what the BEP named says.
"""

from __future__ import annotations

from typing import Any, Mapping

from p2pd.base.addresses import PeerAddress
from p2pd.protocols.krpc.compact import ID_SIZE, Contact, unpack_contacts, unpack_peers
from p2pd.protocols.krpc.messages import KrpcFormatError

MAX_NODES = 20
"""Nodes that are looked at in one answer; eight are usual (BEP 5)."""

MAX_PEERS = 200
MAX_TOKEN = 128
MAX_SAMPLES = 200
FILTER_SIZE = 256
"""Bytes of a Bloom filter (BEP 33)."""

_LARGEST = 2**63 - 1
Values = Mapping[bytes, Any]


def taken_id(values: Values, key: bytes = b"id") -> bytes:
    """A node id or an info-hash: 20 bytes that must be there (BEP 5)."""
    value = values.get(key)
    if type(value) is not bytes or len(value) != ID_SIZE:
        raise KrpcFormatError(f"{key.decode()} has to be {ID_SIZE} bytes")
    return value


def taken_bytes(values: Values, key: bytes, longest: int) -> bytes | None:
    """A string of at most `longest` bytes; None when it is not there."""
    value = values.get(key)
    if value is None:
        return None
    if type(value) is not bytes or len(value) > longest:
        raise KrpcFormatError(f"{key.decode()} has to be a string of at most {longest} bytes")
    return value


def taken_number(values: Values, key: bytes, largest: int = _LARGEST) -> int | None:
    """A number from 0 to `largest`; None when it is not there."""
    value = values.get(key)
    if value is None:
        return None
    if type(value) is not int or not 0 <= value <= largest:
        raise KrpcFormatError(f"{key.decode()} has to be a number from 0 to {largest}")
    return value


def flag(values: Values, key: bytes) -> bool:
    """Whether a flag is set: anything but 1 is no."""
    return values.get(key) == 1


def taken_nodes(values: Values, *, ipv6: bool) -> list[Contact]:
    """``nodes``, or ``nodes6`` (BEP 32); none when it is not there."""
    data = values.get(b"nodes6" if ipv6 else b"nodes")
    if data is None:
        return []
    if type(data) is not bytes:
        raise KrpcFormatError("nodes have to be a string")
    return unpack_contacts(data, ipv6=ipv6, limit=MAX_NODES)


def taken_peers(values: Values) -> list[PeerAddress]:
    """``values`` of an answer to get_peers; none when it is not there."""
    peers = values.get(b"values")
    if peers is None:
        return []
    if type(peers) is not list:
        raise KrpcFormatError("values have to be a list")
    return unpack_peers(peers, MAX_PEERS)


def taken_want(values: Values, *, ipv6: bool) -> tuple[bool, bool]:
    """Which nodes are asked for, of IPv4 and of IPv6 (BEP 32): by default those of one's own."""
    want = values.get(b"want")
    if type(want) is not list:
        return not ipv6, ipv6
    return b"n4" in want, b"n6" in want


def taken_filter(values: Values, key: bytes) -> bytes | None:
    """A Bloom filter of BEP 33; None when it is not there."""
    value = values.get(key)
    if value is None:
        return None
    if type(value) is not bytes or len(value) != FILTER_SIZE:
        raise KrpcFormatError(f"{key.decode()} has to be {FILTER_SIZE} bytes")
    return value


def taken_samples(values: Values) -> list[bytes] | None:
    """Info-hashes of BEP 51; None when the other does not know of it."""
    data = values.get(b"samples")
    if data is None:
        return None
    if type(data) is not bytes or len(data) % ID_SIZE:
        raise KrpcFormatError("samples are no whole number of info-hashes")
    data = data[: MAX_SAMPLES * ID_SIZE]
    return [data[at : at + ID_SIZE] for at in range(0, len(data), ID_SIZE)]
