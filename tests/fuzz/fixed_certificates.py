"""Keys and an authority that are the same from run to run, so that seeds are, too.

What Ed25519 signs is always the same, which cannot be said of ECDSA.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.x509.oid import NameOID


def fixed_key(letter: bytes) -> Ed25519PrivateKey:
    """One for each letter."""
    return Ed25519PrivateKey.from_private_bytes(letter * 32)


def fixed_authority(name: str, key: Ed25519PrivateKey, begin: datetime) -> x509.Certificate:
    """An authority, for a hundred days."""
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    builder = x509.CertificateBuilder(subject, subject, key.public_key(), 1)
    builder = builder.not_valid_before(begin).not_valid_after(begin + timedelta(days=100))
    constraints = x509.BasicConstraints(ca=True, path_length=0)
    return builder.add_extension(constraints, critical=True).sign(key, None)


def fixed_serial() -> int:
    """In the place of x509.random_serial_number."""
    return 2
