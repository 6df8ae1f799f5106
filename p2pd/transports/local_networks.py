"""The networks that this machine is in, by its interfaces (Linux): where neighbours may be."""

from __future__ import annotations

import ipaddress
import socket
from functools import lru_cache
from typing import Iterator, NamedTuple

from p2pd.base.addresses import canonical_host
from p2pd.transports.way_out import (
    UP,
    AddressWay,
    InterfaceWay,
    WayOut,
    ask_interface,
    interface_flags,
)

LOOPBACK, POINT_TO_POINT, MULTICAST = 0x8, 0x10, 0x1000

_ADDRESS, _MASK = 0x8915, 0x891B  # SIOCGIFADDR, SIOCGIFNETMASK
_TENTATIVE = 0x40
_LINK_LOCAL = 0x20

MOST = 8
"""Networks that are looked at: a machine with hundreds of them is a router, or has containers."""


class LocalNetwork(NamedTuple):
    """An address of ours, how many bits of it its network has, the interface's name and number."""

    host: str
    prefix: int
    device: str
    number: int

    @property
    def is_ipv6(self) -> bool:
        """Its family."""
        return ":" in self.host

    def contains(self, host: str) -> bool:
        """Whether an IP address is in this network."""
        try:
            return ipaddress.ip_address(host) in _network(self.host, self.prefix)
        except ValueError:
            return False


@lru_cache(maxsize=64)
def _network(host: str, prefix: int) -> ipaddress.IPv4Network | ipaddress.IPv6Network:
    return ipaddress.ip_network((host, prefix), strict=False)


def networks_by(way: WayOut) -> list[LocalNetwork]:
    """Those that a way out leads to; by every address those where a group can be talked to.

    Not those with one other end only: there is nobody but a router, perhaps far away.
    """
    if isinstance(way, InterfaceWay):
        found = [each for each in _all() if each.device == way.device]
        return [each for each in found if not interface_flags(each.device) & POINT_TO_POINT][:MOST]
    if isinstance(way, AddressWay) and (bound := _bound(way)):
        hosts = (each._replace(host=bound) for each in _all() if each.contains(bound))
        return list(hosts)[:1]
    return [each for each in _all() if _is_wanted(interface_flags(each.device))][:MOST]


def _bound(way: WayOut) -> str:
    return way.address(False) or way.address(True) or ""


def _is_wanted(flags: int) -> bool:
    return bool(flags & MULTICAST) and not flags & (LOOPBACK | POINT_TO_POINT)


def _all() -> Iterator[LocalNetwork]:
    for index, name in socket.if_nameindex():
        if interface_flags(name) & UP:
            yield from _ipv4(index, name)
            yield from _ipv6(index, name)


def _ipv4(index: int, name: str) -> Iterator[LocalNetwork]:
    address, mask = ask_interface(_ADDRESS, name), ask_interface(_MASK, name)
    if address is not None and mask is not None:
        prefix = int.from_bytes(mask[20:24], "big").bit_count()
        yield LocalNetwork(socket.inet_ntoa(address[20:24]), prefix, name, index)


def _ipv6(index: int, name: str) -> Iterator[LocalNetwork]:
    try:
        with open("/proc/self/net/if_inet6", encoding="ascii") as table:
            rows = [line.split() for line in table]
    except OSError:
        return
    for address, _, prefix, scope, flags, device in rows:
        usable = int(scope, 16) != _LINK_LOCAL and not int(flags, 16) & _TENTATIVE
        if device == name and usable:
            host = canonical_host(socket.inet_ntop(socket.AF_INET6, bytes.fromhex(address)))
            yield LocalNetwork(host, int(prefix, 16), name, index)
            return
