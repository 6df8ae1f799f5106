"""A file that only who has a passphrase can read, or could have written: for backups of keys.

``p2pd-sealed-1``, a line end, 16 bytes of salt and 7 of a nonce; then the content in pieces of 64
KiB, the last one shorter or empty, each encrypted with AES-256-GCM and 16 bytes longer for it. The
key is what scrypt makes of the passphrase and ``p2pd backup`` with the salt (keys_at_rest.py). The
nonce of a piece ends with its number and whether it is the last (the STREAM construction), and what
is in front of the pieces is vouched for with each: so no piece is moved, left out or taken from
another file, and nothing is cut off, unseen.
"""

from __future__ import annotations

import io
import secrets
from collections.abc import Sequence
from typing import BinaryIO

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from p2pd.base.errors import FormatError
from p2pd.formats.x509.keys_at_rest import KeySeal, SealedKeyError

MAGIC = b"p2pd-sealed-1\n"
SALT, NONCE, TAG = 16, 7, 16
PIECE = 64 * 1024
_PURPOSE = b"p2pd backup"
_HEADER = len(MAGIC) + SALT + NONCE


class SealedWriter(io.RawIOBase):
    """Writes what is to be sealed to a file; whole when it is closed, which leaves that open."""

    def __init__(self, file: BinaryIO, seal: KeySeal) -> None:
        super().__init__()
        salt, nonce = secrets.token_bytes(SALT), secrets.token_bytes(NONCE)
        self._file = file
        self._pieces = _Pieces(seal, MAGIC + salt + nonce)
        self._waiting = bytearray()
        file.write(self._pieces.header)

    def writable(self) -> bool:
        """It is for writing."""
        return True

    def write(self, data: bytes) -> int:  # type: ignore[override]
        """More of it."""
        self._waiting += data
        while len(self._waiting) > PIECE:
            self._put(bytes(self._waiting[:PIECE]), last=False)
            del self._waiting[:PIECE]
        return len(data)

    def close(self) -> None:
        """That is all."""
        if not self.closed:
            self._put(bytes(self._waiting), last=True)
        super().close()

    def _put(self, piece: bytes, *, last: bool) -> None:
        nonce = self._pieces.next(last=last)
        self._file.write(self._pieces.cipher.encrypt(nonce, piece, self._pieces.header))


class SealedReader(io.RawIOBase):
    """Reads what a `SealedWriter` wrote. Nothing that is not as it was written comes out."""

    def __init__(self, file: BinaryIO, seals: Sequence[KeySeal]) -> None:
        """Raises SealedKeyError: none of these opens it; FormatError: it is no such file."""
        super().__init__()
        header = file.read(_HEADER)
        if len(header) != _HEADER or not header.startswith(MAGIC):
            raise FormatError("it is not sealed in a way that is known here")
        self._file = file
        first, self._ahead = file.read(PIECE + TAG), file.read(PIECE + TAG)
        for seal in seals:
            self._pieces = _Pieces(seal, header)
            opened = self._opened(first)
            if opened is not None:
                self._ready = opened
                return
        raise SealedKeyError("it was sealed with another passphrase, or is damaged")

    def readable(self) -> bool:
        """It is for reading."""
        return True

    def readinto(self, target: bytearray) -> int:  # type: ignore[override]
        """The next of it. Raises FormatError: it is not as it was written."""
        while not self._ready and self._ahead:
            piece, self._ahead = self._ahead, self._file.read(PIECE + TAG)
            opened = self._opened(piece)
            if opened is None:
                raise FormatError("it is damaged")
            self._ready = opened
        part = self._ready[: len(target)]
        target[: len(part)] = part
        self._ready = self._ready[len(part) :]
        return len(part)

    def _opened(self, piece: bytes) -> bytes | None:
        nonce = self._pieces.next(last=not self._ahead)
        try:
            return self._pieces.cipher.decrypt(nonce, piece, self._pieces.header)
        except InvalidTag:
            return None


class _Pieces:
    """The cipher of a file, and the nonces of its pieces in order."""

    def __init__(self, seal: KeySeal, header: bytes) -> None:
        self.header = header
        salt = header[len(MAGIC) : len(MAGIC) + SALT]
        self.cipher = AESGCM(seal.key_for(_PURPOSE + salt))
        self._nonce = header[-NONCE:]
        self._count = 0

    def next(self, *, last: bool) -> bytes:
        """The nonce of the next piece. Raises OverflowError after 256 TiB."""
        nonce = self._nonce + self._count.to_bytes(4, "big") + bytes([last])
        self._count += 1
        return nonce
