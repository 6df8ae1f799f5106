"""Fuzz the extension handshake and the small extension messages (BEP 10, 21, 54)."""

from __future__ import annotations

from contextlib import suppress

from p2pd.base.errors import FormatError
from p2pd.protocols.peerwire.extensions.donthave import encode_donthave, parse_donthave
from p2pd.protocols.peerwire.extensions.registry import ExtensionHandshake, ExtensionRegistry
from p2pd.protocols.peerwire.extensions.upload_only import parse_upload_only

SEEDS: list[bytes] = [
    "d1:md11:LT_metadatai1e7:µT_PEXi2ee1:pi6881e1:v13:µTorrent 1.2e".encode(),
    b"d1:md11:ut_metadatai3ee13:metadata_sizei31235e11:upload_onlyi1ee",
    b"d4:ipv44:\xc0\x00\x02\x074:ipv616:"
    + bytes(16)
    + b"1:m0:4:reqqi250e6:yourip4:\x7f\x00\x00\x01e",
    b"d1:mle1:p1:x1:vi5e6:yourip3:abce",
    b"\x00\x00\x01\x02",
    b"\x01",
]


def fuzz(data: bytes) -> None:
    """Only FormatError may refuse; what is read can be written and read again."""
    with suppress(FormatError):
        if encode_donthave(parse_donthave(data)) != data:
            raise AssertionError("a don't-have message changed on its way")
    with suppress(FormatError):
        parse_upload_only(data)
    try:
        handshake = ExtensionHandshake.parse(data)
    except FormatError:
        return
    registry = ExtensionRegistry({1: "ut_metadata"})
    registry.learn(handshake)
    if ExtensionHandshake.parse(handshake.encode()) != handshake:
        raise AssertionError("a handshake that was read changed on its way back")
