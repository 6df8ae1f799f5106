"""The hole-punch messages (BEP 55)."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from p2pd.base.addresses import PeerAddress
from p2pd.base.errors import FormatError
from p2pd.protocols.peerwire.extensions.ut_holepunch import (
    HolepunchError,
    HolepunchKind,
    HolepunchMessage,
    parse,
)

FOUR, SIX = PeerAddress("198.51.100.1", 6881), PeerAddress("2001:db8::1", 258)


def test_the_bytes_are_those_of_bep_55() -> None:
    rendezvous = HolepunchMessage(HolepunchKind.RENDEZVOUS, FOUR)
    assert rendezvous.encode() == bytes.fromhex("00 00 c6336401 1ae1 00000000")
    connect = HolepunchMessage(HolepunchKind.CONNECT, SIX)
    assert connect.encode() == bytes.fromhex("01 01 20010db8000000000000000000000001 0102 00000000")
    error = HolepunchMessage(HolepunchKind.ERROR, FOUR, HolepunchError.NO_SUPPORT)
    assert error.encode() == bytes.fromhex("02 00 c6336401 1ae1 00000003")


@given(
    st.sampled_from(HolepunchKind),
    st.one_of(st.ip_addresses(v=4), st.ip_addresses(v=6)).map(str),
    st.integers(0, 65_535),
    st.integers(0, 2**32 - 1),
)
def test_they_survive_the_wire(kind: HolepunchKind, host: str, port: int, error: int) -> None:
    is_error = kind is HolepunchKind.ERROR
    message = HolepunchMessage(kind, PeerAddress(host, port), error if is_error else 0)
    assert parse(message.encode()) == message


@given(st.binary(max_size=40))
def test_whatever_comes_is_read_or_refused(payload: bytes) -> None:
    try:
        parse(payload)
    except FormatError:
        return


@pytest.mark.parametrize("kind", [HolepunchKind.RENDEZVOUS, HolepunchKind.CONNECT])
def test_the_error_may_be_missing_where_there_is_none(kind: HolepunchKind) -> None:
    message = HolepunchMessage(kind, FOUR)
    assert parse(message.encode()[:-4]) == message
    assert parse(message.encode()[:-4] + b"\0\0\0\7") == message


def test_an_ipv4_address_in_ipv6_is_sent_back_as_it_came() -> None:
    payload = bytes.fromhex("00 01") + bytes(10) + b"\xff\xff\xc6\x33\x64\x01\x1a\xe1" + bytes(4)
    message = parse(payload)
    assert message is not None
    error = message._replace(kind=HolepunchKind.ERROR, error=1)
    assert error.encode() == b"\x02" + payload[1:-1] + b"\x01"


def test_a_kind_of_the_future_is_none() -> None:
    assert parse(b"\x03" + HolepunchMessage(HolepunchKind.CONNECT, FOUR).encode()[1:]) is None


@pytest.mark.parametrize(
    ("payload", "words"),
    [
        (b"", "unknown kind of address"),
        (b"\0", "unknown kind of address"),
        (b"\0\2" + bytes(10), "unknown kind of address"),
        (b"\0\0" + bytes(9), "cannot have 11 bytes"),
        (b"\0\0" + bytes(11), "cannot have 13 bytes"),
        (b"\0\1" + bytes(10), "cannot have 12 bytes"),
    ],
)
def test_what_is_no_such_message_is_refused_in_words(payload: bytes, words: str) -> None:
    with pytest.raises(FormatError, match=words):
        parse(payload)
