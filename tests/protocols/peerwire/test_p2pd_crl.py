"""The p2pd_crl messages: what is written is read, and what is wrong is refused."""

from __future__ import annotations

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from p2pd.base.errors import FormatError
from p2pd.formats import bencode
from p2pd.formats.x509 import revocation
from p2pd.protocols.peerwire.extensions import p2pd_crl
from p2pd.protocols.peerwire.extensions.p2pd_crl import (
    LARGEST,
    MAX_LIST,
    NO_LIST,
    ListHeld,
    ListSent,
    ListVersion,
    ListWanted,
    parse,
)

numbers = st.integers(0, LARGEST)
versions = st.builds(ListVersion, numbers, numbers)
real_versions = st.builds(ListVersion, st.integers(1, LARGEST), numbers)
messages = st.one_of(
    st.builds(ListHeld, versions),
    st.just(ListWanted()),
    st.builds(ListSent, real_versions, st.binary(min_size=1, max_size=300)),
)


@given(messages)
def test_what_is_written_is_read(message: ListHeld | ListWanted | ListSent) -> None:
    assert parse(message.encode()) == message


@given(st.binary(max_size=200))
def test_bytes_are_read_or_refused_in_words(payload: bytes) -> None:
    with contextlib.suppress(FormatError):
        parse(payload)


def test_the_vectors_of_the_page() -> None:
    assert ListHeld(NO_LIST).encode() == b"d4:madei0e8:msg_typei0e6:numberi0ee"
    assert ListWanted().encode() == b"d8:msg_typei1ee"
    sent = ListSent(ListVersion(3, 5), b"0\x03der")
    assert sent.encode() == b"d4:madei5e8:msg_typei2e6:numberi3ee0\x03der"


def test_the_longest_list_fits_and_no_longer_one_does() -> None:
    assert MAX_LIST == revocation.MAX_LIST
    longest = ListSent(ListVersion(LARGEST, LARGEST), bytes(MAX_LIST))
    assert parse(longest.encode()) == longest
    with pytest.raises(FormatError, match="too long"):
        parse(longest.encode() + b"x")
    with pytest.raises(FormatError, match="too long"):
        parse(bytes(p2pd_crl.MAX_HEADER + MAX_LIST + 1))


def test_what_a_later_version_may_say_is_not_refused() -> None:
    assert parse(b"d8:msg_typei9ee") is None
    later = bencode.encode({b"made": 5, b"msg_type": 0, b"number": 3, b"parts": 8})
    assert parse(later) == ListHeld(ListVersion(3, 5))


@pytest.mark.parametrize(
    "payload",
    [
        b"",
        b"i5e",
        b"de",
        b"d8:msg_type1:0e",
        b"d8:msg_typei0ee",
        b"d4:madei-1e8:msg_typei0e6:numberi1ee",
        b"d4:madei0e8:msg_typei0e6:numberi9223372036854775808ee",
        b"d4:madei0e8:msg_typei2e6:numberi1ee",
        b"d4:madei0e8:msg_typei2e6:numberi0eeder",
    ],
)
def test_what_is_wrong_is_refused(payload: bytes) -> None:
    with pytest.raises(FormatError):
        parse(payload)
