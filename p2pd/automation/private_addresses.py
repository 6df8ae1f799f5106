"""Which addresses may be connected to for feeds, their items and webhooks: the public ones.

Whoever writes a feed chooses where its items lead: without this, a stranger could have the daemon
ask servers that only its own network reaches. Names are looked up first, and what is asked here is
the very address that is connected to, so no name changes its meaning in between.
"""

from __future__ import annotations

from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network
from typing import Sequence

from p2pd.base.addresses import meant
from p2pd.base.errors import ConfigError


class PrivateAddresses:
    """`allowed` are the networks that may be connected to though they are not public."""

    def __init__(self, allowed: Sequence[str] = ()) -> None:
        """Raises ConfigError for what is no network or address."""
        self._allowed = [_network(each) for each in allowed]

    def refuses(self, host: str) -> bool:
        """Whether an IP address must not be connected to."""
        address = meant(ip_address(host))
        if any(address in network for network in self._allowed):
            return False
        return not address.is_global or address.is_multicast


def _network(text: str) -> IPv4Network | IPv6Network:
    try:
        return ip_network(text.strip(), strict=False)
    except ValueError:
        raise ConfigError(f"{text[:60]!r} is no network and no IP address") from None
