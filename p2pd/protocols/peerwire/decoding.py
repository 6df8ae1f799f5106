"""From the bytes of one message to its value, and the bounds of each message's length.

Sources: BEP 3 ("peer messages"), BEP 5, BEP 6, BEP 10 and BEP 52. When a message may come is not
known here; connection.py says that.
"""

from __future__ import annotations

import struct
from typing import Callable, NamedTuple

from p2pd.base.errors import FormatError
from p2pd.protocols.peerwire import messages as wire
from p2pd.protocols.peerwire.messages import MAX_BLOCK, Message, MessageId

MAX_MESSAGE = 1024 * 1024 + 16
"""Bytes in the longest message of an extension, of hashes, or of an unknown kind."""

MAX_BITFIELD = 2 * 1024 * 1024 + 1
"""Bytes in the longest bitfield message: 2**24 pieces and the id."""

HASH_SIZE = 32

Reader = Callable[[memoryview, int, int], Message]
"""Reads a payload: a view, and where in it the payload starts and ends."""

_ONE = struct.Struct(">I")
_THREE = struct.Struct(">III")
_TWO = struct.Struct(">II")
_PORT = struct.Struct(">H")
_HASH_RANGE = struct.Struct(">32sIIII")


class Kind(NamedTuple):
    """What is fixed about one kind of message.

    `shortest` and `longest` count the id and the payload. `fast` kinds need BEP 6.
    """

    name: str
    shortest: int
    longest: int
    read: Reader
    fast: bool = False


def check_length(kind: Kind, length: int, max_message: int = MAX_MESSAGE) -> None:
    """Refuse a length that this kind of message cannot have. Raises FormatError."""
    if length < kind.shortest:
        raise FormatError(f"{kind.name} message of {length} bytes is too short")
    if length > (kind.longest or max_message):
        raise FormatError(f"{kind.name} message of {length} bytes is too long")


def _bare(message: Message) -> Reader:
    return lambda view, at, end: message


def _of_piece(kind: type[wire.Have | wire.Suggest | wire.AllowedFast]) -> Reader:
    return lambda view, at, end: kind(*_ONE.unpack_from(view, at))


def _of_block(kind: type[wire.Request | wire.Cancel | wire.Reject]) -> Reader:
    return lambda view, at, end: kind(*_THREE.unpack_from(view, at))


def _of_hash_range(kind: type[wire.HashRequest | wire.HashReject]) -> Reader:
    return lambda view, at, end: kind(*_HASH_RANGE.unpack_from(view, at))


def _read_bitfield(view: memoryview, at: int, end: int) -> Message:
    return wire.Bitfield(bytes(view[at:end]))


def _read_block(view: memoryview, at: int, end: int) -> Message:
    piece, begin = _TWO.unpack_from(view, at)
    return wire.Block(piece, begin, view[at + 8 : end])


def _read_port(view: memoryview, at: int, end: int) -> Message:
    return wire.Port(*_PORT.unpack_from(view, at))


def _read_extended(view: memoryview, at: int, end: int) -> Message:
    return wire.Extended(view[at], bytes(view[at + 1 : end]))


def _read_hashes(view: memoryview, at: int, end: int) -> Message:
    hashes = bytes(view[at + _HASH_RANGE.size : end])
    if len(hashes) % HASH_SIZE:
        raise FormatError(f"hashes message ends within a hash: {len(hashes)} bytes of hashes")
    return wire.Hashes._make((*_HASH_RANGE.unpack_from(view, at), hashes))


KINDS: dict[int, Kind] = {
    MessageId.CHOKE: Kind("choke", 1, 1, _bare(wire.Choke())),
    MessageId.UNCHOKE: Kind("unchoke", 1, 1, _bare(wire.Unchoke())),
    MessageId.INTERESTED: Kind("interested", 1, 1, _bare(wire.Interested())),
    MessageId.NOT_INTERESTED: Kind("not interested", 1, 1, _bare(wire.NotInterested())),
    MessageId.HAVE: Kind("have", 5, 5, _of_piece(wire.Have)),
    MessageId.BITFIELD: Kind("bitfield", 1, MAX_BITFIELD, _read_bitfield),
    MessageId.REQUEST: Kind("request", 13, 13, _of_block(wire.Request)),
    MessageId.BLOCK: Kind("piece", 10, 9 + MAX_BLOCK, _read_block),
    MessageId.CANCEL: Kind("cancel", 13, 13, _of_block(wire.Cancel)),
    MessageId.PORT: Kind("port", 3, 3, _read_port),
    MessageId.SUGGEST: Kind("suggest", 5, 5, _of_piece(wire.Suggest), True),
    MessageId.HAVE_ALL: Kind("have all", 1, 1, _bare(wire.HaveAll()), True),
    MessageId.HAVE_NONE: Kind("have none", 1, 1, _bare(wire.HaveNone()), True),
    MessageId.REJECT: Kind("reject", 13, 13, _of_block(wire.Reject), True),
    MessageId.ALLOWED_FAST: Kind("allowed fast", 5, 5, _of_piece(wire.AllowedFast), True),
    MessageId.EXTENDED: Kind("extended", 2, 0, _read_extended),
    MessageId.HASH_REQUEST: Kind("hash request", 49, 49, _of_hash_range(wire.HashRequest)),
    MessageId.HASHES: Kind("hashes", 49 + HASH_SIZE, 0, _read_hashes),
    MessageId.HASH_REJECT: Kind("hash reject", 49, 49, _of_hash_range(wire.HashReject)),
}
"""Every message id that is known; `longest` 0 stands for the connection's own bound."""


def _read_nothing(view: memoryview, at: int, end: int) -> Message:
    raise AssertionError("messages of unknown ids are skipped, not read")


UNKNOWN = Kind("unknown", 1, 0, _read_nothing)
"""Any other id: to be skipped (BEP 3 leaves room for extensions), within the bound."""
