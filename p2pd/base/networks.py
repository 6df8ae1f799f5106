"""To whom an address belongs, for limits: what one user has alone, what one provider may have."""

from __future__ import annotations

import ipaddress
from functools import lru_cache

V6_USER = 8
"""Bytes of an IPv6 address that its user cannot choose: whoever has one has its whole /64."""

V6_SITE = 6
"""Bytes of it that are at most one customer's: a home has a /56, a company a /48."""

V6_PROVIDER = 4
"""Bytes of it that are one provider's: what registries give is a /32."""


@lru_cache(maxsize=1024)
def packed_v6(host: str) -> bytes:
    """The 16 bytes of a canonical IPv6 address."""
    return ipaddress.IPv6Address(host).packed


def user_of(host: str) -> str | bytes:
    """What limits for one host hold for: an IPv4 address, or the /64 of an IPv6 address."""
    return packed_v6(host)[:V6_USER] if ":" in host else host


def site_of(host: str) -> str | bytes:
    """The /24 or the /48: the most that one customer usually has."""
    return packed_v6(host)[:V6_SITE] if ":" in host else host.rpartition(".")[0]


def provider_of(host: str) -> str | bytes:
    """The /16 or the /32: whoever has many addresses mostly has them in few of these."""
    if ":" in host:
        return packed_v6(host)[:V6_PROVIDER]
    first, second, _ = host.split(".", 2)
    return f"{first}.{second}"
