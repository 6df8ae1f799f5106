"""From where an address can be reached: peers are not told of, nor believed about, what is none of
their business. A host of the internet cannot reach 192.168.0.0/16, and knows nothing of it.
"""

from __future__ import annotations

import ipaddress
from enum import IntEnum
from functools import lru_cache

from p2pd.base.addresses import is_local


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
