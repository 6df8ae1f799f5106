"""The signatures in a torrent (BEP 35): who vouches for its info dictionary.

They are read and written as they are; whether one is right is for x509/torrent_signing.py to say.
What is no signature, or beyond the bounds, is left out, as all that does not belong to the info
dictionary is.
"""

from __future__ import annotations

from typing import Any, Iterable, NamedTuple

from p2pd.formats import bencode

MAX_SIGNATURES = 8
MAX_NAME = 255
"""Bytes."""
MAX_SIGNATURE = 2048
MAX_CERTIFICATE = 16 * 1024
MAX_INFO = 16 * 1024


class TorrentSignature(NamedTuple):
    """One signature. `name` says whose it claims to be, in reverse DNS notation by custom.

    `certificate` is in DER, None if whoever checks it is to have it; `info` is a bencoded
    dictionary that is signed, too, empty if there is none.
    """

    name: str
    signature: bytes
    certificate: bytes | None = None
    info: bytes = b""

    def signed_bytes(self, info_bytes: bytes) -> bytes:
        """What is signed, for a torrent with this info dictionary."""
        return info_bytes + self.info


def parse_signatures(value: Any) -> tuple[TorrentSignature, ...]:
    """Those in the value of ``signatures``, decoded; by name, as they were."""
    found: list[TorrentSignature] = []
    for name, told in value.items() if isinstance(value, dict) else ():
        signature = _signature(name, told) if isinstance(told, dict) else None
        if signature is not None and len(found) < MAX_SIGNATURES:
            found.append(signature)
    return tuple(sorted(found, key=lambda each: each.name.encode()))


def signatures_value(signatures: Iterable[TorrentSignature]) -> dict[bytes, Any] | None:
    """The value of ``signatures``, to be encoded; None if there are none. A name counts once."""
    return {each.name.encode(): _told(each) for each in signatures} or None


def _signature(name: bytes, told: dict[bytes, Any]) -> TorrentSignature | None:
    text = name.decode("utf-8", "ignore")
    signature = _bytes(told, b"signature", MAX_SIGNATURE)
    info = told.get(b"info")
    raw = bencode.encode(info) if isinstance(info, dict) else b""
    if not signature or not name or len(name) > MAX_NAME or text.encode() != name:
        return None
    if len(raw) > MAX_INFO or (info is not None and not raw):
        return None
    certificate = _bytes(told, b"certificate", MAX_CERTIFICATE)
    if certificate is None and b"certificate" in told:
        return None
    return TorrentSignature(text, signature, certificate, raw)


def _bytes(told: dict[bytes, Any], key: bytes, most: int) -> bytes | None:
    value = told.get(key)
    return value if isinstance(value, bytes) and 0 < len(value) <= most else None


def _told(each: TorrentSignature) -> dict[bytes, Any]:
    told: dict[bytes, Any] = {b"signature": each.signature}
    if each.certificate is not None:
        told[b"certificate"] = each.certificate
    if each.info:
        told[b"info"] = bencode.decode(each.info, max_size=MAX_INFO)
    return told
