"""Fuzz the signatures of torrents (BEP 35): what is read survives, and nobody else's is right."""

from __future__ import annotations

from datetime import UTC, datetime

from p2pd.base.errors import FormatError
from p2pd.formats import bencode
from p2pd.formats.torrent_signatures import parse_signatures, signatures_value
from p2pd.formats.x509.torrent_signing import SignedInfo, sign
from tests.fuzz.fixed_certificates import fixed_authority, fixed_key

_INFO = b"d6:lengthi1e4:name1:x12:piece lengthi16384e6:pieces20:" + b"p" * 20 + b"e"
_NOW = datetime(2026, 6, 1, tzinfo=UTC)
_KEY = fixed_key(b"m")
_CERTIFICATE = fixed_authority("me", _KEY, _NOW)
_SIGNED = sign(b"d4:info" + _INFO + b"e", _CERTIFICATE, _KEY)
_RIGHT = parse_signatures(bencode.decode_torrent(_SIGNED)[0][b"signatures"])[0]
_NOBODY = fixed_key(b"n").sign(_INFO)

SEEDS: list[bytes] = [
    bencode.encode(signatures_value([_RIGHT])),
    bencode.encode(signatures_value([_RIGHT._replace(certificate=None, info=b"d1:xi1ee")])),
    bencode.encode({b"n": {b"signature": _NOBODY}}),
]


def fuzz(data: bytes) -> None:
    """Nothing may be raised but by what reads the bencode."""
    try:
        value = bencode.decode(data)
    except FormatError:
        return
    found = parse_signatures(value)
    if parse_signatures(signatures_value(found)) != found:
        raise AssertionError("a signature changed when it was written")
    info = SignedInfo(_INFO)
    for each in found:
        verdict = info.check(each, [_CERTIFICATE], _NOW)
        if verdict.trusted and not verdict.valid:
            raise AssertionError("what is wrong is trusted")
        if verdict.trusted and each.info:
            raise AssertionError("a signature of something else is right")
