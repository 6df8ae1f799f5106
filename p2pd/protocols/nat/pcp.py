"""The Port Control Protocol (RFC 6887): the opcodes MAP and ANNOUNCE, over IPv4 and IPv6.

Options are neither sent nor understood; those of an answer are skipped. Who is asked, how often,
and whether an answer came from there is not known here.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass

from p2pd.protocols.nat.mapping import (
    Granted,
    NatFormatError,
    NatRefusalError,
    PortKind,
    checked_port,
    packed_ipv6,
    unpacked_host,
)

VERSION = 2
SERVER_PORT = 5351
NONCE_SIZE = 12
LONGEST_PACKET = 1100
"""Bytes (section 7)."""

ANNOUNCE, MAP = 0, 1
UNSUPPORTED_VERSION = 1
ADDRESS_MISMATCH = 12
CANNOT_PROVIDE_EXTERNAL = 11

_ANSWER = 0x80
_PROTOCOLS = {PortKind.TCP: 6, PortKind.UDP: 17}
_KINDS = {number: kind for kind, number in _PROTOCOLS.items()}

_REQUEST = struct.Struct(">BBHI16s")
_RESPONSE = struct.Struct(">BBBBII12x")
_MAP = struct.Struct(">12sB3xHH16s")

_REFUSALS = {
    UNSUPPORTED_VERSION: "it does not know this version of PCP",
    2: "it is not authorized",
    3: "the gateway calls the request malformed",
    4: "it does not know this operation",
    5: "it does not know an option",
    6: "the gateway calls an option malformed",
    7: "the network is out of order",
    8: "it has no room for more mappings",
    9: "it does not forward this protocol",
    10: "this machine has as many mappings as it may have",
    CANNOT_PROVIDE_EXTERNAL: "the port that was asked for cannot be had",
    ADDRESS_MISMATCH: "there is another NAT before it",
    13: "it takes no more peers",
}
"""Section 7.4."""


@dataclass(frozen=True, slots=True)
class PcpAnswer:
    """A gateway's answer that is no refusal. `epoch` is in seconds (section 8.5).

    `nonce` and `kind` are of a MAP; of an ANNOUNCE `granted` is None.
    """

    epoch: int
    nonce: bytes = b""
    kind: PortKind | None = None
    granted: Granted | None = None


class PcpRefusalError(NatRefusalError):
    """A refusal; `lifetime` says for how many seconds it is expected to last."""

    def __init__(self, code: int, lifetime: int = 0) -> None:
        super().__init__(code, _REFUSALS.get(code, f"it refuses with code {code}"))
        self.lifetime = lifetime


def map_request(
    nonce: bytes,
    client_host: str,
    kind: PortKind,
    internal_port: int,
    lifetime: int,
    external_port: int = 0,
    external_host: str = "",
) -> bytes:
    """Ask for a mapping, or, with a lifetime of 0, for its end (section 11.1).

    `client_host` is the address that the packet will be sent from. `external_port` and
    `external_host` are what is wished for: what an earlier mapping had.
    """
    wished = external_host or ("::" if ":" in client_host else "0.0.0.0")
    return _header(MAP, lifetime, client_host) + _MAP.pack(
        nonce, _PROTOCOLS[kind], internal_port, external_port, packed_ipv6(wished)
    )


def announce_request(client_host: str) -> bytes:
    """Ask for nothing but an answer, whose epoch tells of restarts (section 14.1)."""
    return _header(ANNOUNCE, 0, client_host)


def parse_answer(packet: bytes) -> PcpAnswer:
    """An answer. Raises PcpRefusalError, and NatFormatError for what is none.

    A server that knows only NAT-PMP answers in that: a refusal of the version (section 9).
    """
    if len(packet) >= 4 and packet[0] != VERSION:
        if packet[1] & _ANSWER and packet[3] == UNSUPPORTED_VERSION:
            raise PcpRefusalError(UNSUPPORTED_VERSION)
        raise NatFormatError(f"a packet of version {packet[0]}")
    if not _RESPONSE.size <= len(packet) <= LONGEST_PACKET or len(packet) % 4:
        raise NatFormatError(f"a packet of {len(packet)} bytes")
    _, operation, _, result, lifetime, epoch = _RESPONSE.unpack_from(packet)
    if operation not in (_ANSWER | MAP, _ANSWER | ANNOUNCE):
        raise NatFormatError(f"a packet with operation {operation}")
    if result:
        raise PcpRefusalError(result, lifetime)
    return PcpAnswer(epoch) if operation == _ANSWER else _mapped(packet, lifetime, epoch)


def nonce_of(packet: bytes) -> bytes:
    """The nonce of a MAP, asked or answered, refusals too; empty when there is none."""
    start = _RESPONSE.size
    return packet[start : start + NONCE_SIZE] if len(packet) >= start + _MAP.size else b""


def _mapped(packet: bytes, lifetime: int, epoch: int) -> PcpAnswer:
    if len(packet) < _RESPONSE.size + _MAP.size:
        raise NatFormatError(f"a mapping of {len(packet)} bytes")
    nonce, protocol, internal, external, host = _MAP.unpack_from(packet, _RESPONSE.size)
    if protocol not in _KINDS:
        raise NatFormatError(f"it tells of protocol {protocol}")
    if lifetime:
        checked_port(external)
    granted = Granted(checked_port(internal), external, lifetime, unpacked_host(host))
    return PcpAnswer(epoch, nonce, _KINDS[protocol], granted)


def _header(operation: int, lifetime: int, client_host: str) -> bytes:
    return _REQUEST.pack(VERSION, operation, 0, lifetime, packed_ipv6(client_host))
