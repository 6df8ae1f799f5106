"""Fuzz sealed files, of which each bit is vouched for."""

from __future__ import annotations

import io
import secrets
from unittest.mock import patch

from p2pd.base.errors import FormatError
from p2pd.formats.sealed_file import MAGIC, PIECE, SealedReader, SealedWriter
from p2pd.formats.x509.keys_at_rest import KeySeal, SealedKeyError


class _OneKey(KeySeal):
    """Scrypt is no part of what is fuzzed."""

    def key_for(self, salt: bytes) -> bytes:
        return bytes(32)


_SEAL = _OneKey(b"passphrase")


def _sealed(content: bytes) -> bytes:
    file = io.BytesIO()
    with patch.object(secrets, "token_bytes", bytes), SealedWriter(file, _SEAL) as writer:
        writer.write(content)
    return file.getvalue()


_KNOWN = {_sealed(content): content for content in (b"", b"a key", bytes(PIECE + 5))}
SEEDS: list[bytes] = [*_KNOWN, MAGIC, MAGIC + bytes(60)]


def fuzz(data: bytes) -> None:
    """It is refused, or is as it was written."""
    try:
        found = SealedReader(io.BytesIO(data), [_SEAL]).readall()
    except (FormatError, SealedKeyError):
        return
    if _KNOWN.get(data) != found:
        raise AssertionError("something came out that was not sealed")
