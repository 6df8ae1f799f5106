"""Fuzz magnet links that name an owner: what is read is written and read again unchanged."""

from __future__ import annotations

from p2pd.formats.magnet import MagnetError
from p2pd.formats.mutable_link import parse_mutable_link

_LINK = b"magnet:?xs=urn:btpk:8543d3e6115f0f98c944077a4493dcd543e49c739fd998550a1f614ab36ed63e"
_HASH = b"xt=urn:btih:c9e15763f722f23e98a29decdfae341b98d53056"

SEEDS: list[bytes] = [
    _LINK + b"&s=6e",
    _LINK + b"&" + _HASH + b"&tr=http%3A%2F%2Ft%2Fa&x.pe=127.0.0.1:6881&dn=a",
    b"magnet:?xt.1=urn:x:y&xs.2=URN:BTPK:" + b"00" * 32 + b"&so=1,2&xl=5&s=",
]


def fuzz(data: bytes) -> None:
    """Only MagnetError may refuse."""
    try:
        found = parse_mutable_link(data.decode("utf-8", "surrogateescape"))
    except MagnetError:
        return
    if found is None:
        return
    again = parse_mutable_link(found.to_uri())
    if again is None or (again.public_key, again.salt) != (found.public_key, found.salt):
        raise AssertionError("the link that was written reads differently")
