"""What is said behind the proofs: records that nobody can read, change, drop or say again.

    length (2 bytes) sealed, 18 bytes | content sealed, length + 16 bytes

Each is a message of the cipher's, in the order in which they were said. The length is sealed like
the rest, so that without the key no byte of the stream differs from noise.
"""

from __future__ import annotations

import struct
from typing import Sequence

from p2pd.protocols.swarm_secret.noise import TAG_SIZE, CipherState, Data, NoiseError

MOST_CONTENT = 65_535 - TAG_SIZE
"""Bytes of a record: a message of the framework's has 65535 at most."""

_LENGTH = struct.Struct("!H")
HEADER_SIZE = _LENGTH.size + TAG_SIZE


class RecordWriter:
    """Makes records."""

    __slots__ = ("_cipher",)

    def __init__(self, cipher: CipherState) -> None:
        self._cipher = cipher

    def records(self, buffers: Sequence[Data]) -> bytearray:
        """All of these in order, as the bytes to send: as few records as hold them."""
        data = memoryview(buffers[0] if len(buffers) == 1 else b"".join(buffers))
        size, seal, begun = len(data), self._cipher.seal_into, 0
        made = bytearray(size + -(-size // MOST_CONTENT) * (HEADER_SIZE + TAG_SIZE))
        place = memoryview(made)
        for at in range(0, size, MOST_CONTENT):
            content = data[at : at + MOST_CONTENT]
            inside = begun + HEADER_SIZE
            behind = inside + len(content) + TAG_SIZE
            seal(_LENGTH.pack(len(content)), place[begun:inside])
            seal(content, place[inside:behind])
            begun = behind
        return made


class RecordReader:
    """Reads records, whatever the slices in which they come; keeps part of one at most."""

    __slots__ = ("_came", "_cipher", "_in_content", "_wanted")

    def __init__(self, cipher: CipherState) -> None:
        self._cipher = cipher
        self._came = bytearray()
        self._in_content = False
        self._wanted = HEADER_SIZE

    def open_into(self, data: Data, place: memoryview) -> int:
        """Put the contents that are complete now into `place`, one behind the other: their size.

        That is `MOST_CONTENT` more than the data at most. Raises NoiseError: the stream ends here,
        and nothing of what was put there may be believed.
        """
        at, put, view = 0, 0, memoryview(data)
        while len(self._came) + len(view) - at >= self._wanted:
            behind = at + self._wanted - len(self._came)
            sealed: Data = view[at:behind]
            if self._came:
                self._came += sealed
                sealed, self._came = self._came, bytearray()
            at = behind
            if self._in_content:
                end = put + self._wanted - TAG_SIZE
                self._cipher.open_into(sealed, place[put:end])
                put, self._wanted = end, HEADER_SIZE
            else:
                self._wanted = self._size_in(self._cipher.open(sealed))
            self._in_content = not self._in_content
        self._came += view[at:]
        return put

    def _size_in(self, header: bytes) -> int:
        (length,) = _LENGTH.unpack(header)
        if not 0 < length <= MOST_CONTENT:
            raise NoiseError(f"a record of {length} bytes is none")
        return int(length) + TAG_SIZE
