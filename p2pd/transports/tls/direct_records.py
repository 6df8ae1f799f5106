"""Records as in records.py, by OpenSSL's own functions: read where they lie, into their places.

pyOpenSSL's methods copy what comes twice more, and keep memory for the most that ever came at once
with each connection, up to a mebibyte. Here OpenSSL reads the ciphertext where the socket's bytes
lie, and writes what it decrypted to where it belongs: 4.6 GB/s in records of 16 KiB, where it is
3.2 GB/s with pyOpenSSL's methods and 2.7 GB/s with the standard library's ssl (and its OpenSSL).
OpenSSL on the socket itself makes two system calls for each record, and took a third more CPU.

The functions are those that pyOpenSSL itself calls, from the same binding; where one of them is
missing `records_of` does without.
"""

from __future__ import annotations

from typing import Any, Sequence

from OpenSSL import SSL

from p2pd.transports.interfaces import Buffer
from p2pd.transports.tls.records import FAILED, RECORD, SLICE, Records

_lib: Any = getattr(SSL, "_lib", None)
_ffi: Any = getattr(SSL, "_ffi", None)
_NEEDED = (
    "BIO_get_mem_data",
    "BIO_new",
    "BIO_new_mem_buf",
    "BIO_read",
    "BIO_s_mem",
    "BIO_set_mem_eof_return",
    "SSL_read",
    "SSL_set_bio",
    "SSL_write",
)
IS_POSSIBLE = _ffi is not None and all(hasattr(_lib, name) for name in _NEEDED)

HEAD_AND_TAG = 32
"""Bytes of a record beside what is in it: 22 in TLS 1.3, up to 29 in TLS 1.2."""

SLICES_SPARE = 16
"""Records more than are reckoned with: the last of each slice is a short one."""

_new: Any = _ffi.new_allocator(should_clear_after_alloc=False) if IS_POSSIBLE else None


class DirectRecords(Records):
    """The same, without copies."""

    __slots__ = ("_from", "_into", "_kept", "_ssl")

    def __init__(self, connection: Any) -> None:
        super().__init__(connection)
        self._ssl = connection._ssl
        self._into = connection._into_ssl
        self._from = connection._from_ssl
        self._kept: Any = b""
        """What OpenSSL reads, for as long as it may."""
        self._feed_from(self._unread())

    # -- what comes ------------------------------------------------------------------------------

    def feed(self, data: memoryview) -> None:
        """See Records."""
        unread = b"" if self._is_dry else self._unread()
        self._feed_from(unread + data if unread else data)
        self._is_dry = False

    def keep(self) -> None:
        """See Records."""
        if self.has_unread:
            self._feed_from(self._unread())

    def read(self, places: Sequence[memoryview]) -> int:
        """See Records."""
        total, read, ssl = 0, _lib.SSL_read, self._ssl
        if self.is_over:
            return 0
        for place in places:
            at, size = 0, len(place)
            pointer = _ffi.from_buffer(place)
            while at < size:
                got = read(ssl, pointer + at, size - at)
                if got <= 0:
                    self._stopped(got)
                    return total + at
                at += got
            total += size
        return total

    def _stopped(self, result: int) -> None:
        """Nothing more could be read: find out why."""
        try:
            self._connection._raise_ssl_error(self._ssl, result)
        except SSL.WantReadError:
            self._is_dry = True
            self._kept = b""
        except SSL.Error as error:
            self._failed(error)

    def _unread(self) -> bytes:
        found = _ffi.new("char **")
        size = _lib.BIO_get_mem_data(self._into, found)
        return bytes(_ffi.buffer(found[0], size)) if size > 0 else b""

    def _feed_from(self, data: bytes | memoryview) -> None:
        """Have OpenSSL read there. It lets go of what it read from before."""
        pointer = _ffi.from_buffer(data)
        bio = _lib.BIO_new_mem_buf(pointer, len(data))
        _lib.BIO_set_mem_eof_return(bio, -1)
        _lib.SSL_set_bio(self._ssl, bio, self._from)
        self._into = self._connection._into_ssl = bio
        self._kept = pointer

    # -- what goes -------------------------------------------------------------------------------

    def seal(self, buffers: Sequence[Buffer]) -> list[Buffer]:
        """See Records."""
        plain = buffers[0] if len(buffers) == 1 else b"".join(buffers)
        size, at, filled = len(plain), 0, 0
        if not size or self.problem:
            return []
        pointer = _ffi.from_buffer(plain)
        room = size + (size // RECORD + SLICES_SPARE) * HEAD_AND_TAG
        sealed = _new("char[]", room)
        while at < size:
            wrote = _lib.SSL_write(self._ssl, pointer + at, min(SLICE, size - at))
            if wrote <= 0:
                self._stopped(wrote)
                # What the peer began to say of its keys is in the way: nothing may be left out.
                self.problem = self.problem or FAILED
                break
            at += wrote
            filled += max(_lib.BIO_read(self._from, sealed + filled, room - filled), 0)
        found: list[Buffer] = [memoryview(_ffi.buffer(sealed, filled))]
        if size > RECORD:
            found += self._renewed()
        return found

    def _renewed(self) -> list[Buffer]:
        """Let go of the memory that OpenSSL wrote to; what is left in it, which is seldom."""
        left = self.said()
        fresh = _lib.BIO_new(_lib.BIO_s_mem())
        _lib.SSL_set_bio(self._ssl, self._into, fresh)
        self._from = self._connection._from_ssl = fresh
        return [left] if left else []


def records_of(connection: SSL.Connection) -> Records:
    """Of a connection whose handshake is through, with all that has come by now."""
    return DirectRecords(connection) if IS_POSSIBLE else Records(connection)
