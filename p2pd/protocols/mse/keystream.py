"""RC4 as message stream encryption has it: keys by direction, the first 1024 bytes unused.

It hides what is said from who filters by pattern. It does not keep a secret from who wants to know,
and says nothing about who the peer is.
"""

from __future__ import annotations

import warnings
from hashlib import sha1
from typing import Any

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.decrepit.ciphers.algorithms import ARC4
from cryptography.hazmat.primitives.ciphers import Cipher

DISCARDED = 1024
"""Bytes: the first ones tell of the key."""


class Keystream:
    """One direction of a connection."""

    __slots__ = ("_cipher",)

    def __init__(self, key: bytes) -> None:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # that RC4 is weak is known, see above
            self._cipher: Any = Cipher(ARC4(key), mode=None).encryptor()
        self._cipher.update(bytes(DISCARDED))

    def apply(self, data: bytes | bytearray | memoryview) -> bytes:
        """The next bytes, encrypted or decrypted: for RC4 it is the same."""
        made: bytes = self._cipher.update(data)
        return made

    def apply_in_place(self, data: bytearray | memoryview) -> None:
        """The same, into where they are."""
        self._cipher.update_into(data, data)


def initiators(secret: bytes, info_hash: bytes) -> Keystream:
    """Of what who dialled sends."""
    return Keystream(digest(b"keyA", secret, info_hash))


def responders(secret: bytes, info_hash: bytes) -> Keystream:
    """Of what who accepted sends."""
    return Keystream(digest(b"keyB", secret, info_hash))


def digest(*parts: bytes) -> bytes:
    """The 20 bytes that the specification calls HASH."""
    return sha1(b"".join(parts), usedforsecurity=False).digest()


def available() -> bool:
    """Whether this system's OpenSSL has RC4 at all: some are built or configured without."""
    try:
        Keystream(bytes(20))
    except UnsupportedAlgorithm:
        return False
    return True
