"""lt_donthave (BEP 54) and upload_only (BEP 21)."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from p2pd.base.errors import FormatError
from p2pd.protocols.peerwire.extensions.donthave import encode_donthave, parse_donthave
from p2pd.protocols.peerwire.extensions.upload_only import encode_upload_only, parse_upload_only
from p2pd.protocols.peerwire.messages import Extended, encode


def test_donthave_is_the_message_of_bep_54() -> None:
    assert encode(Extended(7, encode_donthave(258))) == bytes.fromhex("00000006 14 07 00000102")


@given(st.integers(0, 2**32 - 1))
def test_donthave_survives_the_wire(piece: int) -> None:
    assert parse_donthave(encode_donthave(piece)) == piece


@pytest.mark.parametrize("payload", [b"", b"abc", b"abcde"])
def test_donthave_of_another_size_is_refused(payload: bytes) -> None:
    with pytest.raises(FormatError, match=f"4 bytes, not {len(payload)}"):
        parse_donthave(payload)


@pytest.mark.parametrize(("payload", "expected"), [(b"\0", False), (b"\1", True), (b"\xff", True)])
def test_upload_only_is_one_byte(payload: bytes, expected: bool) -> None:
    assert parse_upload_only(payload) is expected
    assert parse_upload_only(encode_upload_only(expected)) is expected


@pytest.mark.parametrize("payload", [b"", b"\0\1"])
def test_upload_only_of_another_size_is_refused(payload: bytes) -> None:
    with pytest.raises(FormatError, match=f"1 byte, not {len(payload)}"):
        parse_upload_only(payload)
