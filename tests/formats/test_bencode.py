"""Bencode: what is canonical passes, all else is refused in words, with either library."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from p2pd.formats import bencode
from p2pd.formats.bencode import BencodeError

VALUES = st.recursive(
    st.integers() | st.binary(max_size=40),
    lambda inner: (
        st.lists(inner, max_size=5) | st.dictionaries(st.binary(max_size=9), inner, max_size=5)
    ),
    max_leaves=20,
)


@pytest.fixture(params=["bencodepy", "bencode2"], autouse=True)
def library(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """Each test runs with both libraries, the second only where it is installed."""
    if request.param == "bencodepy":
        monkeypatch.setattr(bencode, "bencode2", None)
    else:
        pytest.importorskip("bencode2")
    return request.param


CANONICAL = [
    (b"i0e", 0),
    (b"i-3e", -3),
    (b"i123456789012345678901234567890e", 123456789012345678901234567890),
    (b"0:", b""),
    (b"4:spam", b"spam"),
    (b"le", []),
    (b"l4:spam4:eggse", [b"spam", b"eggs"]),
    (b"d3:cow3:moo4:spaml1:a1:bee", {b"cow": b"moo", b"spam": [b"a", b"b"]}),
]


@pytest.mark.parametrize(("data", "value"), CANONICAL)
def test_canonical_values_are_read_and_written(data: bytes, value: Any) -> None:
    assert bencode.decode(data) == value
    assert bencode.decode(memoryview(data)) == value
    assert bencode.encode(value) == data


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"", "no bytes"),
        (b"i-0e", "not canonical"),
        (b"i03e", "not canonical"),
        (b"i+5e", "not canonical"),
        (b"i1_0e", "not canonical"),
        (b"i 5e", "not canonical"),
        (b"i5", "not canonical or cut off"),
        (b"ie", "not canonical"),
        (b"i" + b"9" * 5000 + b"e", "not canonical"),
        (b"01:a", "not canonical"),
        (b"-1:a", "no bencoded value"),
        (b"5:spam", "cut off"),
        (b"99999999999999999999:a", "not canonical"),
        (b"4spam", "not canonical"),
        (b"l", "cut off"),
        (b"e", "end without a value"),
        (b"i1ei2e", "3 bytes follow"),
        (b"d1:ae", "end without a value"),
        (b"di1e1:ae", "key is no string"),
        (b"dlee", "key is no string"),
        (b"d1:ai1e", "key is no string|cut off"),
        (b"d1:b0:1:a0:e", "out of order"),
        (b"d1:a0:1:a0:e", "twice"),
        (b"x", "no bencoded value"),
    ],
)
def test_anything_else_is_refused_in_words(data: bytes, words: str) -> None:
    with pytest.raises(BencodeError, match=words):
        bencode.decode(data)


def test_depth_is_bounded_at_64() -> None:
    assert bencode.decode(b"l" * 64 + b"e" * 64)
    for depth in (65, 5000, 1_000_000):
        with pytest.raises(BencodeError, match="deeper"):
            bencode.decode(b"l" * depth + b"e" * depth)


def test_size_is_bounded() -> None:
    assert bencode.decode(b"3:abc", max_size=5) == b"abc"
    with pytest.raises(BencodeError, match="more than the 4"):
        bencode.decode(b"3:abc", max_size=4)
    with pytest.raises(BencodeError, match="more than the 4"):
        bencode.decode_prefix(b"3:abc", max_size=4)


def test_only_the_order_of_keys_can_be_forgiven() -> None:
    assert bencode.decode(b"d1:b0:1:ad1:z0:1:y0:ee", strict_order=False) == {
        b"b": b"",
        b"a": {b"z": b"", b"y": b""},
    }
    for data in (b"d1:b0:1:a0:1:b0:e", b"d1:b0:1:a03:abce", b"d1:b0:1:a0:"):
        with pytest.raises(BencodeError):
            bencode.decode(data, strict_order=False)


def test_a_prefix_ends_where_its_value_ends() -> None:
    message = b"d8:msg_typei1e5:piecei0e10:total_sizei5ee"
    value, end = bencode.decode_prefix(message + b"\x00ei9e")
    assert value == {b"msg_type": 1, b"piece": 0, b"total_size": 5}
    assert end == len(message)
    with pytest.raises(BencodeError):
        bencode.decode_prefix(b"d8:msg_type")


def test_the_span_of_info_is_its_raw_bytes() -> None:
    data = b"d8:announce3:udp4:infod1:z1:b1:a1:ce1:zi1ee"
    value, (start, end) = bencode.decode_torrent(data)
    assert data[start:end] == b"d1:z1:b1:a1:ce"
    assert value[b"info"] == {b"z": b"b", b"a": b"c"}


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"<html>", "something else"),
        (b"le", "something else"),
        (b"de", "no info"),
        (b"d4:infoi1ee", "no info"),
        (b"d4:infode4:infodee", "twice"),
        (b"d4:infode", "key is no string|cut off"),
        (b"d4:infodeeX", "1 bytes follow"),
        (b"d4:info", "cut off"),
        (b"di1e4:infodee", "key is no string"),
        (b"d9:info", "cut off"),
    ],
)
def test_what_is_no_torrent_is_refused(data: bytes, words: str) -> None:
    with pytest.raises(BencodeError, match=words):
        bencode.decode_torrent(data)


@pytest.mark.parametrize("value", [1.5, None, {1: 2}, [object()]])
def test_other_types_cannot_be_encoded(value: Any) -> None:
    with pytest.raises(BencodeError):
        bencode.encode(value)


@given(VALUES)
def test_what_is_encoded_decodes_to_itself(value: Any) -> None:
    data = bencode.encode(value)
    assert bencode.decode(data) == value
    assert bencode.decode_prefix(data + b"i7e") == (value, len(data))


@given(st.binary(max_size=60) | st.text("dlei0123456789:-ab", max_size=40).map(str.encode))
def test_whatever_decodes_is_canonical(data: bytes) -> None:
    try:
        value = bencode.decode(data)
    except BencodeError:
        return
    assert bencode.encode(value) == data


@given(st.text("dlei0123:-a", max_size=30).map(str.encode))
def test_both_libraries_take_the_same_bytes(data: bytes) -> None:
    outcomes = []
    for library in (pytest.importorskip("bencode2"), None):
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(bencode, "bencode2", library)
            try:
                outcomes.append(repr(bencode.decode(data)))
            except BencodeError as error:
                outcomes.append(str(error))
    assert outcomes[0] == outcomes[1]
