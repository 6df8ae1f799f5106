"""The peer exchange message (BEP 11): its bytes, and what is not believed of them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from p2pd.base.addresses import PeerAddress
from p2pd.base.errors import FormatError
from p2pd.formats import bencode
from p2pd.protocols.peerwire.extensions import ut_pex
from p2pd.protocols.peerwire.extensions.ut_pex import PexMessage, PexPeer, parse

ONE, TWO = PeerAddress("198.51.100.1", 6881), PeerAddress("203.0.113.9", 258)
SIX = PeerAddress("2001:db8::1", 6881)

V4 = st.builds(
    lambda rest, port: PeerAddress(f"{rest[0]}.{rest[1]}.{rest[2]}.{rest[3]}", port),
    st.tuples(st.integers(1, 223), *[st.integers(0, 255)] * 3),
    st.integers(1, 65_535),
)
V6 = st.builds(
    lambda last, port: PeerAddress(f"2001:db8::{last:x}", port),
    st.integers(1, 0xFFFF),
    st.integers(1, 65_535),
)
PEERS = st.lists(st.one_of(V4, V6), max_size=80, unique=True)


def test_the_bytes_are_those_of_bep_11() -> None:
    message = PexMessage(
        (PexPeer(ONE, ut_pex.SEED | ut_pex.REACHABLE), PexPeer(SIX, ut_pex.UTP)), (TWO,)
    )
    assert message.encode() == (
        b"d5:added6:\xc6\x33\x64\x01\x1a\xe1"
        b"7:added.f1:\x12"
        b"6:added618:\x20\x01\x0d\xb8" + bytes(11) + b"\x01\x1a\xe1"
        b"8:added6.f1:\x04"
        b"7:dropped6:\xcb\x00\x71\x09\x01\x02e"
    )


@given(PEERS, st.data())
def test_it_survives_the_wire(addresses: list[PeerAddress], data: st.DataObject) -> None:
    cut = data.draw(st.integers(0, len(addresses)))
    flags = data.draw(st.lists(st.integers(0, 255), min_size=cut, max_size=cut))
    added = tuple(PexPeer(*one) for one in zip(addresses[:cut], flags, strict=True))
    message = PexMessage(added, tuple(addresses[cut:]))
    read = parse(message.encode())
    assert set(read.added) == set(message.added)
    assert set(read.dropped) == set(message.dropped)
    assert parse(read.encode()) == read


@given(st.binary(max_size=300))
def test_whatever_comes_is_read_or_refused(payload: bytes) -> None:
    try:
        read = parse(payload)
    except FormatError:
        return
    assert len(read.added) <= 2 * ut_pex.MAX_ADDRESSES


def test_addresses_that_cannot_be_a_peers_are_left_out_with_their_flags() -> None:
    hosts = ["0.1.2.3", "224.0.0.1", "255.255.255.255", "198.51.100.1"]
    raw = b"".join(bytes(map(int, host.split("."))) + b"\x1a\xe1" for host in hosts)
    raw = b"\x01\x02\x03\x04\x00\x00" + raw  # port 0
    six = bytes(16) + b"\x1a\xe1" + b"\xff\x15" + bytes(14) + b"\x1a\xe1"
    told = {b"added": raw, b"added.f": b"\x01\x02\x04\x08\x10", b"added6": six}
    assert parse(bencode.encode(told)).added == (PexPeer(ONE, 0x10),)


def test_an_address_of_ipv4_in_ipv6_is_the_one_of_ipv4() -> None:
    mapped = bytes(10) + b"\xff\xff\xc6\x33\x64\x01\x1a\xe1"
    assert parse(bencode.encode({b"added6": mapped})).added == (PexPeer(ONE, 0),)


def test_who_comes_twice_counts_once_and_who_is_dropped_too_is_gone() -> None:
    one, two = b"\xc6\x33\x64\x01\x1a\xe1", b"\xcb\x00\x71\x09\x01\x02"
    told = {b"added": one + two + one, b"added.f": b"\x02\x00\x04", b"dropped": two + two}
    assert parse(bencode.encode(told)) == PexMessage((PexPeer(ONE, ut_pex.SEED),), (TWO,))


@pytest.mark.parametrize("flags", [b"", b"\x02", 7, [b"\x02\x02"]])
def test_flags_that_do_not_fit_are_none(flags: object) -> None:
    one, two = b"\xc6\x33\x64\x01\x1a\xe1", b"\xcb\x00\x71\x09\x01\x02"
    read = parse(bencode.encode({b"added": one + two, b"added.f": flags}))
    assert read.added == (PexPeer(ONE, 0), PexPeer(TWO, 0))


def test_a_long_list_is_read_as_far_as_its_bound() -> None:
    raw = b"".join(bytes((10, 0, *divmod(n, 256))) + b"\x1a\xe1" for n in range(3000))
    read = parse(bencode.encode({b"added": raw, b"dropped": b""}))
    assert len(read.added) == ut_pex.MAX_ADDRESSES


@pytest.mark.parametrize(
    ("payload", "words"),
    [
        (b"le", "not a dictionary"),
        (b"", "no bytes"),
        (b"d5:added5:12345e", "added of the peer exchange message is no list"),
        (b"d6:added6i7ee", "added6 of the peer exchange message is no list"),
        (b"d7:dropped7:1234567e", "dropped of the peer exchange message is no list"),
        (b"d5:added" + b"66000:" + bytes(66_000) + b"e", "has 66015 bytes"),
    ],
)
def test_what_is_no_such_message_is_refused_in_words(payload: bytes, words: str) -> None:
    with pytest.raises(FormatError, match=words):
        parse(payload)
