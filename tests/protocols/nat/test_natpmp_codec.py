"""NAT-PMP (RFC 6886), byte for byte, and packets that are none."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from p2pd.protocols.nat import natpmp
from p2pd.protocols.nat.mapping import Granted, NatFormatError, PortKind


def test_the_questions_are_those_of_sections_3_2_and_3_3():
    assert natpmp.address_request() == b"\x00\x00"
    assert natpmp.map_request(PortKind.UDP, 6881, 7200, 6881) == bytes.fromhex(
        "00 01 0000 1ae1 1ae1 00001c20"
    )
    assert natpmp.map_request(PortKind.TCP, 6881, 7200, 7000) == bytes.fromhex(
        "00 02 0000 1ae1 1b58 00001c20"
    )


def test_the_end_of_a_mapping_is_asked_for_without_a_port():
    assert natpmp.map_request(PortKind.TCP, 6881, 0, 6881) == bytes.fromhex(
        "00 02 0000 1ae1 0000 00000000"
    )


def test_the_address_is_read():
    answer = natpmp.parse_answer(bytes.fromhex("00 80 0000 0000012c c6336407"))
    assert (answer.epoch, answer.external_host) == (300, "198.51.100.7")
    nothing = natpmp.parse_answer(bytes.fromhex("00 80 0000 0000012c 00000000"))
    assert nothing.external_host == ""


def test_a_mapping_is_read():
    answer = natpmp.parse_answer(bytes.fromhex("00 82 0000 00000064 1ae1 1b58 00000e10"))
    assert answer.kind is PortKind.TCP
    assert answer.granted == Granted(6881, 7000, 3600)
    ended = natpmp.parse_answer(bytes.fromhex("00 81 0000 00000064 1ae1 0000 00000000"))
    assert ended.granted == Granted(6881, 0, 0)


@pytest.mark.parametrize(
    ("packet", "words", "operation"),
    [("00 82 0002 00000001", "authorized", 2), ("00 80 0003 00000001", "no connection", 0),
     ("00 81 0004 00000001", "room", 1), ("00 82 00ff 00000001", "code 255", 2)],
)  # fmt: skip
def test_refusals_are_in_words(packet, words, operation):
    with pytest.raises(natpmp.NatPmpRefusalError, match=words) as caught:
        natpmp.parse_answer(bytes.fromhex(packet))
    assert caught.value.operation == operation


@pytest.mark.parametrize(
    "packet",
    [
        "",
        "00",
        "0080 00",
        "00 80 0000 0000012c c63364",
        "00 80 0000 0000012c c6336407 00",
        "00 82 0000 00000064 1ae1 1b58 00000e",
        "00 82 0000 00000064 1ae1 0000 00000e10",
        "00 82 0000 00000064 0000 1b58 00000e10",
        "00 83 0000 00000064 1ae1 1b58 00000e10",
        "00 02 0000 00000064 1ae1 1b58 00000e10",
        "02 82 0000 00000064 1ae1 1b58 00000e10",
    ],
)
def test_what_makes_no_sense_is_refused(packet):
    with pytest.raises(NatFormatError):
        natpmp.parse_answer(bytes.fromhex(packet))


@given(st.binary(max_size=32))
def test_nothing_but_refusals_comes_of_any_bytes(data):
    words = ""
    try:
        natpmp.parse_answer(data)
    except (NatFormatError, natpmp.NatPmpRefusalError) as problem:
        words = str(problem)
    assert words.isprintable()
