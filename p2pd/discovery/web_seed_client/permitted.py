"""Which addresses a web seed may be at.

Whoever makes a torrent chooses what its web seeds are: without this he could have the daemon ask
servers of its own network something that does harm there. So what is in that network is asked for
nothing but a plain path, and only if the torrent, or its user, named it himself: nobody outside can
send us there. Nor are those asked whom nobody is to talk to.
"""

from __future__ import annotations

import ipaddress
from typing import Callable, Sequence
from urllib.parse import urlsplit

from p2pd.base.addresses import is_local, meant
from p2pd.protocols.webseed.answers import SeedError

KeepsAway = Callable[[str], bool]
"""Whether an IP address is banned, or on the blocklist."""

_ALSO_NEAR = tuple(map(ipaddress.ip_network, ("0.0.0.0/8", "100.64.0.0/10", "::/128")))
"""This machine, as systems take it (RFC 1122, section 3.2.1.3; RFC 4291, section 2.5.2), and the
networks of providers and of VPNs (RFC 6598). They are near as those who are asked; as those who
send us on they are not: strangers are there, too."""

MOST_TRIED = 4
"""Addresses of a host that are tried, one after the other."""


def permitted(
    addresses: Sequence[str], url: str, *, named: str, from_outside: bool, keeps_away: KeepsAway
) -> list[str]:
    """Those addresses of the host in `url` that may be asked. Raises SeedError if there are none.

    `named` is the URL that the torrent has; `from_outside`: a server that is not of our network
    sent us on to this one.
    """
    free = [address for address in addresses if not keeps_away(address)]
    if not free:
        raise SeedError("its address is banned or on the blocklist")
    asks = bool(urlsplit(named).query)
    found = [one for one in free if not (_is_near(one) and (asks or from_outside))]
    if not found and from_outside:
        raise SeedError("it redirects into the local network")
    if not found:
        raise SeedError("it is in the local network, where no URL with a question mark is asked")
    return found[:MOST_TRIED]


def _is_near(host: str) -> bool:
    """Whether an IP address may be one of our network."""
    address = meant(ipaddress.ip_address(host))
    return is_local(str(address)) or any(address in network for network in _ALSO_NEAR)
