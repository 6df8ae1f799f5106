"""A peer that begins to say something of its keys, and does not end it (TLS 1.3)."""

from __future__ import annotations

import pytest
from cryptography.hazmat.primitives.ciphers.aead import AESGCM, ChaCha20Poly1305
from cryptography.hazmat.primitives.hashes import SHA256, SHA384
from cryptography.hazmat.primitives.kdf.hkdf import HKDFExpand
from OpenSSL import SSL

from p2pd.transports.tls.context import TlsContext
from tests.transports.tls.swarm import accepted, authority, carry, dialled, plain_context

HALF_A_KEY_UPDATE = bytes((24, 0, 0, 1))
HANDSHAKE = 22


def record(secret: bytes, cipher: str, content: bytes) -> bytes:
    """The first record that is sealed with a secret of TLS 1.3 (RFC 8446, 5.2 and 7.3)."""
    key = _expanded(secret, b"key", 16 if "AES_128" in cipher else 32)
    seals = ChaCha20Poly1305(key) if "CHACHA20" in cipher else AESGCM(key)
    said = content + bytes([HANDSHAKE])
    head = bytes((23, 3, 3)) + (len(said) + 16).to_bytes(2, "big")
    return head + seals.encrypt(_expanded(secret, b"iv", 12), said, head)


def _expanded(secret: bytes, label: bytes, size: int) -> bytes:
    whole = b"tls13 " + label
    info = size.to_bytes(2, "big") + bytes([len(whole)]) + whole + b"\0"
    algorithm = SHA256() if len(secret) == 32 else SHA384()
    return HKDFExpand(algorithm, size, info).derive(secret)


@pytest.mark.usefixtures("either_way")
def test_what_cannot_be_said_because_of_it_is_not_left_out() -> None:
    """The connection ends: what is said later must not come in the place of what was said first."""
    told: dict[str, bytes] = {}

    def tell(_: SSL.Connection, line: bytes) -> None:
        name, _, secret = line.decode().split()
        told[name] = bytes.fromhex(secret)

    using = plain_context(authority().pem, *authority().issue())
    using.set_keylog_callback(tell)
    one, other = dialled(TlsContext(using)), accepted()
    carry(one, other)
    assert one.above.stream is not None
    secret, cipher = told["CLIENT_TRAFFIC_SECRET_0"], one.above.stream.cipher
    other.hear(record(secret, cipher, HALF_A_KEY_UPDATE))
    assert not other.above.lost
    other.say(b"this cannot be said")
    assert other.end.aborted
    assert not other.taken()
