"""HTTP with devices: requests byte for byte, and answers however they come."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from p2pd.protocols.nat.device_http import (
    LONGEST_BODY,
    LONGEST_HEAD,
    AnswerReader,
    device_url,
)
from p2pd.protocols.nat.mapping import NatFormatError


def test_a_request_is_one_block_of_bytes():
    url = device_url("http://192.168.1.1/a b?c=d#e".replace(" ", "%20"), "192.168.1.1")
    assert url.request("GET", {"X": "y"}) == (
        b"GET /a%20b?c=d HTTP/1.1\r\nHost: 192.168.1.1:80\r\nX: y\r\nConnection: close\r\n\r\n"
    )
    assert device_url("http://[fe80::1]:2869/x", "fe80::1").text == "http://[fe80::1]:2869/x"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("http://192.168.1.2/", "another host"),
        ("http://router.lan/", "no sense"),
        ("https://192.168.1.1/", "no plain http"),
        ("http://a:b@192.168.1.1/", "no plain http"),
        ("http://192.168.1.1:0x50/", "no sense"),
        ("http://192.168.1.1/\r\nX: y", "signs"),
        ("http://192.168.1.1/é", "signs"),
        ("http://192.168.1.1/" + "a" * 1024, "too long"),
        ("http:///x", "no sense"),
        ("http://[::1/", "no sense"),
    ],
)
def test_a_url_that_leads_elsewhere_is_refused(text, words):
    with pytest.raises(NatFormatError, match=words):
        device_url(text, "192.168.1.1")


def read(*parts, end=True):
    reader = AnswerReader()
    for part in parts:
        reader.receive_data(part)
    if end:
        reader.end()
    assert reader.complete
    return reader.status, reader.body


@pytest.mark.parametrize("size", [1, 2, 7, 1000])
@pytest.mark.parametrize(
    "data",
    [
        b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello and more",
        b"HTTP/1.0 200 OK\n\nhello",
        b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\ncontent-length:5\r\n\r\nhello",
        b"HTTP/1.1 200\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nhel\r\n2;x=y\r\nlo\r\n0\r\n\r\n",
    ],
)
def test_an_answer_is_read_in_any_pieces(data, size):
    assert read(*(data[at : at + size] for at in range(0, len(data), size))) == (200, b"hello")


def test_one_with_a_length_is_complete_without_an_end():
    assert read(b"HTTP/1.1 500 No\r\nContent-Length: 2\r\n\r\nno", end=False) == (500, b"no")


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"HTTP/1.1 200 OK\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhell",
        b"HTTP/1.1 200 OK\r\nContent-Length: -5\r\n\r\nhello",
        b"HTTP/1.1 200 OK\r\nContent-Length: 999999999\r\n\r\nhello",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nhel\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nxyz\r\nhel\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + b"1" * 400,
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nffffffff\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + b"7000\r\n" + b"a" * 0x7000
        + (b"\r\n7000\r\n" + b"a" * 0x7000) * 4,
        b"HTTP/1.1 100 Continue\r\n\r\n",
        b"SSH-2.0-x\r\n\r\n",
        b"HTTP/1.1 200 OK\r\n" + b"A: b\r\n" * 4000,
        b"a" * (LONGEST_HEAD + 1),
        b"HTTP/1.1 200 OK\r\n\r\n" + b"a" * (LONGEST_BODY + 1),
    ],
)  # fmt: skip
def test_what_is_no_answer_or_too_long_is_refused(data):
    with pytest.raises(NatFormatError):
        read(data)


@given(st.lists(st.binary(max_size=50), max_size=5))
def test_any_bytes_are_read_or_refused(parts):
    reader = AnswerReader()
    words = ""
    try:
        reader.receive_data(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
        for part in parts:
            reader.receive_data(part)
        reader.end()
    except NatFormatError as problem:
        words = str(problem)
    assert words.isprintable()
