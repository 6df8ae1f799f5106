"""Fuzz what peers tell each other of revocation lists."""

from __future__ import annotations

from p2pd.base.errors import FormatError
from p2pd.protocols.peerwire.extensions.p2pd_crl import (
    LARGEST,
    NO_LIST,
    ListHeld,
    ListSent,
    ListVersion,
    ListWanted,
    parse,
)

_VERSION = ListVersion(12, 1_777_000_000)
SEEDS: list[bytes] = [
    ListHeld(_VERSION).encode(),
    ListHeld(NO_LIST).encode(),
    ListHeld(ListVersion(LARGEST, LARGEST)).encode(),
    ListWanted().encode(),
    ListSent(_VERSION, b"0\x82\x01\x02" + bytes(40)).encode(),
    b"d8:msg_typei7ee",
]


def fuzz(data: bytes) -> None:
    """Only FormatError may refuse; what is read survives the wire."""
    try:
        message = parse(data)
    except FormatError:
        return
    if message is not None and parse(message.encode()) != message:
        raise AssertionError("a message changed on its way")
