"""What PCP, NAT-PMP and UPnP have in common: what is asked for, what is granted, what is refused.

A mapping has the gateway send on what comes to one of its ports (external) to a port of ours
(internal), for some seconds (its lease).
"""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass
from enum import Enum

from p2pd.base.addresses import canonical_host
from p2pd.base.errors import FormatError, P2pdError

LONGEST_WORDS = 200


class PortKind(Enum):
    """What a port is of; the value is the word that UPnP has for it."""

    TCP = "TCP"
    UDP = "UDP"


@dataclass(frozen=True, slots=True)
class Granted:
    """A mapping that is there. `lease` is in seconds, 0: until it is removed.

    `external_host` is empty where the protocol does not tell it with the mapping.
    """

    internal_port: int
    external_port: int
    lease: int
    external_host: str = ""


class NatFormatError(FormatError):
    """What a gateway sent makes no sense; it counts as not sent."""


class NatRefusalError(P2pdError):
    """A gateway understood and refused; `code` is its protocol's number."""

    def __init__(self, code: int, words: str) -> None:
        super().__init__(words)
        self.code = code


def checked_port(port: int) -> int:
    """A port that can be reached. Raises NatFormatError for 0, which gateways do send."""
    if not 0 < port < 65536:
        raise NatFormatError(f"it tells of port {port}")
    return port


def packed_ipv6(host: str) -> bytes:
    """16 bytes: the address, IPv4 ones mapped into IPv6 (RFC 6887, section 5)."""
    address = ipaddress.ip_address(host)
    if isinstance(address, ipaddress.IPv4Address):
        return bytes(10) + b"\xff\xff" + address.packed
    return address.packed


def unpacked_host(packed: bytes) -> str:
    """The text of 4 or 16 bytes; empty for the address that stands for none."""
    address = ipaddress.ip_address(canonical_host(str(ipaddress.ip_address(packed))))
    return "" if address.is_unspecified else str(address)


def printable(text: str) -> str:
    """In one line, and not without end."""
    return "".join(x if x.isprintable() else " " for x in text[:LONGEST_WORDS]).strip()
