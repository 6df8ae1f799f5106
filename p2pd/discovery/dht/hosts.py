"""Hosts as the DHT's stores know them: packed, and by the network that one user may have alone."""

from __future__ import annotations

import ipaddress

from p2pd.base.addresses import PeerAddress
from p2pd.base.networks import V6_USER, packed_v6

V4_SIZE = 4
V6_SIZE = 16


def packed_host(host: str) -> bytes:
    """The 4 or 16 bytes of a canonical IP address."""
    if ":" in host:
        return packed_v6(host)
    return bytes(map(int, host.split(".")))


def network_of(packed: bytes) -> bytes:
    """What limits for one address hold for: an IPv4 address, or the /64 of an IPv6 address."""
    return packed if len(packed) == V4_SIZE else packed[:V6_USER]


def address_of(compact: bytes) -> PeerAddress:
    """The address that 6 or 18 bytes of compact form stand for."""
    port = compact[-2] << 8 | compact[-1]
    if len(compact) == V4_SIZE + 2:
        return PeerAddress(f"{compact[0]}.{compact[1]}.{compact[2]}.{compact[3]}", port)
    return PeerAddress(str(ipaddress.IPv6Address(compact[:-2])), port)
