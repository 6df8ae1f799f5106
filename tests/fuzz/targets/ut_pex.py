"""Fuzz peer exchange messages (BEP 11), and what is believed of them."""

from __future__ import annotations

from p2pd.base.addresses import PeerAddress
from p2pd.base.errors import FormatError
from p2pd.discovery.pex.heard import MOST_AT_FIRST, Heard
from p2pd.protocols.peerwire.extensions.ut_pex import PexMessage, PexPeer, parse

_ONE, _SIX = PeerAddress("198.51.100.1", 6881), PeerAddress("2001:db8::1", 6881)

SEEDS: list[bytes] = [
    PexMessage((PexPeer(_ONE, 0x12), PexPeer(_SIX, 4)), ()).encode(),
    PexMessage((), (_ONE, _SIX)).encode(),
    PexMessage((PexPeer(_ONE, 0),), (_SIX,)).encode(),
    b"d5:added0:7:added.f0:7:dropped0:e",
    b"d6:added618:" + bytes(10) + b"\xff\xff\xc6\x33\x64\x01\x1a\xe18:added6.f1:\x02e",
]


def fuzz(data: bytes) -> None:
    """Only FormatError may refuse; what is read survives the wire, and little of it is believed."""
    try:
        message = parse(data)
    except FormatError:
        return
    if parse(message.encode()) != message:
        raise AssertionError("a peer exchange message changed on its way")
    believed = Heard("203.0.113.7", 0.0).believed(message, {_ONE})
    if len(believed) > MOST_AT_FIRST or any(peer.address == _ONE for peer in believed):
        raise AssertionError("too much was believed")
