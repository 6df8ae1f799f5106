"""The messages of the peer wire protocol and their encoding (BEP 3, 5, 6, 10, 52).

Each message is a NamedTuple, told from others by its type, never by ``==``: as tuples ``Choke()``
equals ``Unchoke()``. What the fields mean for a torrent is not known here. Reading is decoding.py.
"""

from __future__ import annotations

import struct
from typing import Any, Callable, Final, NamedTuple, Sequence

from p2pd.base.requests import Request

__all__ = [
    "KeepAlive", "Choke", "Unchoke", "Interested", "NotInterested", "Have", "Bitfield", "Request",
    "Block", "Cancel", "Port", "Suggest", "HaveAll", "HaveNone", "Reject", "AllowedFast",
    "Extended", "HashRequest", "Hashes", "HashReject", "Message", "MessageId", "MAX_BLOCK",
    "encode", "encode_requests", "block_header",
]  # fmt: skip

MAX_BLOCK = 128 * 1024
"""Bytes in the largest block that is accepted; 16 KiB is what everyone asks for."""


class MessageId:
    """The byte behind a message's length (BEP 4, "Reserved Message IDs")."""

    CHOKE: Final = 0
    UNCHOKE: Final = 1
    INTERESTED: Final = 2
    NOT_INTERESTED: Final = 3
    HAVE: Final = 4
    BITFIELD: Final = 5
    REQUEST: Final = 6
    BLOCK: Final = 7
    CANCEL: Final = 8
    PORT: Final = 9
    SUGGEST: Final = 13
    HAVE_ALL: Final = 14
    HAVE_NONE: Final = 15
    REJECT: Final = 16
    ALLOWED_FAST: Final = 17
    EXTENDED: Final = 20
    HASH_REQUEST: Final = 21
    HASHES: Final = 22
    HASH_REJECT: Final = 23


class KeepAlive(NamedTuple):
    """A message of length 0: only to break the silence (BEP 3)."""


class Choke(NamedTuple):
    """The sender serves no requests now (BEP 3)."""


class Unchoke(NamedTuple):
    """The sender serves requests now (BEP 3)."""


class Interested(NamedTuple):
    """The sender wants something that the receiver has (BEP 3)."""


class NotInterested(NamedTuple):
    """The sender wants nothing of the receiver (BEP 3)."""


class Have(NamedTuple):
    """The sender got a piece (BEP 3)."""

    piece: int


class Bitfield(NamedTuple):
    """Which pieces the sender has, the first in the highest bit (BEP 3)."""

    data: bytes


class Block(NamedTuple):
    """Payload, message 7 ("piece", BEP 3): bytes of a piece from offset `begin` on.

    As received, `data` is a view that is valid only until the next ``receive_data``.
    """

    piece: int
    begin: int
    data: bytes | memoryview


class Cancel(NamedTuple):
    """The sender no longer wants this request answered (BEP 3)."""

    piece: int
    begin: int
    length: int


class Port(NamedTuple):
    """The UDP port of the sender's DHT node (BEP 5)."""

    port: int


class Suggest(NamedTuple):
    """A piece that is cheap for the sender to give (BEP 6)."""

    piece: int


class HaveAll(NamedTuple):
    """In place of a bitfield: the sender has every piece (BEP 6)."""


class HaveNone(NamedTuple):
    """In place of a bitfield: the sender has no piece (BEP 6)."""


class Reject(NamedTuple):
    """This request will not be answered (BEP 6)."""

    piece: int
    begin: int
    length: int


class AllowedFast(NamedTuple):
    """A piece that the sender serves even while it chokes (BEP 6)."""

    piece: int


class Extended(NamedTuple):
    """A message of an extension (BEP 10); `id` is the receiver's number for it, 0 the handshake."""

    id: int
    payload: bytes


class HashRequest(NamedTuple):
    """Ask for `length` hashes of a file's tree and the uncles that prove them (BEP 52)."""

    pieces_root: bytes
    base_layer: int
    index: int  # type: ignore[assignment]  # BEP 52's name; tuple.index is not missed
    length: int
    proof_layers: int


class Hashes(NamedTuple):
    """The answer: the request's fields and the hashes, 32 bytes each, concatenated (BEP 52)."""

    pieces_root: bytes
    base_layer: int
    index: int  # type: ignore[assignment]  # BEP 52's name; tuple.index is not missed
    length: int
    proof_layers: int
    hashes: bytes


class HashReject(NamedTuple):
    """The answer "no" to a hash request, with its fields (BEP 52)."""

    pieces_root: bytes
    base_layer: int
    index: int  # type: ignore[assignment]  # BEP 52's name; tuple.index is not missed
    length: int
    proof_layers: int


Message = (
    KeepAlive | Choke | Unchoke | Interested | NotInterested | Have | Bitfield | Request | Block
    | Cancel | Port | Suggest | HaveAll | HaveNone | Reject | AllowedFast | Extended | HashRequest
    | Hashes | HashReject
)  # fmt: skip

_HEADER = struct.Struct(">IB")
_ONE = struct.Struct(">IBI")
_REQUEST = struct.Struct(">IBIII")
_BLOCK = struct.Struct(">IBII")
_PORT = struct.Struct(">IBH")
_HASH_RANGE = struct.Struct(">IB32sIIII")


def encode(message: Message) -> bytes:
    """A message as it goes over the wire, with its length in front.

    A field that does not fit its place is the caller's fault: struct.error.
    """
    return _ENCODERS[type(message)](message)


def encode_requests(requests: Sequence[Request]) -> bytes:
    """Many requests as one run of bytes."""
    pack = _REQUEST.pack
    return b"".join([pack(13, 6, piece, begin, length) for piece, begin, length in requests])


def block_headers(requests: Sequence[Request]) -> list[bytes]:
    """What goes in front of each block that answers one of these requests."""
    pack = _BLOCK.pack
    return [pack(9 + length, 7, piece, begin) for piece, begin, length in requests]


def block_header(piece: int, begin: int, length: int) -> bytes:
    """The 13 bytes before `length` bytes of payload, which so need not be copied."""
    return _BLOCK.pack(9 + length, MessageId.BLOCK, piece, begin)


def _bare(id_: int) -> Callable[[Any], bytes]:
    raw = _HEADER.pack(1, id_)
    return lambda message: raw


def _of_piece(id_: int) -> Callable[[Any], bytes]:
    return lambda message: _ONE.pack(5, id_, message.piece)


def _of_block(id_: int) -> Callable[[Any], bytes]:
    return lambda message: _REQUEST.pack(13, id_, *message)


def _of_hashes(id_: int) -> Callable[[Any], bytes]:
    return lambda message: _HASH_RANGE.pack(49, id_, *message)


def _encode_bitfield(message: Bitfield) -> bytes:
    return _HEADER.pack(1 + len(message.data), MessageId.BITFIELD) + message.data


def _encode_block(message: Block) -> bytes:
    return b"".join((block_header(message.piece, message.begin, len(message.data)), message.data))


def _encode_port(message: Port) -> bytes:
    return _PORT.pack(3, MessageId.PORT, message.port)


def _encode_extended(message: Extended) -> bytes:
    header = _HEADER.pack(2 + len(message.payload), MessageId.EXTENDED)
    return b"".join((header, bytes((message.id,)), message.payload))


def _encode_hashes(message: Hashes) -> bytes:
    *asked, hashes = message
    return _HASH_RANGE.pack(49 + len(hashes), MessageId.HASHES, *asked) + hashes


_ENCODERS: dict[type, Callable[[Any], bytes]] = {
    KeepAlive: lambda message: bytes(4),
    Choke: _bare(MessageId.CHOKE),
    Unchoke: _bare(MessageId.UNCHOKE),
    Interested: _bare(MessageId.INTERESTED),
    NotInterested: _bare(MessageId.NOT_INTERESTED),
    Have: _of_piece(MessageId.HAVE),
    Bitfield: _encode_bitfield,
    Request: _of_block(MessageId.REQUEST),
    Block: _encode_block,
    Cancel: _of_block(MessageId.CANCEL),
    Port: _encode_port,
    Suggest: _of_piece(MessageId.SUGGEST),
    HaveAll: _bare(MessageId.HAVE_ALL),
    HaveNone: _bare(MessageId.HAVE_NONE),
    Reject: _of_block(MessageId.REJECT),
    AllowedFast: _of_piece(MessageId.ALLOWED_FAST),
    Extended: _encode_extended,
    HashRequest: _of_hashes(MessageId.HASH_REQUEST),
    Hashes: _encode_hashes,
    HashReject: _of_hashes(MessageId.HASH_REJECT),
}
