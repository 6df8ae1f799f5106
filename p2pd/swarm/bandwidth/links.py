"""What the way to a peer means for limits: is it the local network, and what does a byte cost."""

from __future__ import annotations

import ipaddress
from functools import lru_cache

MTU = 1500
"""Bytes of an IP packet on the usual link."""

TCP_HEADER = 32
"""Bytes, with the time stamps that nearly every system sends (RFC 7323)."""

IP_HEADERS = {4: 20, 6: 40}

LOCAL_NETWORKS = tuple(
    map(
        ipaddress.ip_network,
        ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "169.254.0.0/16", "127.0.0.0/8",
         "fc00::/7", "fe80::/10", "::1/128"),
    )
)  # fmt: skip
"""Private, link-local and loopback addresses (RFC 1918, 3927, 4193, 4291)."""


@lru_cache(maxsize=4096)
def is_local(host: str) -> bool:
    """Whether an IP address is on the local network, or on this machine."""
    address = ipaddress.ip_address(host)
    return any(address in network for network in LOCAL_NETWORKS)


def wire_cost(host: str) -> float:
    """Bytes on the wire for a byte in a TCP stream to this IP address, in full packets."""
    headers = IP_HEADERS[ipaddress.ip_address(host).version] + TCP_HEADER
    return MTU / (MTU - headers)
