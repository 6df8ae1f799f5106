"""NAT-PMP (RFC 6886): a gateway's address, and mappings. IPv4 only.

Who is asked, how often, and whether an answer came from there is not known here.
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
    unpacked_host,
)

VERSION = 0
SERVER_PORT = 5351
LONGEST_PACKET = 16

ADDRESS = 0
_OPERATIONS = {PortKind.UDP: 1, PortKind.TCP: 2}
_KINDS = {number: kind for kind, number in _OPERATIONS.items()}
_ANSWER = 128

_HEAD = struct.Struct(">BBH")
_REQUEST = struct.Struct(">BBHHHI")
_EPOCH = struct.Struct(">I")
_MAPPED = struct.Struct(">HHI")

_REFUSALS = {
    1: "it does not know this version of NAT-PMP",
    2: "it is not authorized",
    3: "the gateway has no connection itself",
    4: "it has no room for more mappings",
    5: "it does not know this operation",
}
"""Section 3.5."""


@dataclass(frozen=True, slots=True)
class NatPmpAnswer:
    """An answer that is no refusal; `epoch` is in seconds (section 3.6).

    Of a mapping there are `kind` and `granted`, of a question for the address `external_host`,
    which is empty while the gateway has none.
    """

    epoch: int
    external_host: str = ""
    kind: PortKind | None = None
    granted: Granted | None = None


class NatPmpRefusalError(NatRefusalError):
    """A refusal. `operation` is what was refused."""

    def __init__(self, code: int, operation: int = ADDRESS) -> None:
        super().__init__(code, _REFUSALS.get(code, f"it refuses with code {code}"))
        self.operation = operation


def operation_of(kind: PortKind) -> int:
    """The number of the operation that maps a port of this kind."""
    return _OPERATIONS[kind]


def address_request() -> bytes:
    """Ask for the gateway's address outside (section 3.2)."""
    return bytes((VERSION, ADDRESS))


def map_request(kind: PortKind, internal_port: int, lifetime: int, external_port: int = 0) -> bytes:
    """Ask for a mapping, or, with a lifetime of 0, for its end (section 3.3, 3.4)."""
    wished = external_port if lifetime else 0
    return _REQUEST.pack(VERSION, _OPERATIONS[kind], 0, internal_port, wished, lifetime)


def parse_answer(packet: bytes) -> NatPmpAnswer:
    """An answer. Raises NatPmpRefusalError, and NatFormatError for what is none."""
    if len(packet) < _HEAD.size:
        raise NatFormatError(f"a packet of {len(packet)} bytes")
    version, operation, result = _HEAD.unpack_from(packet)
    operation -= _ANSWER
    if version != VERSION or operation not in (ADDRESS, *_KINDS):
        raise NatFormatError(f"a packet of version {version} with operation {operation}")
    if result:
        raise NatPmpRefusalError(result, operation)
    wanted = 12 if operation == ADDRESS else 16
    if len(packet) != wanted:
        raise NatFormatError(f"a packet of {len(packet)} bytes, not {wanted}")
    epoch = _EPOCH.unpack_from(packet, 4)[0]
    if operation == ADDRESS:
        return NatPmpAnswer(epoch, unpacked_host(packet[8:12]))
    internal, external, lifetime = _MAPPED.unpack_from(packet, 8)
    if lifetime:
        checked_port(external)
    granted = Granted(checked_port(internal), external, lifetime)
    return NatPmpAnswer(epoch, "", _KINDS[operation], granted)
