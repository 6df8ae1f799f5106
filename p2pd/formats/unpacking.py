"""What is packed with gzip or zip, unpacked as it comes, in slices of bounded size.

A zip archive is read from its beginning, member by member, as it was written; the directory at its
end, which needs the whole of it, is not looked at. Refuses to know what is in it.
"""

from __future__ import annotations

import struct
import zlib
from typing import Iterator, Protocol

from p2pd.base.errors import FormatError

SLICE = 256 * 1024
"""Bytes that come out at a time at most."""

GZIP_MAGIC = b"\x1f\x8b"
ZIP_MAGIC = b"PK\x03\x04"

_DIRECTORY = b"PK\x01\x02"
_DESCRIPTOR = b"PK\x07\x08"
_LONGEST_DESCRIPTOR = 24
_HEADER = struct.Struct("<4sHHHHHIIIHH")
_STORED, _DEFLATED = 0, 8
_ENCRYPTED, _LENGTH_FOLLOWS = 1, 8
_UNKNOWN_LENGTH = 0xFFFFFFFF


class Unpacker(Protocol):
    """Bytes go in as they come, and come out unpacked."""

    def feed(self, data: bytes) -> Iterator[bytes]:
        """What is in these, to be taken before more is fed. Raises FormatError."""

    def finish(self) -> None:
        """That was all. Raises FormatError when something is missing."""


class GzipUnpacker:
    """gzip (RFC 1952), also several members one after the other."""

    def __init__(self) -> None:
        self._inflating: _Inflating | None = None
        self._rest = b""
        self._members = 0

    def feed(self, data: bytes) -> Iterator[bytes]:
        """See Unpacker. What follows the last member is padding."""
        data = self._rest + data
        self._rest = b""
        while data:
            if self._inflating is None:
                if len(data) < len(GZIP_MAGIC):
                    self._rest = data
                    return
                if not data.startswith(GZIP_MAGIC):
                    return
                self._inflating = _Inflating(31, "gzip")
                self._members += 1
            yield from self._inflating.feed(data)
            if self._inflating.unused is None:
                return
            data, self._inflating = self._inflating.unused, None

    def finish(self) -> None:
        """See Unpacker."""
        if self._inflating is not None or not self._members:
            raise FormatError("it is broken off in the middle (gzip)")


class ZipUnpacker:
    """The contents of all members of a zip archive, one after the other."""

    def __init__(self) -> None:
        self._rest = b""
        self._member: _Stored | _Inflating | None = None
        self._checksum = 0
        self._expected: int | None = 0
        """None: it follows the member."""
        self._ended = False

    def feed(self, data: bytes) -> Iterator[bytes]:
        """See Unpacker. What follows the members is not looked at."""
        data = self._rest + data
        self._rest = b""
        while data and not self._ended:
            if self._member is None:
                start = self._begin(data)
                if not start:
                    self._rest = b"" if self._ended else data
                    return
                data = data[start:]
            assert self._member is not None
            for part in self._member.feed(data):
                self._checksum = zlib.crc32(part, self._checksum)
                yield part
            if self._member.unused is None:
                return
            data, self._member = self._member.unused, None
            if self._expected is not None:
                self._check(self._expected)

    def finish(self) -> None:
        """See Unpacker."""
        if not self._ended:
            raise FormatError("it is broken off in the middle (zip)")

    def _begin(self, data: bytes) -> int:
        """Read the header of a member; where its content begins, 0 if there is none yet."""
        at = self._found_signature(data)
        if at is None or self._ended or len(data) < at + _HEADER.size:
            return 0
        fields = _HEADER.unpack_from(data, at)
        _, _, flags, method, _, _, checksum, packed, _, name_size, extra_size = fields
        start: int = at + _HEADER.size + name_size + extra_size
        if len(data) < start:
            return 0
        follows = bool(flags & _LENGTH_FOLLOWS)
        if flags & _ENCRYPTED:
            raise FormatError("the zip archive asks for a password")
        if method == _DEFLATED:
            self._member = _Inflating(-15, "zip")
        elif method == _STORED and not follows and packed != _UNKNOWN_LENGTH:
            self._member = _Stored(packed)
        else:
            raise FormatError(f"the zip archive is packed in a way (method {method}) not read here")
        self._checksum = 0
        self._expected = None if follows else checksum
        return start

    def _found_signature(self, data: bytes) -> int | None:
        """Where the next member begins, behind what may follow the one before it."""
        window = data[: _LONGEST_DESCRIPTOR + len(ZIP_MAGIC)]
        places = [at for sign in (ZIP_MAGIC, _DIRECTORY) if (at := window.find(sign)) >= 0]
        if not places:
            if len(window) == _LONGEST_DESCRIPTOR + len(ZIP_MAGIC):
                raise FormatError("the zip archive is damaged")
            return None
        at = min(places)
        if self._expected is None:
            skip = len(_DESCRIPTOR) if data.startswith(_DESCRIPTOR) else 0
            self._check(int.from_bytes(data[skip : skip + 4], "little"))
            self._expected = 0
            self._checksum = 0
        self._ended = data.startswith(_DIRECTORY, at)
        return at

    def _check(self, expected: int) -> None:
        if self._checksum != expected:
            raise FormatError("the zip archive is damaged: a checksum is wrong")


class _Inflating:
    """One deflated stream. `unused` is what follows its end, None before that."""

    def __init__(self, window_bits: int, name: str) -> None:
        self._stream = zlib.decompressobj(window_bits)
        self._name = name
        self.unused: bytes | None = None

    def feed(self, data: bytes) -> Iterator[bytes]:
        while True:
            try:
                part = self._stream.decompress(data, SLICE)
            except zlib.error:
                raise FormatError(f"it is damaged ({self._name})") from None
            if part:
                yield part
            if self._stream.eof:
                self.unused = self._stream.unused_data
                return
            data = self._stream.unconsumed_tail
            if not data and len(part) < SLICE:
                return


class _Stored:
    """So many bytes that are not packed."""

    def __init__(self, size: int) -> None:
        self._left = size
        self.unused: bytes | None = None

    def feed(self, data: bytes) -> Iterator[bytes]:
        for start in range(0, min(len(data), self._left), SLICE):
            yield data[start : min(start + SLICE, self._left)]
        if len(data) >= self._left:
            self.unused = data[self._left :]
        self._left -= min(len(data), self._left)
