"""Compact forms in KRPC: nodes of 26 bytes (BEP 5) and 38 (BEP 32), peers of 6 and 18 bytes.

What comes from outside and can be no address that anybody may be reached at (port 0, a multicast
or unspecified address) is dropped here.
"""

from __future__ import annotations

import ipaddress
import struct
from typing import Any, Iterable, NamedTuple

from p2pd.base.addresses import COMPACT_V4_SIZE, COMPACT_V6_SIZE, PeerAddress
from p2pd.base.errors import FormatError

ID_SIZE = 20
NODE_V4_SIZE = ID_SIZE + COMPACT_V4_SIZE
NODE_V6_SIZE = ID_SIZE + COMPACT_V6_SIZE

_NODE_V4 = struct.Struct("!20s4BH")
_NODE_V6 = struct.Struct("!20s16sH")
_PEER_V4 = struct.Struct("!4BH")


class Contact(NamedTuple):
    """A node as others tell of it: its id and its UDP address."""

    node_id: bytes
    address: PeerAddress


def pack_address(address: PeerAddress) -> bytes:
    """The 6 or 18 bytes of an address."""
    host, port = address
    if ":" in host:
        return ipaddress.IPv6Address(host).packed + port.to_bytes(2, "big")
    a, b, c, d = host.split(".")
    return _PEER_V4.pack(int(a), int(b), int(c), int(d), port)


def unpack_address(data: bytes) -> PeerAddress | None:
    """The address in 6 or 18 bytes; None when there is none, or none that could be reached."""
    if len(data) == COMPACT_V4_SIZE:
        a, b, c, d, port = _PEER_V4.unpack(data)
        if port and 0 < a < 224:
            return PeerAddress(f"{a}.{b}.{c}.{d}", port)
    elif len(data) == COMPACT_V6_SIZE:
        return _address_v6(data[:16], int.from_bytes(data[16:], "big"))
    return None


def pack_contacts(contacts: Iterable[Contact]) -> bytes:
    """The value of ``nodes`` or ``nodes6``; all of one family."""
    return b"".join(node_id + pack_address(address) for node_id, address in contacts)


def unpack_contacts(data: bytes, *, ipv6: bool, limit: int) -> list[Contact]:
    """At most `limit` nodes. Raises FormatError when the bytes are no whole number of nodes."""
    size = NODE_V6_SIZE if ipv6 else NODE_V4_SIZE
    if len(data) % size:
        raise FormatError(f"{len(data)} bytes are no whole number of nodes")
    data = data[: limit * size]
    if ipv6:
        told = ((i, _address_v6(host, port)) for i, host, port in _NODE_V6.iter_unpack(data))
        return [Contact(node_id, address) for node_id, address in told if address is not None]
    return [
        Contact(node_id, PeerAddress(f"{a}.{b}.{c}.{d}", port))
        for node_id, a, b, c, d, port in _NODE_V4.iter_unpack(data)
        if port and 0 < a < 224
    ]


def unpack_peers(values: list[Any], limit: int) -> list[PeerAddress]:
    """At most `limit` peers of a list of both families (BEP 32); what is none is left out."""
    peers = []
    for value in values[:limit]:
        if type(value) is bytes and (address := unpack_address(value)) is not None:
            peers.append(address)
    return peers


def _address_v6(packed: bytes, port: int) -> PeerAddress | None:
    host = ipaddress.IPv6Address(packed)
    if not port or host.is_multicast or host.is_unspecified or host.ipv4_mapped is not None:
        return None
    return PeerAddress(str(host), port)
