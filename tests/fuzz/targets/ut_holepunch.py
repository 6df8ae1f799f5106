"""Fuzz hole-punch messages (BEP 55)."""

from __future__ import annotations

from p2pd.base.addresses import PeerAddress
from p2pd.base.errors import FormatError
from p2pd.protocols.peerwire.extensions.ut_holepunch import HolepunchKind, HolepunchMessage, parse

_FOUR, _SIX = PeerAddress("198.51.100.1", 6881), PeerAddress("2001:db8::1", 258)

SEEDS: list[bytes] = [
    HolepunchMessage(HolepunchKind.RENDEZVOUS, _FOUR).encode(),
    HolepunchMessage(HolepunchKind.CONNECT, _SIX).encode(),
    HolepunchMessage(HolepunchKind.ERROR, _FOUR, 4).encode(),
    HolepunchMessage(HolepunchKind.CONNECT, _FOUR).encode()[:-4],
]


def fuzz(data: bytes) -> None:
    """Only FormatError may refuse; what is read survives the wire."""
    try:
        message = parse(data)
    except FormatError:
        return
    if message is not None and parse(message.encode()) != message:
        raise AssertionError("a hole-punch message changed on its way")
