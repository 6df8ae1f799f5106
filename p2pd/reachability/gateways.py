"""Which gateway leads out of here, by the kernel's routing table, and our own address towards it.

Where peers are talked to by one address or interface only the gateway of that counts, and without
one nothing is asked of any. Otherwise it is the gateway by which packets to the internet leave:
where a tunnel takes them, a port of the router at home is no use, and would show whose it is.
"""

from __future__ import annotations

import ipaddress
import socket
import struct
from dataclasses import dataclass
from typing import Protocol, Sequence

from p2pd.base.addresses import canonical_host
from p2pd.base.errors import P2pdError
from p2pd.transports.way_out import WayOut, interface_addresses

_TABLES = {False: "/proc/self/net/route", True: "/proc/self/net/ipv6_route"}
_UP, _GATEWAY = 0x1, 0x2
_OUTSIDE = {False: "198.41.0.4", True: "2001:503:ba3e::2:30"}
"""A server on the internet for each family; nothing is ever sent there, the kernel is asked how."""


class NoGatewayError(P2pdError):
    """There is none, in words."""


@dataclass(frozen=True, slots=True)
class Route:
    """A default route; `gateway` is an IP address."""

    device: str
    gateway: str
    metric: int


@dataclass(frozen=True, slots=True)
class Gateway:
    """A gateway, the interface that it is at, and our address towards the internet there."""

    host: str
    device: str
    local_host: str

    @property
    def is_ipv6(self) -> bool:
        """Of which family it is."""
        return ":" in self.host

    @property
    def dialled(self) -> str:
        """The host with the interface, which link-local addresses need."""
        if self.is_ipv6 and ipaddress.ip_address(self.host).is_link_local:
            return f"{self.host}%{self.device}"
        return self.host


class System(Protocol):
    """What the operating system is asked."""

    def routes(self, ipv6: bool) -> list[Route]:
        """Its default routes."""

    def source(self, host: str) -> str:
        """The address that packets to a host leave from. Raises OSError when there is no way."""

    def addresses(self, device: str) -> Sequence[str]:
        """The addresses of an interface."""


class Linux:
    """This machine."""

    def routes(self, ipv6: bool) -> list[Route]:
        """See System."""
        try:
            with open(_TABLES[ipv6], encoding="ascii") as table:
                text = table.read()
        except OSError:
            return []
        return parse_ipv6_routes(text) if ipv6 else parse_ipv4_routes(text)

    def source(self, host: str) -> str:
        """See System."""
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        with socket.socket(family, socket.SOCK_DGRAM) as asked:
            asked.connect((host, 9))
            return canonical_host(asked.getsockname()[0])

    def addresses(self, device: str) -> Sequence[str]:
        """See System."""
        return interface_addresses(device)


def parse_ipv4_routes(text: str) -> list[Route]:
    """The default routes with a gateway in /proc/net/route, the preferred one first."""
    found = []
    for fields in _rows(text):
        if len(fields) < 8 or fields[1] != "00000000" or fields[7] != "00000000":
            continue
        flags, metric = int(fields[3], 16), int(fields[6])
        gateway = socket.inet_ntoa(struct.pack("=I", int(fields[2], 16)))
        if flags & _UP and flags & _GATEWAY:
            found.append(Route(fields[0], gateway, metric))
    return sorted(found, key=lambda route: route.metric)


def parse_ipv6_routes(text: str) -> list[Route]:
    """The default routes with a gateway in /proc/net/ipv6_route, the preferred one first."""
    found = []
    for fields in _rows(text):
        if len(fields) < 10 or fields[0] != "0" * 32 or fields[1] != "00":
            continue
        metric, flags = int(fields[5], 16), int(fields[8], 16)
        if flags & _UP and flags & _GATEWAY:
            gateway = str(ipaddress.IPv6Address(bytes.fromhex(fields[4])))
            found.append(Route(fields[9], gateway, metric))
    return sorted(found, key=lambda route: route.metric)


def _rows(text: str) -> list[list[str]]:
    return [line.split() for line in text.splitlines() if not line.startswith("Iface")]


class Gateways:
    """Finds them; `fixed` (an IP address) is the one of its family, whatever the routes say."""

    def __init__(self, way: WayOut, fixed: str = "", system: System | None = None) -> None:
        self._way = way
        self._fixed = fixed
        self._system = system or Linux()

    def find(self, ipv6: bool) -> Gateway:
        """The gateway now. Raises NoGatewayError."""
        bound = self._bound(ipv6)
        if self._fixed and (":" in self._fixed) is ipv6:
            return self._named(bound)
        try:
            local = bound or self._system.source(_OUTSIDE[ipv6])
        except OSError:
            raise NoGatewayError("there is no way to the internet") from None
        for route in self._system.routes(ipv6):
            if self._way.device in ("", route.device) and self._has(route.device, local):
                return Gateway(route.gateway, route.device, local)
        raise NoGatewayError(f"no gateway is known on the way out from {local}")

    def _bound(self, ipv6: bool) -> str:
        """The address that peers are talked to from; empty: any."""
        bound = self._way.address(ipv6)
        if bound is None:
            kind = "IPv6" if ipv6 else "IPv4"
            raise NoGatewayError(f"{self._way.device or 'the interface'} has no {kind} address")
        if bound and ipaddress.ip_address(bound).is_loopback:
            raise NoGatewayError("peers are talked to on this machine alone")
        return bound

    def _named(self, bound: str) -> Gateway:
        try:
            return Gateway(self._fixed, self._way.device, bound or self._system.source(self._fixed))
        except OSError:
            raise NoGatewayError(f"there is no way to {self._fixed}") from None

    def _has(self, device: str, local: str) -> bool:
        return local in self._system.addresses(device)
