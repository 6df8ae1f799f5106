"""Peer addresses, which are local, and their compact form (BEP 23 for IPv4, BEP 7 for IPv6)."""

from __future__ import annotations

import ipaddress
from functools import lru_cache
from typing import Iterable, NamedTuple

from p2pd.base.errors import FormatError

COMPACT_V4_SIZE = 6
COMPACT_V6_SIZE = 18

LOCAL_NETWORKS = tuple(
    map(
        ipaddress.ip_network,
        ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "169.254.0.0/16", "127.0.0.0/8",
         "fc00::/7", "fe80::/10", "::1/128"),
    )
)  # fmt: skip
"""Private, link-local and loopback addresses (RFC 1918, 3927, 4193, 4291)."""


class PeerAddress(NamedTuple):
    """An IP address in its canonical text form (never a name) and a TCP or UDP port."""

    host: str
    port: int

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"

    @property
    def is_ipv6(self) -> bool:
        """Whether the host is an IPv6 address."""
        return ":" in self.host


def canonical_host(host: str) -> str:
    """The canonical text of an IP literal; IPv4 mapped into IPv6 becomes IPv4.

    Raises FormatError when `host` is not an IP literal.
    """
    try:
        address = ipaddress.ip_address(host.partition("%")[0])
    except ValueError:
        raise FormatError(f"not an IP address: {host[:64]!r}") from None
    if isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped is not None:
        return str(address.ipv4_mapped)
    return str(address)


_NAT64 = ipaddress.IPv6Network("64:ff9b::/96")

_LOCAL_V4 = ("10.", "127.", "169.254.", "192.168.", *(f"172.{second}." for second in range(16, 32)))
"""How addresses of its IPv4 networks begin: in the DHT most are looked at once, by many."""


def is_local(host: str) -> bool:
    """Whether an IP address is on the local network, or on this machine."""
    return _is_local_v6(host) if ":" in host else host.startswith(_LOCAL_V4)


@lru_cache(maxsize=4096)
def _is_local_v6(host: str) -> bool:
    address = ipaddress.ip_address(host)
    return any(address in network for network in LOCAL_NETWORKS)


def meant(
    address: ipaddress.IPv4Address | ipaddress.IPv6Address,
) -> ipaddress.IPv4Address | ipaddress.IPv6Address:
    """The IPv4 address that an IPv6 one carries, if it does (RFC 3056, 4291, 4380, 6052)."""
    if isinstance(address, ipaddress.IPv4Address):
        return address
    if address in _NAT64:
        return ipaddress.IPv4Address(address.packed[-4:])
    teredo = address.teredo
    return address.ipv4_mapped or address.sixtofour or (teredo[1] if teredo else address)


def split_host_port(text: str) -> tuple[str, int]:
    """Split ``host:port`` or ``[v6]:port``; the host may be a name. Raises FormatError."""
    host, separator, port_text = text.strip().rpartition(":")
    if host.startswith("[") and host.endswith("]"):
        host = host[1:-1]
    elif ":" in host:
        raise FormatError(f"an IPv6 address needs brackets before its port: {text[:80]!r}")
    if not separator or not host or not (port_text.isascii() and port_text.isdigit()):
        raise FormatError(f"not host:port: {text[:80]!r}")
    port = int(port_text[:6])
    if not 0 < port < 65536:
        raise FormatError(f"the port is not in 1..65535: {text[:80]!r}")
    return host, port


def parse_address(text: str) -> PeerAddress:
    """A :class:`PeerAddress` from ``ip:port`` or ``[ip]:port``. Raises FormatError."""
    host, port = split_host_port(text)
    return PeerAddress(canonical_host(host), port)


def pack_compact(addresses: Iterable[PeerAddress], *, ipv6: bool) -> bytes:
    """The compact form of those addresses that are of the wanted family."""
    return b"".join(
        ipaddress.ip_address(a.host).packed + a.port.to_bytes(2, "big")
        for a in addresses
        if a.is_ipv6 is ipv6
    )


def unpack_compact(data: bytes, *, ipv6: bool, limit: int = 2000) -> list[PeerAddress]:
    """Addresses from their compact form, at most `limit`; port 0 is dropped, a ragged end too."""
    size = COMPACT_V6_SIZE if ipv6 else COMPACT_V4_SIZE
    found = []
    for start in range(0, min(len(data) - size + 1, limit * size), size):
        port = int.from_bytes(data[start + size - 2 : start + size], "big")
        if port:
            host = str(ipaddress.ip_address(data[start : start + size - 2]))
            found.append(PeerAddress(canonical_host(host), port))
    return found
