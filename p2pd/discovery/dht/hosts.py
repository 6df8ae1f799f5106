"""Hosts as the DHT's stores know them: packed, and by the network that one user may have alone."""

from __future__ import annotations

import ipaddress
from functools import lru_cache

from p2pd.base.addresses import PeerAddress

V4_SIZE = 4
V6_SIZE = 16
_V6_NETWORK = 8
"""Bytes of an IPv6 address that its user cannot choose: whoever has one has its whole /64."""


def packed_host(host: str) -> bytes:
    """The 4 or 16 bytes of a canonical IP address."""
    if ":" in host:
        return _packed_v6(host)
    return bytes(map(int, host.split(".")))


@lru_cache(maxsize=1024)
def _packed_v6(host: str) -> bytes:
    return ipaddress.IPv6Address(host).packed


def network_of(packed: bytes) -> bytes:
    """What limits for one address hold for: an IPv4 address, or the /64 of an IPv6 address."""
    return packed if len(packed) == V4_SIZE else packed[:_V6_NETWORK]


def network_name(host: str) -> str | bytes:
    """The same for the text of an address, without work for IPv4."""
    return _packed_v6(host)[:_V6_NETWORK] if ":" in host else host


def address_of(compact: bytes) -> PeerAddress:
    """The address that 6 or 18 bytes of compact form stand for."""
    port = compact[-2] << 8 | compact[-1]
    if len(compact) == V4_SIZE + 2:
        return PeerAddress(f"{compact[0]}.{compact[1]}.{compact[2]}.{compact[3]}", port)
    return PeerAddress(str(ipaddress.IPv6Address(compact[:-2])), port)
