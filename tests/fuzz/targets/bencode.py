"""Fuzz bencode: whatever decodes is canonical, and all ways in agree about it."""

from __future__ import annotations

from contextlib import suppress

from p2pd.formats import bencode
from p2pd.formats.bencode import BencodeError

SEEDS: list[bytes] = [
    b"d3:cow3:moo4:spaml1:a1:bee",
    b"d1:ad2:id20:abcdefghij0123456789e1:q4:ping1:t2:aa1:y1:qe",
    b"d8:msg_typei1e5:piecei0e10:total_sizei34256eexxxxxxxx",
    b"d8:announce9:udp://a:14:infod6:lengthi5e4:name1:nee",
    b"d1:b0:1:ad1:z0:1:y0:ee",
    b"li-42ei0e0:e",
    b"i-0e",
    b"l" * 70 + b"e" * 70,
]


def fuzz(data: bytes) -> None:
    """Only BencodeError may refuse; two readings of the same bytes never differ."""
    for attempt in (bencode.decode_torrent, lambda raw: bencode.decode(raw, strict_order=False)):
        with suppress(BencodeError):
            attempt(data)
    try:
        value, end = bencode.decode_prefix(data)
    except BencodeError:
        return
    if bencode.encode(value) != data[:end] or bencode.decode(data[:end]) != value:
        raise AssertionError("a value that was read is not canonical")
