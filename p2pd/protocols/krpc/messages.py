"""KRPC's three kinds of messages: queries, responses and errors (BEP 5), to and from bytes.

Also what later BEPs added beside the arguments: the asker's address (``ip``, BEP 42) and nodes that
cannot be asked (``ro``, BEP 43). A message is read as a whole within bounds of size and depth; its
arguments are checked by :mod:`p2pd.protocols.krpc.arguments` when they are used, so that one that
nobody looks at costs nothing. What a query asks for is not known here.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from p2pd.base.errors import FormatError
from p2pd.formats import bencode

MAX_SIZE = 4096
"""Bytes in a message; they should fit into one packet of the network (BEP 32), few are larger."""

MAX_DEPTH = 40
MAX_TRANSACTION = 64
"""Bytes in a transaction id of somebody else, which is echoed."""

MAX_ERROR_TEXT = 200

PING, FIND_NODE, GET_PEERS, ANNOUNCE_PEER = b"ping", b"find_node", b"get_peers", b"announce_peer"
GET, PUT, SAMPLE_INFOHASHES = b"get", b"put", b"sample_infohashes"

GENERIC_ERROR, SERVER_ERROR, PROTOCOL_ERROR, METHOD_UNKNOWN = 201, 202, 203, 204


class KrpcFormatError(FormatError):
    """A datagram is no KRPC message, or has an argument that it may not have."""


class Query(NamedTuple):
    """A question; `args` as they came, with keys of bytes, `id` among them.

    `canonical` is whether the bytes kept to bencode's rules: those whose keys are out of order
    are read, but a value in them (BEP 44) is not what its hash was taken over.
    """

    transaction: bytes
    method: bytes
    args: dict[bytes, Any]
    read_only: bool = False
    version: bytes = b""
    canonical: bool = True

    def encode(self) -> bytes:
        """The datagram. Raises BencodeError for arguments that cannot be written."""
        message: dict[bytes, Any] = {
            b"t": self.transaction,
            b"y": b"q",
            b"q": self.method,
            b"a": self.args,
        }
        if self.read_only:
            message[b"ro"] = 1
        if self.version:
            message[b"v"] = self.version
        return bencode.encode(message)


class Response(NamedTuple):
    """An answer; `values` as they came; `ip` is the asker's packed address, as they see it."""

    transaction: bytes
    values: dict[bytes, Any]
    ip: bytes = b""
    version: bytes = b""
    canonical: bool = True

    def encode(self) -> bytes:
        """The datagram. Raises BencodeError for values that cannot be written."""
        message: dict[bytes, Any] = {b"t": self.transaction, b"y": b"r", b"r": self.values}
        return bencode.encode(_with_extras(message, self.ip, self.version))


class KrpcError(NamedTuple):
    """A refusal: its number (BEP 5, BEP 44) and words of whoever refused, never to be trusted."""

    transaction: bytes
    code: int
    text: str
    ip: bytes = b""
    version: bytes = b""

    def encode(self) -> bytes:
        """The datagram."""
        words = self.text.encode("utf-8", "replace")[:MAX_ERROR_TEXT]
        message: dict[bytes, Any] = {b"t": self.transaction, b"y": b"e", b"e": [self.code, words]}
        return bencode.encode(_with_extras(message, self.ip, self.version))


Message = Query | Response | KrpcError


def parse(data: bytes) -> Message:
    """The message in a datagram. Raises FormatError when there is none in it."""
    canonical = True
    try:
        message = bencode.decode(data, max_size=MAX_SIZE, max_depth=MAX_DEPTH)
    except FormatError:
        # Some programs write keys out of order; it is no harm where nothing is hashed.
        message = bencode.decode(data, max_size=MAX_SIZE, max_depth=MAX_DEPTH, strict_order=False)
        canonical = False
    if type(message) is not dict:
        raise KrpcFormatError("a KRPC message is a dictionary")
    transaction = message.get(b"t")
    if type(transaction) is not bytes or len(transaction) > MAX_TRANSACTION:
        raise KrpcFormatError("the message has no transaction id of a bearable length")
    kind = message.get(b"y")
    version = message.get(b"v")
    if type(version) is not bytes:
        version = b""
    if kind == b"q":
        method, args = message.get(b"q"), message.get(b"a")
        if type(method) is not bytes or type(args) is not dict:
            raise KrpcFormatError("the query names no method, or has no arguments")
        return Query(transaction, method, args, message.get(b"ro") == 1, version, canonical)
    ip = message.get(b"ip")
    if type(ip) is not bytes:
        ip = b""
    if kind == b"r":
        values = message.get(b"r")
        if type(values) is not dict:
            raise KrpcFormatError("the response has no values")
        return Response(transaction, values, ip, version, canonical)
    if kind == b"e":
        return _error(transaction, message.get(b"e"), ip, version)
    raise KrpcFormatError("the message is no query, response or error")


def _error(transaction: bytes, told: Any, ip: bytes, version: bytes) -> KrpcError:
    """Some send only words or only a number: what is missing is as little as it says."""
    code, text = GENERIC_ERROR, ""
    for part in told[:2] if isinstance(told, list) else [told]:
        if isinstance(part, int) and 0 <= part < 1000:
            code = part
        elif isinstance(part, bytes):
            words = part[:MAX_ERROR_TEXT].decode("utf-8", "replace")
            text = "".join(c if c.isprintable() else "?" for c in words)
    return KrpcError(transaction, code, text, ip, version)


def _with_extras(message: dict[bytes, Any], ip: bytes, version: bytes) -> dict[bytes, Any]:
    if ip:
        message[b"ip"] = ip
    if version:
        message[b"v"] = version
    return message
