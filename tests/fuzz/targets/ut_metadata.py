"""Fuzz metadata messages and their assembly (BEP 9)."""

from __future__ import annotations

from hashlib import sha1

from p2pd.base.errors import FormatError
from p2pd.base.ids import InfoHashes
from p2pd.protocols.peerwire.extensions.ut_metadata import (
    MetadataAssembly,
    MetadataData,
    MetadataReject,
    MetadataRequest,
    parse,
)

_INFO = b"d6:lengthi1e4:name1:a12:piece lengthi16384e6:pieces20:" + bytes(20) + b"e"
_HASHES = InfoHashes(v1=sha1(_INFO).digest())

SEEDS: list[bytes] = [
    MetadataRequest(0).encode(),
    MetadataReject(3).encode(),
    MetadataData(0, len(_INFO), _INFO).encode(),
    MetadataData(1, 16484, b"x" * 100).encode(),
    b"d8:msg_typei7e5:piecei0ee",
    b"d8:msg_typei1e5:piecei0e10:total_sizei3425ee",
]


def fuzz(data: bytes) -> None:
    """Only FormatError may refuse, and only bytes with the info-hash are ever accepted."""
    assembly = MetadataAssembly(_HASHES)
    try:
        message = parse(data)
        if message is None:
            return
        if parse(message.encode()) != message:
            raise AssertionError("a metadata message changed on its way")
        info = assembly.add("peer", message) if isinstance(message, MetadataData) else None
    except FormatError:
        return
    if info is not None and info != _INFO:
        raise AssertionError("metadata without the info-hash was accepted")
    if not 0 <= assembly.progress <= 1:
        raise AssertionError("progress beyond its bounds")
