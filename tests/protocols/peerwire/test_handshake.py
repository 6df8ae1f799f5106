"""The handshake: its 68 bytes, its bits, and what is refused."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from p2pd.base.errors import FormatError
from p2pd.protocols.peerwire.handshake import Handshake, check_prefix, our_reserved

INFO_HASH = bytes(range(20))
PEER_ID = b"-PD0100-abcdefghijkl"


def test_the_bytes_are_those_of_bep_3() -> None:
    raw = Handshake(INFO_HASH, PEER_ID, bytes(8)).encode()
    assert raw == b"\x13BitTorrent protocol" + bytes(8) + INFO_HASH + PEER_ID
    assert len(raw) == 68


@given(st.binary(min_size=20, max_size=20), st.binary(min_size=20, max_size=20),
       st.binary(min_size=8, max_size=8))  # fmt: skip
def test_it_survives_the_wire(info_hash: bytes, peer_id: bytes, reserved: bytes) -> None:
    handshake = Handshake(info_hash, peer_id, reserved)
    assert Handshake.parse(handshake.encode()) == handshake


@pytest.mark.parametrize(
    ("byte", "bit", "name"),
    [
        (5, 0x10, "supports_extensions"),
        (7, 0x04, "supports_fast"),
        (7, 0x01, "supports_dht"),
        (7, 0x10, "supports_v2"),
    ],
)
def test_each_bit_is_where_bep_4_has_it(byte: int, bit: int, name: str) -> None:
    alone = bytearray(8)
    alone[byte] = bit
    others = bytearray(b"\xff" * 8)
    others[byte] ^= bit
    assert getattr(Handshake(INFO_HASH, PEER_ID, bytes(alone)), name) is True
    assert getattr(Handshake(INFO_HASH, PEER_ID, bytes(others)), name) is False


def test_we_offer_what_we_speak() -> None:
    assert our_reserved() == bytes.fromhex("0000000000100004")
    assert our_reserved(v2=True) == bytes.fromhex("0000000000100014")
    assert our_reserved(dht=True) == bytes.fromhex("0000000000100005")


def test_another_protocol_is_refused() -> None:
    with pytest.raises(FormatError, match="does not begin with the BitTorrent handshake"):
        Handshake.parse(b"GET / HTTP/1.1\r\n".ljust(68, b"x"))


def test_another_protocol_is_refused_at_its_first_wrong_byte() -> None:
    check_prefix(b"\x13BitTorrent")
    with pytest.raises(FormatError):
        check_prefix(b"\x13BitTorrenT")


@pytest.mark.parametrize("size", [0, 20, 67, 69])
def test_another_size_is_refused(size: int) -> None:
    raw = Handshake(INFO_HASH, PEER_ID, bytes(8)).encode() + b"x"
    with pytest.raises(FormatError, match=f"has 68 bytes, not {size}"):
        Handshake.parse(raw[:size])


def test_fields_of_another_size_are_refused() -> None:
    with pytest.raises(FormatError, match="20, 20 and 8"):
        Handshake(bytes(32), PEER_ID, bytes(8))
