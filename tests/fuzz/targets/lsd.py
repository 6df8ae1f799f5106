"""Fuzz local announces (BEP 14)."""

from __future__ import annotations

from p2pd.base.errors import FormatError
from p2pd.protocols.lsd import MOST_HASHES, MOST_READ, LsdAnnounce, parse

_ONE, _TWO = bytes(range(20)), bytes(range(100, 120))

SEEDS: list[bytes] = [
    LsdAnnounce(6881, (_ONE,), "7f").encode(ipv6=False),
    LsdAnnounce(65535, (_ONE, _TWO)).encode(ipv6=True),
    b"BT-SEARCH * HTTP/1.0\nport:1\ninfohash:" + b"ab" * 20 + b"\ncookie:\xff\n\n",
]


def fuzz(data: bytes) -> None:
    """Only FormatError may refuse; what is read survives the wire."""
    try:
        announce = parse(data)
    except FormatError:
        return
    if not 0 < announce.port < 65536 or not 0 < len(announce.info_hashes) <= MOST_READ:
        raise AssertionError("a local announce beyond its bounds")
    if len(announce.info_hashes) <= MOST_HASHES and announce.cookie.isalnum():
        again = parse(announce.encode(ipv6=True))
        if again.port != announce.port or again.info_hashes != announce.info_hashes:
            raise AssertionError("a local announce changed on its way")
