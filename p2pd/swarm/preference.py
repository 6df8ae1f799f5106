"""Which addresses are dialled first among equals: near ones, then by canonical priority (BEP 40).

Nearest is the host of a node that the user trusts; then comes the network we are on, then the
country, when somebody can tell the country of an address. While our own address is not known, a
made-up one takes its place: then a lot decides.
"""

from __future__ import annotations

import ipaddress
import random
from enum import IntEnum
from typing import Callable, NamedTuple

from p2pd.base.addresses import PeerAddress
from p2pd.swarm.own_addresses import IpAddress, OwnAddresses, Side, side_of
from p2pd.swarm.peer_priority import canonical_priority, priority_of_hosts
from p2pd.swarm.trusted_nodes import TrustedNodes

CountryOf = Callable[[str], str]
"""The country of an IP address, two letters; empty when it is not known. Must not block."""

SUBNET_BYTES = {4: 3, 6: 8}
"""Leading bytes that the hosts of one network have in common: a /24, a /64."""


class Distance(IntEnum):
    """How near an address is; less is nearer."""

    TRUSTED = 0
    SUBNET = 1
    COUNTRY = 2
    FAR = 3


class Preference(NamedTuple):
    """Compared, the smaller is preferred."""

    distance: Distance
    against: int
    """The canonical priority, turned round."""


def no_country(host: str) -> str:
    """For who has no database of countries."""
    return ""


class Preferences:
    """What a session prefers; `port` is the one that peers dial, 0 while there is none."""

    __slots__ = ("_countries", "_countries_at", "_made_up", "country_of", "favoured", "own", "port")

    def __init__(self, rng: random.Random, country_of: CountryOf = no_country) -> None:
        self.own = OwnAddresses()
        self._made_up: dict[int, IpAddress] = {
            4: ipaddress.IPv4Address(rng.getrandbits(32)),
            6: ipaddress.IPv6Address(rng.getrandbits(128)),
        }
        self.country_of = country_of
        self.favoured = TrustedNodes()
        self.port = 0
        self._countries: frozenset[str] = frozenset()
        self._countries_at = 0

    @property
    def version(self) -> int:
        """Changes when answers change."""
        return self.own.version + self.favoured.version

    def of(self, address: PeerAddress) -> Preference:
        """The preference of an address. Raises ValueError for what is no IP address."""
        ip = ipaddress.ip_address(address.host)
        side = side_of(ip)
        return Preference(self._distance(ip, side), -self._priority(ip, address, side))

    def priority(self, address: PeerAddress) -> int:
        """The canonical priority between us and the address; higher is better."""
        ip = ipaddress.ip_address(address.host)
        return self._priority(ip, address, side_of(ip))

    def _priority(self, ip: IpAddress, address: PeerAddress, side: Side) -> int:
        ours = self.own.seen_by(side) or self._made_up[side.version]
        if ours == ip:
            return canonical_priority(PeerAddress(str(ours), self.port), address)
        return priority_of_hosts(ours.packed, ip.packed)

    def _distance(self, ip: IpAddress, side: Side) -> Distance:
        if self.favoured.at(str(ip)):
            return Distance.TRUSTED
        if self._on_our_network(ip, side):
            return Distance.SUBNET
        country = self.country_of(str(ip))
        return Distance.COUNTRY if country and country in self._ours() else Distance.FAR

    def _on_our_network(self, ip: IpAddress, side: Side) -> bool:
        if ip.is_loopback or ip.is_link_local:
            return True
        ours = self.own.seen_by(side)
        if ours is None:
            return ip.is_private
        common = SUBNET_BYTES[side.version]
        return ip.packed[:common] == ours.packed[:common]

    def _ours(self) -> frozenset[str]:
        if self._countries_at != self.own.version:
            self._countries_at = self.own.version
            found = (self.country_of(str(ours)) for ours in self.own.all())
            self._countries = frozenset(country for country in found if country)
        return self._countries
