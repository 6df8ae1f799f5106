"""The secrets of swarms as records have them: like private keys, and sealed like these.

32 random bytes are an Ed25519 key, too, and so all that keeps, seals and opens private keys does
the same for secrets. Everything here blocks, scrypt above all: it is for threads.
"""

from __future__ import annotations

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)

from p2pd.base.errors import FormatError
from p2pd.state.key_files import KeyFiles


class KeptSecrets:
    """Seals and opens them, by the passphrase that there is, or was."""

    def __init__(self, keys: KeyFiles) -> None:
        self._keys = keys

    def kept(self, secret: bytes) -> str:
        """What a record has of a secret. Raises P2pdError."""
        key = Ed25519PrivateKey.from_private_bytes(secret)
        pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        return self._keys.sealed(pem).decode("ascii")

    def opened(self, kept: str) -> bytes:
        """The secret in a record. Raises SealedKeyError, FormatError."""
        key = load_pem_private_key(self._keys.opened(kept.encode()), None)
        if not isinstance(key, Ed25519PrivateKey):
            raise FormatError("what is kept as the secret is another kind of key")
        return key.private_bytes(Encoding.Raw, PrivateFormat.Raw, NoEncryption())

    def is_as_it_should_be(self, kept: str) -> bool:
        """Whether it is sealed by the passphrase of now, or not at all where there is none."""
        return self._keys.is_of_now(kept.encode())
