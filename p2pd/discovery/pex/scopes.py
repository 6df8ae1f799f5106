"""From where an address can be reached: peers are not told of, nor believed about, what is none of
their business. A host of the internet cannot reach 192.168.0.0/16, and knows nothing of it.
"""

from __future__ import annotations

import ipaddress
from enum import IntEnum
from functools import lru_cache

from p2pd.base.addresses import PeerAddress, is_local


class Scope(IntEnum):
    """Who is in one may reach, and tell of, addresses of that and of those before it."""

    INTERNET = 0
    LOCAL = 1
    MACHINE = 2


@lru_cache(maxsize=4096)
def scope_of(host: str) -> Scope:
    """Where an IP address is. Raises ValueError when it is none."""
    if not is_local(host):
        return Scope.INTERNET
    return Scope.MACHINE if ipaddress.ip_address(host).is_loopback else Scope.LOCAL


def is_possible(address: PeerAddress) -> bool:
    """Whether one peer may listen there: no group of hosts, and a port. Raises ValueError."""
    ip = ipaddress.ip_address(address.host)
    this_network = ip.version == 4 and ip.packed[0] in (0, *range(224, 256))
    return bool(address.port) and not (this_network or ip.is_multicast or ip.is_unspecified)
