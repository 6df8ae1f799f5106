"""Local announces (BEP 14): their bytes, and what is not read of them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from p2pd.base.errors import FormatError
from p2pd.protocols import lsd
from p2pd.protocols.lsd import LsdAnnounce, parse

ONE, TWO = bytes(range(20)), bytes(range(100, 120))
HASH = st.binary(min_size=20, max_size=20).filter(any)


def test_the_bytes_are_those_of_bep_14() -> None:
    assert LsdAnnounce(6881, (ONE,), "1f").encode(ipv6=False) == (
        b"BT-SEARCH * HTTP/1.1\r\n"
        b"Host: 239.192.152.143:6771\r\n"
        b"Port: 6881\r\n"
        b"Infohash: 000102030405060708090a0b0c0d0e0f10111213\r\n"
        b"cookie: 1f\r\n"
        b"\r\n\r\n"
    )


def test_the_group_of_ipv6_is_in_brackets_and_the_cookie_is_optional() -> None:
    data = LsdAnnounce(6881, (ONE, TWO)).encode(ipv6=True)
    assert b"\r\nHost: [ff15::efc0:988f]:6771\r\n" in data
    assert data.count(b"Infohash: ") == 2
    assert b"cookie" not in data


@given(
    st.integers(1, 65_535),
    st.lists(HASH, min_size=1, max_size=lsd.MOST_HASHES, unique=True),
    st.text("0123456789abcdef-", max_size=lsd.MAX_COOKIE),
    st.booleans(),
)
def test_it_survives_the_wire_in_one_frame(
    port: int, hashes: list[bytes], cookie: str, ipv6: bool
) -> None:
    announce = LsdAnnounce(port, tuple(hashes), cookie)
    data = announce.encode(ipv6=ipv6)
    assert len(data) <= lsd.MAX_PACKET
    assert parse(data) == announce


@given(st.binary(max_size=400))
def test_whatever_comes_is_read_or_refused(data: bytes) -> None:
    try:
        parse(b"BT-SEARCH * HTTP/1.1\r\n" + data)
    except FormatError:
        return


def test_other_clients_write_it_otherwise() -> None:
    data = (
        b"bt-search * HTTP/1.1\nHOST:239.192.152.143:6771\nX-Else: 1\nport:  6881 \n"
        b"INFOHASH:000102030405060708090A0B0C0D0E0F10111213\nInfohash: " + TWO.hex().encode()
    )
    assert parse(data) == LsdAnnounce(6881, (ONE, TWO))


def test_info_hashes_that_cannot_be_one_are_left_out() -> None:
    lines = [b"00" * 20, b"zz" * 20, b"ab" * 19, b"ab" * 32, ONE.hex().encode(), ONE.hex().encode()]
    data = b"BT-SEARCH * HTTP/1.1\r\nPort: 1\r\n" + b"".join(
        b"Infohash: " + line + b"\r\n" for line in lines
    )
    assert parse(data).info_hashes == (ONE,)


def test_only_so_many_are_read() -> None:
    hashes = b"".join(b"Infohash: %040x\r\n" % number for number in range(1, 150))
    read = parse(b"BT-SEARCH * HTTP/1.1\r\nPort: 1\r\n" + hashes)
    assert len(read.info_hashes) == lsd.MOST_READ


def test_a_cookie_that_is_too_long_is_none() -> None:
    data = LsdAnnounce(1, (ONE,), "a" * (lsd.MAX_COOKIE + 1)).encode(ipv6=False)
    assert parse(data).cookie == ""


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"", "no local announce"),
        (b"M-SEARCH * HTTP/1.1\r\nPort: 1\r\n", "no local announce"),
        (b"BT-SEARCH * HTTP/1.1\r\n\r\n", "has no port"),
        (b"BT-SEARCH * HTTP/1.1\r\nPort: 1\r\n\r\n", "no info-hash"),
        (b"BT-SEARCH * HTTP/1.1\r\nPort: 0\r\n\r\n", "not in 1..65535"),
        (b"BT-SEARCH * HTTP/1.1\r\nPort: 65536\r\n\r\n", "not in 1..65535"),
        (b"BT-SEARCH * HTTP/1.1\r\nPort: -1\r\n\r\n", "not in 1..65535"),
        (b"BT-SEARCH * HTTP/1.1\r\nPort: " + b"1" * 5000 + b"\r\n\r\n", "not in 1..65535"),
        (b"BT-SEARCH * HTTP/1.1\r\nPort: \xb2\r\n\r\n", "not in 1..65535"),
        (b"BT-SEARCH * HTTP/1.1\r\n" + bytes(lsd.MAX_READ), "bytes"),
    ],
)
def test_what_is_none_is_refused_in_words(data: bytes, words: str) -> None:
    with pytest.raises(FormatError, match=words):
        parse(data)


def test_what_follows_the_headers_is_not_read() -> None:
    data = LsdAnnounce(1, (ONE,)).encode(ipv6=False) + b"Infohash: " + TWO.hex().encode()
    assert parse(data).info_hashes == (ONE,)
