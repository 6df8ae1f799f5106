"""Whom a dialler asks for: the server name of a ClientHello (RFC 8446 4.1.2, RFC 6066 3).

The swarm that is meant decides with which certificate we answer and whom we trust, so the name is
read before OpenSSL hears a word: who asks for a swarm that is not here costs no key and no memory.
Nothing else is judged here; what is wrong otherwise, OpenSSL refuses.
"""

from __future__ import annotations

from p2pd.base.errors import FormatError

MAX_HELLO = 16 * 1024
"""Bytes of a hello that is read, with all extensions: real ones have one or two thousand."""

MAX_RAW = 4 * MAX_HELLO
"""Bytes of it as records, which may be as short as their sender likes."""

NAME_SIZE = 40
"""Characters of a server name that count: an info-hash (or the first 20 bytes of it) in hex."""

UNRECOGNIZED_NAME = bytes((21, 3, 3, 0, 2, 2, 112))
"""The alert of a server that has no such name, which ends it (RFC 6066 3, RFC 8446 6.2)."""

RECORD_HEAD = 5
MAX_RECORD = 16 * 1024 + 256
"""Bytes of the longest record but for its head (RFC 8446 5.2)."""

_HANDSHAKE_RECORD = b"\x16\x03"
_CLIENT_HELLO, _SERVER_NAME, _HOST_NAME = 1, 0, 0
_FIRST, _LAST = 20, 23
_BEFORE_SESSION_ID = 2 + 32


class HelloError(FormatError):
    """What came is no ClientHello, or one that is too long."""


def whole_records(data: bytes | bytearray) -> int:
    """How many bytes of `data` are records that have come in full; all of it if it is no TLS."""
    at = 0
    while at + RECORD_HEAD <= len(data):
        size = int.from_bytes(data[at + 3 : at + RECORD_HEAD], "big")
        if not _FIRST <= data[at] <= _LAST or size > MAX_RECORD:
            return len(data)
        if at + RECORD_HEAD + size > len(data):
            return at
        at += RECORD_HEAD + size
    return at


class HelloReader:
    """Takes bytes until a ClientHello is whole. `data` is all that came."""

    def __init__(self) -> None:
        self.data = bytearray()
        self._at = 0
        self._message = bytearray()

    def receive(self, data: bytes | memoryview) -> bool:
        """More came; whether the hello is whole. Raises HelloError."""
        self.data += data
        while not self._is_whole() and self._next_record():
            pass
        if len(self.data) > MAX_RAW:
            raise HelloError(f"the peer says more than {MAX_RAW} bytes before it is answered")
        return self._is_whole()

    def server_name(self) -> str:
        """The name in the hello, which is whole; empty: there is none. Raises HelloError."""
        fields = _Fields(bytes(self._message[4 : 4 + self._size]))
        fields.skip(_BEFORE_SESSION_ID)
        for size in (1, 2, 1):  # session id, cipher suites, compression methods
            fields.vector(size)
        if not fields.left:
            return ""
        extensions = _Fields(fields.vector(2))
        while extensions.left:
            kind = extensions.number(2)
            body = extensions.vector(2)
            if kind == _SERVER_NAME:
                return _host_name(_Fields(_Fields(body).vector(2)))
        return ""

    @property
    def _size(self) -> int:
        return int.from_bytes(self._message[1:4], "big")

    def _is_whole(self) -> bool:
        return len(self._message) >= 4 and len(self._message) >= 4 + self._size

    def _next_record(self) -> bool:
        """Take one record, if it is here. A hello may be cut into several."""
        head = bytes(self.data[self._at : self._at + RECORD_HEAD])
        if not _HANDSHAKE_RECORD.startswith(head[:2]):
            raise HelloError("what the peer says is no TLS")
        if len(head) < RECORD_HEAD:
            return False
        size = int.from_bytes(head[3:], "big")
        if not 0 < size <= MAX_RECORD:
            raise HelloError("what the peer says is no TLS")
        begin, end = self._at + RECORD_HEAD, self._at + RECORD_HEAD + size
        if end > len(self.data):
            return False
        self._message += self.data[begin:end]
        self._at = end
        if self._message[0] != _CLIENT_HELLO:
            raise HelloError("what the peer says is no ClientHello")
        if len(self._message) >= 4 and self._size > MAX_HELLO:
            raise HelloError(f"the ClientHello has {self._size} bytes, more than {MAX_HELLO}")
        return True


def _host_name(names: _Fields) -> str:
    while names.left:
        kind = names.number(1)
        name = names.vector(2)
        if kind == _HOST_NAME:
            return name.decode("latin-1")
    return ""


class _Fields:
    """Numbers and vectors, one behind the other."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._at = 0

    @property
    def left(self) -> int:
        return len(self._data) - self._at

    def skip(self, size: int) -> None:
        if size > self.left:
            raise HelloError("the ClientHello ends too early")
        self._at += size

    def number(self, size: int) -> int:
        self.skip(size)
        return int.from_bytes(self._data[self._at - size : self._at], "big")

    def vector(self, size: int) -> bytes:
        """Bytes behind their count, which takes `size` bytes."""
        length = self.number(size)
        self.skip(length)
        return self._data[self._at - length : self._at]
