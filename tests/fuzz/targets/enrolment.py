"""Fuzz what nodes say to each other for certificates, and tokens."""

from __future__ import annotations

from datetime import UTC, datetime

from p2pd.base.errors import FormatError
from p2pd.formats.x509.swarm_ca import fingerprint, issue, new_ca, new_key, new_request
from p2pd.protocols.enrolment.exchange import Answer, Asking, answer_to, read_asked, refusal
from p2pd.protocols.enrolment.token import new_token, read_token, token_text

_NOW = datetime(2026, 5, 1, tzinfo=UTC)
_CA, _CA_KEY = new_ca("films", 100, _NOW)
_KEY = new_key()
_TOKEN = new_token(["http://10.0.0.5:9091"], fingerprint(_CA))
_SIDE = Asking(fingerprint(_CA), new_request(_KEY), proof=_TOKEN.key, token=_TOKEN.id)
_MADE = issue(_CA, _CA_KEY, _KEY.public_key(), ["*"], 1, _NOW)
_RENEWING = Asking(fingerprint(_CA), new_request(_KEY), proof=_KEY, certificate=_MADE)

SEEDS: list[bytes] = [
    _SIDE.body,
    _RENEWING.body,
    answer_to(read_asked(_SIDE.body), Answer(_MADE, _CA, (b"x",), ("http://h:1",)), _CA_KEY),
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
        if data != SEEDS[2] and _SIDE.read(data):
            raise AssertionError("a changed answer is believed")
    except FormatError:
        pass
    try:
        token = read_token(data.decode("utf-8", "replace"))
        if read_token(token_text(token)) != token:
            raise AssertionError("a token is written otherwise than it is read")
    except FormatError:
        pass
