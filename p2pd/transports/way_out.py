"""The way out: from which addresses of this machine peers and trackers are talked to.

Instead of an address an interface may be named, a VPN's for one. Its addresses come and go; while
it has none there is no way out, and nothing is sent by another.
"""

from __future__ import annotations

import fcntl
import socket
import struct
from typing import Callable, Protocol, Sequence

from p2pd.base.addresses import canonical_host

WILDCARDS = ("", "0.0.0.0", "::")

_FLAGS, _ADDRESS = 0x8913, 0x8915  # SIOCGIFFLAGS, SIOCGIFADDR
UP = 1
_TENTATIVE = 0x40
_LINK_LOCAL = 0x20


class WayOut(Protocol):
    """What sockets have to be bound to."""

    @property
    def device(self) -> str:
        """The interface that sockets are bound to besides; empty: none."""

    def address(self, ipv6: bool) -> str | None:
        """The address to bind to; empty: any will do, None: there is no way."""


class AddressWay:
    """One address of this machine, or any (empty or a wildcard)."""

    device = ""

    def __init__(self, address: str = "") -> None:
        self._address = "" if address in WILDCARDS else canonical_host(address)

    def address(self, ipv6: bool) -> str | None:
        """See WayOut."""
        if self._address and (":" in self._address) is not ipv6:
            return None
        return self._address


class InterfaceWay:
    """The addresses that one interface has; `look` is to be called now and then."""

    def __init__(self, name: str, find: Callable[[str], Sequence[str]] | None = None) -> None:
        self.device = name
        self._find = find or interface_addresses
        self.addresses: tuple[str, ...] = ()
        self.look()

    def look(self) -> bool:
        """See which there are now; whether that has changed."""
        found = tuple(self._find(self.device))
        changed, self.addresses = found != self.addresses, found
        return changed

    def address(self, ipv6: bool) -> str | None:
        """See WayOut."""
        return next((each for each in self.addresses if (":" in each) is ipv6), None)


def way_of(interface: str | WayOut) -> WayOut:
    """The way by an address in text, or the way that is given."""
    return AddressWay(interface) if isinstance(interface, str) else interface


def bind_to_device(made: socket.socket, device: str) -> None:
    """Let nothing in or out but by this interface. Raises OSError when it is gone.

    Where that is not permitted, the address alone decides.
    """
    if device:
        try:
            made.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, device.encode())
        except PermissionError:
            return


def bound_to_device(made: socket.socket, device: str) -> socket.socket:
    """The same socket, bound; closed when it cannot be. Raises OSError."""
    try:
        bind_to_device(made, device)
    except OSError:
        made.close()
        raise
    return made


def interface_addresses(name: str) -> list[str]:
    """The IPv4 address of an interface that is up, and its IPv6 ones but for link-local ones."""
    return [*_ipv4(name), *_ipv6(name)] if interface_flags(name) & UP else []


def ask_interface(request: int, name: str) -> bytes | None:
    """What the kernel says of an interface (ioctl); None when it is gone, or has none of that."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as asked:
        try:
            return fcntl.ioctl(asked, request, struct.pack("256s", name.encode()[:15]))
        except OSError:
            return None


def interface_flags(name: str) -> int:
    """The flags of an interface (netdevice(7)); 0 when it is gone."""
    answer = ask_interface(_FLAGS, name)
    return 0 if answer is None else int(struct.unpack_from("H", answer, 16)[0])


def _ipv4(name: str) -> list[str]:
    answer = ask_interface(_ADDRESS, name)
    return [] if answer is None else [socket.inet_ntoa(answer[20:24])]


def _ipv6(name: str) -> list[str]:
    try:
        with open("/proc/self/net/if_inet6", encoding="ascii") as table:
            rows = [line.split() for line in table]
    except OSError:
        return []
    return [
        canonical_host(socket.inet_ntop(socket.AF_INET6, bytes.fromhex(row[0])))
        for row in rows
        if row[5] == name and int(row[3], 16) != _LINK_LOCAL and not int(row[4], 16) & _TENTATIVE
    ]
