"""What a byte costs on the way to a peer: the headers of its packets count too."""

from __future__ import annotations

import ipaddress

MTU = 1500
"""Bytes of an IP packet on the usual link."""

TCP_HEADER = 32
"""Bytes, with the time stamps that nearly every system sends (RFC 7323)."""

IP_HEADERS = {4: 20, 6: 40}


def wire_cost(host: str) -> float:
    """Bytes on the wire for a byte in a TCP stream to this IP address, in full packets."""
    headers = IP_HEADERS[ipaddress.ip_address(host).version] + TCP_HEADER
    return MTU / (MTU - headers)
