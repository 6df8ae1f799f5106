"""Fuzz private keys as they lie on a disk, sealed or not."""

from __future__ import annotations

import secrets
from unittest.mock import patch

from p2pd.base.errors import FormatError
from p2pd.formats.x509.keys_at_rest import KeySeal, SealedKeyError, opened, sealed

_KEY = b"""-----BEGIN PRIVATE KEY-----
MC4CAQAwBQYDK2VwBCIEINTuctv5E1hK1bbY8fdp+K06/nwoy/HU++CXqI9EdVhC
-----END PRIVATE KEY-----
"""


class _AnySalt(dict[bytes, bytes]):
    """Keys that were made of any salt already: scrypt is no part of what is fuzzed."""

    def get(self, salt: bytes, default: bytes | None = None) -> bytes:  # type: ignore[override]
        return bytes(32)


with patch.object(secrets, "token_bytes", bytes):  # the same from run to run
    _SEAL = KeySeal(b"passphrase")
    _SEAL._made = _AnySalt()
    _SEALED = sealed(_KEY, _SEAL)

SEEDS: list[bytes] = [
    _KEY,
    _SEALED,
    _KEY.replace(b"PRIVATE", b"ENCRYPTED PRIVATE"),
    b"-----BEGIN PRIVATE KEY-----\n"
    b"MC0CAQAwBQYDK2VwBCEEHwAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\n"
    b"-----END PRIVATE KEY-----\n",
    b"-----BEGIN ENCRYPTED PRIVATE KEY-----\nAAAA\n-----END ENCRYPTED PRIVATE KEY-----\n",
]


def fuzz(data: bytes) -> None:
    """It is refused, or it is a key that can be sealed."""
    try:
        key = opened(data, _SEAL)
    except (FormatError, SealedKeyError):
        return
    if opened(sealed(key, _SEAL), _SEAL) != key:
        raise AssertionError("a key changed on its way to the disk and back")
