"""The ut_holepunch messages (BEP 55): two peers that cannot be dialled are told to dial each other.

Who is told, and what comes of it, is not known here.
"""

from __future__ import annotations

import ipaddress
from enum import IntEnum
from typing import NamedTuple

from p2pd.base.addresses import PeerAddress
from p2pd.base.errors import FormatError

NAME = "ut_holepunch"
_FAMILY_SIZES = {0: 4, 1: 16}


class HolepunchKind(IntEnum):
    """What a message asks for."""

    RENDEZVOUS = 0
    """To the relay: have the peer at this address and me dial each other."""
    CONNECT = 1
    """From the relay: dial this address now."""
    ERROR = 2
    """From the relay: it cannot be."""


class HolepunchError(IntEnum):
    """Why it cannot be."""

    NONE = 0
    NO_SUCH_PEER = 1
    """The address cannot be a peer's."""
    NOT_CONNECTED = 2
    """The relay is not connected to it."""
    NO_SUPPORT = 3
    """It does not speak this extension."""
    NO_SELF = 4
    """It is the relay's own."""


class HolepunchMessage(NamedTuple):
    """The error is any number of 32 bits, 0 in messages that are none.

    The address is as it was sent, so that it can be sent back: an IPv4 address in IPv6 stays one,
    and the port may be 0.
    """

    kind: HolepunchKind
    address: PeerAddress
    error: int = 0

    def encode(self) -> bytes:
        """The payload of the extended message."""
        packed = ipaddress.ip_address(self.address.host).packed
        family = int(len(packed) == 16)
        port, error = self.address.port.to_bytes(2, "big"), self.error.to_bytes(4, "big")
        return bytes((self.kind, family)) + packed + port + error


def parse(payload: bytes) -> HolepunchMessage | None:
    """Read a payload; None for a kind that BEP 55 does not know. Raises FormatError.

    Some programs leave the error out of messages that are none.
    """
    size = _FAMILY_SIZES.get(payload[1] if len(payload) > 1 else 2)
    if size is None:
        raise FormatError("the hole-punch message has an unknown kind of address")
    end = 2 + size + 2
    if len(payload) not in (end, end + 4):
        raise FormatError(f"a hole-punch message of that kind cannot have {len(payload)} bytes")
    if payload[0] not in tuple(HolepunchKind):
        return None
    kind = HolepunchKind(payload[0])
    host = str(ipaddress.ip_address(payload[2 : 2 + size]))
    port = int.from_bytes(payload[2 + size : end], "big")
    error = int.from_bytes(payload[end:], "big") if kind is HolepunchKind.ERROR else 0
    return HolepunchMessage(kind, PeerAddress(host, port), error)
