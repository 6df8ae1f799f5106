"""KRPC messages: the example packets of BEP 5, extras of later BEPs, and what is refused."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from p2pd.base.addresses import PeerAddress
from p2pd.base.errors import FormatError
from p2pd.protocols.krpc import arguments
from p2pd.protocols.krpc.compact import Contact, pack_contacts, unpack_address, unpack_contacts
from p2pd.protocols.krpc.messages import (
    MAX_SIZE,
    KrpcError,
    KrpcFormatError,
    Query,
    Response,
    parse,
)

ASKER, ASKED = b"abcdefghij0123456789", b"mnopqrstuvwxyz123456"

EXAMPLES = [
    (
        b"d1:ad2:id20:abcdefghij0123456789e1:q4:ping1:t2:aa1:y1:qe",
        Query(b"aa", b"ping", {b"id": ASKER}),
    ),
    (
        b"d1:rd2:id20:mnopqrstuvwxyz123456e1:t2:aa1:y1:re",
        Response(b"aa", {b"id": ASKED}),
    ),
    (
        b"d1:ad2:id20:abcdefghij01234567896:target20:mnopqrstuvwxyz123456e"
        b"1:q9:find_node1:t2:aa1:y1:qe",
        Query(b"aa", b"find_node", {b"id": ASKER, b"target": ASKED}),
    ),
    (
        b"d1:ad2:id20:abcdefghij01234567899:info_hash20:mnopqrstuvwxyz123456e"
        b"1:q9:get_peers1:t2:aa1:y1:qe",
        Query(b"aa", b"get_peers", {b"id": ASKER, b"info_hash": ASKED}),
    ),
    (
        b"d1:rd2:id20:abcdefghij01234567895:token8:aoeusnth6:valuesl6:axje.u6:idhtnmee1:t2:aa1:y1:re",
        Response(b"aa", {b"id": ASKER, b"token": b"aoeusnth", b"values": [b"axje.u", b"idhtnm"]}),
    ),
    (
        b"d1:ad2:id20:abcdefghij012345678912:implied_porti1e9:info_hash20:mnopqrstuvwxyz1234564:"
        b"porti6881e5:token8:aoeusnthe1:q13:announce_peer1:t2:aa1:y1:qe",
        Query(
            b"aa",
            b"announce_peer",
            {
                b"id": ASKER,
                b"implied_port": 1,
                b"info_hash": ASKED,
                b"port": 6881,
                b"token": b"aoeusnth",
            },
        ),
    ),
    (
        b"d1:eli201e23:A Generic Error Ocurrede1:t2:aa1:y1:ee",
        KrpcError(b"aa", 201, "A Generic Error Ocurred"),
    ),
]


@pytest.mark.parametrize(("data", "message"), EXAMPLES)
def test_the_example_packets_of_bep_5(data: bytes, message: Query | Response | KrpcError) -> None:
    assert parse(data) == message
    assert message.encode() == data


def test_a_read_only_node_says_so_as_bep_43_has_it() -> None:
    data = Query(b"aa", b"ping", {b"id": ASKER}, read_only=True).encode()
    assert b"2:roi1e" in data
    assert parse(data) == Query(b"aa", b"ping", {b"id": ASKER}, read_only=True)


def test_an_answer_tells_the_askers_address_at_its_top_as_bep_42_has_it() -> None:
    response = Response(b"aa", {b"id": ASKED}, ip=bytes((1, 2, 3, 4, 0x1A, 0xE1)), version=b"P2ab")
    assert response.encode().startswith(b"d2:ip6:\x01\x02\x03\x04\x1a\xe11:r")
    assert parse(response.encode()) == response
    assert unpack_address(response.ip) == PeerAddress("1.2.3.4", 6881)


def test_keys_out_of_order_are_read_and_marked() -> None:
    message = parse(b"d1:t2:aa1:y1:q1:q4:ping1:ad2:id20:abcdefghij0123456789ee")
    assert message == Query(b"aa", b"ping", {b"id": ASKER}, canonical=False)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"hello",
        b"le",
        b"i3e",
        b"de",
        b"d1:t2:aa1:y1:qe",
        b"d1:q4:ping1:t2:aa1:y1:qe",
        b"d1:ad2:id20:abcdefghij0123456789e1:qi4e1:t2:aa1:y1:qe",
        b"d1:ale1:q4:ping1:t2:aa1:y1:qe",
        b"d1:ad2:id20:abcdefghij0123456789e1:q4:ping1:y1:qe",
        b"d1:ad2:id20:abcdefghij0123456789e1:q4:ping1:ti4e1:y1:qe",
        b"d1:ad2:id20:abcdefghij0123456789e1:q4:ping1:t2:aa1:y1:xe",
        b"d1:rle1:t2:aa1:y1:re",
        b"d1:rd2:id20:mnopqrstuvwxyz123456e1:t65:" + b"t" * 65 + b"1:y1:re",
        b"d1:rd2:id20:mnopqrstuvwxyz123456e1:t2:aa1:y1:re ",
        b"d1:rd1:v" + b"l" * 60 + b"e" * 60 + b"e1:t2:aa1:y1:re",
        b"d1:rd1:v4090:" + b"x" * 4090 + b"e1:t2:aa1:y1:re",
    ],
)
def test_what_is_no_message_is_refused(data: bytes) -> None:
    with pytest.raises(FormatError):
        parse(data)


@pytest.mark.parametrize(
    ("told", "code", "text"),
    [
        (b"le", 201, ""),
        (b"5:stuff", 201, "stuff"),
        (b"i204e", 204, ""),
        (b"l3:odde", 201, "odd"),
        (b"li203e4:a\nb\x00e", 203, "a?b?"),
        (b"li-5e1:xe", 201, "x"),
        (b"de", 201, ""),
    ],
)
def test_errors_are_read_whatever_shape_they_have(told: bytes, code: int, text: str) -> None:
    message = parse(b"d1:e%b1:t2:aa1:y1:ee" % told)
    assert isinstance(message, KrpcError)
    assert (message.code, message.text) == (code, text)


def test_compact_nodes_of_both_families() -> None:
    four = [Contact(ASKER, PeerAddress("1.2.3.4", 6881)), Contact(ASKED, PeerAddress("9.8.7.6", 1))]
    six = [Contact(ASKER, PeerAddress("2001:db8::1", 6881))]
    assert len(pack_contacts(four)) == 52
    assert len(pack_contacts(six)) == 38
    assert unpack_contacts(pack_contacts(four), ipv6=False, limit=8) == four
    assert unpack_contacts(pack_contacts(four), ipv6=False, limit=1) == four[:1]
    assert unpack_contacts(pack_contacts(six), ipv6=True, limit=8) == six
    with pytest.raises(FormatError):
        unpack_contacts(pack_contacts(four)[:-1], ipv6=False, limit=8)


@pytest.mark.parametrize(
    "data",
    [
        b"\x01\x02\x03\x04\0\0",
        b"\0\0\0\0\x1a\xe1",
        b"\xe0\0\0\x01\x1a\xe1",
        b"\xff\xff\xff\xff\x1a\xe1",
        bytes(16) + b"\x1a\xe1",
        b"\xff\x02" + bytes(14) + b"\x1a\xe1",
        bytes(10) + b"\xff\xff\x01\x02\x03\x04\x1a\xe1",
        b"\x01\x02\x03\x04",
        b"",
    ],
)
def test_addresses_at_which_nobody_can_be_are_none(data: bytes) -> None:
    assert unpack_address(data) is None


def test_a_list_of_peers_may_have_both_families_and_rubbish() -> None:
    values = {
        b"values": [b"\x01\x02\x03\x04\x1a\xe1", 7, b"x", bytes(15) + b"\x01\0\x01", [], b"\0" * 6]
    }
    assert arguments.taken_peers(values) == [PeerAddress("1.2.3.4", 6881), PeerAddress("::1", 1)]


@pytest.mark.parametrize(
    ("want", "taken"),
    [
        ([b"n4"], (True, False)),
        ([b"n6"], (False, True)),
        ([b"n6", b"n4", b"n8", 3], (True, True)),
        ([], (False, False)),
        (b"n6", (True, False)),
        (None, (True, False)),
    ],
)
def test_want_is_that_of_bep_32(want: object, taken: tuple[bool, bool]) -> None:
    assert arguments.taken_want({b"want": want}, ipv6=False) == taken


@pytest.mark.parametrize(
    ("take", "value"),
    [
        (arguments.taken_id, b"short"),
        (arguments.taken_id, 20),
        (lambda values, key: arguments.taken_bytes(values, key, 4), b"longer"),
        (lambda values, key: arguments.taken_bytes(values, key, 4), 4),
        (lambda values, key: arguments.taken_number(values, key, 9), 10),
        (lambda values, key: arguments.taken_number(values, key), -1),
        (lambda values, key: arguments.taken_number(values, key), b"1"),
        (arguments.taken_filter, b"x" * 255),
    ],
)
def test_arguments_that_are_not_as_they_should_be_are_refused_in_words(
    take: object, value: object
) -> None:
    with pytest.raises(KrpcFormatError, match="port has to be"):
        take({b"port": value}, b"port")  # type: ignore[operator]


def test_samples_are_whole_info_hashes() -> None:
    assert arguments.taken_samples({}) is None
    assert arguments.taken_samples({b"samples": b""}) == []
    assert arguments.taken_samples({b"samples": ASKER + ASKED}) == [ASKER, ASKED]
    with pytest.raises(KrpcFormatError):
        arguments.taken_samples({b"samples": b"x" * 21})


def test_nodes_that_are_no_string_are_refused() -> None:
    with pytest.raises(KrpcFormatError):
        arguments.taken_nodes({b"nodes": []}, ipv6=False)
    assert arguments.taken_nodes({b"nodes": b"x"}, ipv6=True) == []


_plain = st.integers() | st.binary(max_size=40)
_values = _plain | st.lists(_plain, max_size=4) | st.dictionaries(st.binary(max_size=8), _plain)
_dictionaries = st.dictionaries(st.binary(max_size=8), _values, max_size=5)
_transactions = st.binary(max_size=64)
_versions = st.binary(max_size=8)


@given(
    st.builds(
        lambda *parts: Query(*parts),
        _transactions,
        st.binary(max_size=30),
        _dictionaries,
        st.booleans(),
        _versions,
    )
    | st.builds(
        lambda *parts: Response(*parts),
        _transactions,
        _dictionaries,
        st.binary(max_size=18),
        _versions,
    )
    | st.builds(
        KrpcError,
        _transactions,
        st.integers(0, 999),
        st.text(st.characters(categories=("L",)), max_size=40),
        st.binary(max_size=18),
    )
)
def test_what_is_written_is_read_again(message: Query | Response | KrpcError) -> None:
    data = message.encode()
    assert len(data) > MAX_SIZE or parse(data) == message


@given(st.binary(max_size=200))
def test_any_bytes_are_read_or_refused(data: bytes) -> None:
    try:
        message = parse(data)
    except FormatError as refusal:
        words = str(refusal)
    else:
        words = repr(message)
    assert words.isprintable()
