"""Fuzz magnet links: what is read is written and read again unchanged."""

from __future__ import annotations

from p2pd.formats.magnet import MagnetError, parse_magnet

_HASH = b"magnet:?xt=urn:btih:c9e15763f722f23e98a29decdfae341b98d53056"

SEEDS: list[bytes] = [
    _HASH + b"&dn=a+name%20%C3%A9&xl=123&tr=http%3A%2F%2Ft%2Fa&tr.1=udp://u:80&ws=https://w/",
    _HASH + b"&x.pe=127.0.0.1:6881&x.pe=[::1]:6882&x.pe=host.example:1&so=0,2,4,6-8",
    b"magnet:?xt=urn:btih:ZHQVOY7XELZD5GFCTXWN7LRUDOMNKMCW",
    b"magnet:?xt=urn:btmh:1220" + b"caf1" * 16 + b"&xt.1=urn:sha1:YNCKHTQCWBTRNJIV4WNAE52SJUQCZO5C",
]


def fuzz(data: bytes) -> None:
    """Only MagnetError may refuse."""
    try:
        found = parse_magnet(data.decode("utf-8", "surrogateescape"))
    except MagnetError:
        return
    if parse_magnet(found.to_uri()) != found:
        raise AssertionError("the link that was written reads differently")
