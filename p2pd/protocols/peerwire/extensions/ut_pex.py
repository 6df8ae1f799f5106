"""The ut_pex message (BEP 11): whom its sender is connected to since it said so last, and no more.

What is believed of it, and who is told what and how often, is not known here.
"""

from __future__ import annotations

import ipaddress
from typing import Any, Iterable, Iterator, NamedTuple

from p2pd.base.addresses import (
    COMPACT_V4_SIZE,
    COMPACT_V6_SIZE,
    PeerAddress,
    pack_compact,
)
from p2pd.base.errors import FormatError
from p2pd.formats import bencode

NAME = "ut_pex"
MAX_PAYLOAD = 64 * 1024
MAX_ADDRESSES = 1000
"""Of each of the four lists; what a message has beyond that is not read."""

PREFERS_ENCRYPTION = 0x01
SEED = 0x02
"""It has everything, or asks for nothing (BEP 21)."""
UTP = 0x04
HOLEPUNCH = 0x08
"""It speaks ut_holepunch (BEP 55)."""
REACHABLE = 0x10
"""The sender dialled it."""


class PexPeer(NamedTuple):
    """A peer that its sender is connected to, with the flags above."""

    address: PeerAddress
    flags: int = 0


class PexMessage(NamedTuple):
    """What changed. No address is in both, and none in either twice."""

    added: tuple[PexPeer, ...] = ()
    dropped: tuple[PeerAddress, ...] = ()

    def encode(self) -> bytes:
        """The payload of the extended message; lists of a family that has nobody are left out."""
        told: dict[bytes, bytes] = {}
        for suffix, ipv6 in ((b"", False), (b"6", True)):
            added = [peer for peer in self.added if peer.address.is_ipv6 is ipv6]
            if added:
                addresses = (peer.address for peer in added)
                told[b"added" + suffix] = pack_compact(addresses, ipv6=ipv6)
                told[b"added" + suffix + b".f"] = bytes(peer.flags for peer in added)
            dropped = pack_compact(self.dropped, ipv6=ipv6)
            if dropped:
                told[b"dropped" + suffix] = dropped
        return bencode.encode(told)


def parse(payload: bytes) -> PexMessage:
    """Read a payload. Raises FormatError.

    Of an address that comes twice the first counts, of one that is also dropped that it is gone.
    Port 0 and hosts that cannot be one peer's address are left out, like flags that do not fit.
    """
    if len(payload) > MAX_PAYLOAD:
        raise FormatError(f"the peer exchange message has {len(payload)} bytes")
    told = bencode.decode(payload, strict_order=False, max_depth=4)
    if not isinstance(told, dict):
        raise FormatError("the peer exchange message is not a dictionary")
    dropped = dict.fromkeys(
        address
        for key, ipv6 in ((b"dropped", False), (b"dropped6", True))
        for address in _addresses(told, key, ipv6=ipv6)
        if address is not None
    )
    added: dict[PeerAddress, int] = {}
    for key, ipv6 in ((b"added", False), (b"added6", True)):
        for address, flags in _flagged(told, key, ipv6=ipv6):
            if address is not None and address not in dropped:
                added.setdefault(address, flags)
    return PexMessage(tuple(PexPeer(*one) for one in added.items()), tuple(dropped))


def _flagged(
    told: dict[bytes, Any], key: bytes, *, ipv6: bool
) -> Iterable[tuple[PeerAddress | None, int]]:
    addresses = list(_addresses(told, key, ipv6=ipv6))
    flags = told.get(key + b".f")
    if not isinstance(flags, bytes) or len(flags) < len(addresses):
        flags = bytes(len(addresses))
    return zip(addresses, flags, strict=False)


def _addresses(told: dict[bytes, Any], key: bytes, *, ipv6: bool) -> Iterator[PeerAddress | None]:
    """Those of one list, in their places; None for what is no address of a peer."""
    raw = told.get(key, b"")
    size = COMPACT_V6_SIZE if ipv6 else COMPACT_V4_SIZE
    if not isinstance(raw, bytes) or len(raw) % size:
        raise FormatError(f"{key.decode()} of the peer exchange message is no list of addresses")
    for start in range(0, min(len(raw), MAX_ADDRESSES * size), size):
        packed, port = raw[start : start + size - 2], raw[start + size - 2 : start + size]
        yield _address(packed, int.from_bytes(port, "big"))


def _address(packed: bytes, port: int) -> PeerAddress | None:
    if not port:
        return None
    if len(packed) == 4:
        first = packed[0]
        if first == 0 or first >= 224:  # "this network", multicast, reserved, broadcast
            return None
        return PeerAddress("{}.{}.{}.{}".format(*packed), port)
    ip = ipaddress.IPv6Address(packed)
    if ip.ipv4_mapped is not None:
        return _address(ip.ipv4_mapped.packed, port)
    if ip.is_multicast or ip.is_unspecified:
        return None
    return PeerAddress(str(ip), port)
