"""Fuzz what nodes say to each other for certificates, and tokens."""

from __future__ import annotations

from datetime import UTC, datetime
from unittest.mock import patch

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

from p2pd.base.errors import FormatError
from p2pd.formats.x509.swarm_ca import fingerprint, issue, new_request
from p2pd.protocols.enrolment import exchange
from p2pd.protocols.enrolment.exchange import Answer, Asking, answer_to, read_asked, refusal
from p2pd.protocols.enrolment.token import SECRET_SIZE, Token, read_token, token_text
from tests.fuzz.fixed_certificates import fixed_authority, fixed_key, fixed_serial

_NOW = datetime(2026, 5, 1, tzinfo=UTC)


class _Ephemeral:
    """Keys of one exchange that are the same from run to run."""

    @staticmethod
    def generate() -> X25519PrivateKey:
        """See X25519PrivateKey."""
        return X25519PrivateKey.from_private_bytes(b"e" * 32)


_CA_KEY, _KEY = fixed_key(b"a"), fixed_key(b"k")
_CA = fixed_authority("films", _CA_KEY, _NOW)
_TOKEN = Token(("http://10.0.0.5:9091",), fingerprint(_CA), b"s" * SECRET_SIZE)
with (
    patch.object(exchange, "X25519PrivateKey", _Ephemeral),
    patch.object(x509, "random_serial_number", fixed_serial),
):
    _SIDE = Asking(fingerprint(_CA), new_request(_KEY), proof=_TOKEN.key, token=_TOKEN.id)
    _MADE = issue(_CA, _CA_KEY, _KEY.public_key(), ["*"], 1, _NOW)
    _RENEWING = Asking(fingerprint(_CA), new_request(_KEY), proof=_KEY, certificate=_MADE)
    _GIVEN = Answer(_MADE, _CA, (b"x",), ("http://h:1",))
    _ANSWER = answer_to(read_asked(_SIDE.body), _GIVEN, _CA_KEY)

SEEDS: list[bytes] = [
    _SIDE.body,
    _RENEWING.body,
    _ANSWER,
    refusal("no"),
    token_text(_TOKEN).encode(),
]


def fuzz(data: bytes) -> None:
    """Only FormatError may refuse; nothing changed is believed."""
    try:
        request = read_asked(data)
        if data != _SIDE.body and request.is_signed_with(_TOKEN.key.public_key()):
            raise AssertionError("a changed request is believed")
    except FormatError:
        pass
    try:
        if data != _ANSWER and _SIDE.read(data):
            raise AssertionError("a changed answer is believed")
    except FormatError:
        pass
    try:
        token = read_token(data.decode("utf-8", "replace"))
        if read_token(token_text(token)) != token:
            raise AssertionError("a token is written otherwise than it is read")
    except FormatError:
        pass
