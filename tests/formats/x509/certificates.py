"""Certificates as others make them, for tests: of any names, right or wrong."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

NOW = datetime(2026, 5, 1, 12, tzinfo=UTC)
KEY = ec.derive_private_key(7, ec.SECP256R1())


def der(tag: int, content: bytes) -> bytes:
    """A value in DER, shorter than 64 KiB."""
    if len(content) < 128:
        return bytes([tag, len(content)]) + content
    return bytes([tag, 0x82]) + len(content).to_bytes(2, "big") + content


def alternative_names(*entries: bytes) -> x509.UnrecognizedExtension:
    """The extension, of entries as they are: any bytes go into a name."""
    return x509.UnrecognizedExtension(
        x509.ObjectIdentifier("2.5.29.17"), der(0x30, b"".join(entries))
    )


def dns_name(name: bytes) -> bytes:
    """An entry of type dNSName, of any bytes."""
    return der(0x82, name)


def certificate(
    common_names: Sequence[str] = (), *extensions: x509.ExtensionType
) -> x509.Certificate:
    """A certificate that signs itself."""
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, each) for each in common_names])
    builder = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(KEY.public_key())
        .serial_number(5)
        .not_valid_before(NOW)
        .not_valid_after(NOW + timedelta(days=1))
    )
    for extension in extensions:
        builder = builder.add_extension(extension, critical=False)
    return builder.sign(KEY, hashes.SHA256())


def key_of_another_size(size: int, kind: int = 112) -> str:
    """A key in PEM that says that it is of Ed25519 (or of 110, X25519), with `size` bytes."""
    inner = bytes([4, size]) + bytes(size)
    algorithm = bytes([0x30, 5, 6, 3, 0x2B, 0x65, kind])
    content = b"\x02\x01\x00" + algorithm + bytes([4, len(inner)]) + inner
    text = base64.b64encode(bytes([0x30, len(content)]) + content).decode()
    return f"-----BEGIN PRIVATE KEY-----\n{text}\n-----END PRIVATE KEY-----\n"
