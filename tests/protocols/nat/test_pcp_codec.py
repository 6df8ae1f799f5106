"""PCP (RFC 6887), byte for byte, and packets that are none."""

from __future__ import annotations

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from p2pd.protocols.nat import pcp
from p2pd.protocols.nat.mapping import Granted, NatFormatError, PortKind

NONCE = bytes(range(12))
V4_MAPPED = "00000000000000000000ffff"
OUTSIDE = bytes.fromhex(V4_MAPPED + "c6336407")


def mapped(
    *, result=0, lifetime=3600, epoch=77, nonce=NONCE, protocol=6, internal=6881, external=7000,
    host=OUTSIDE, version=2, operation=0x81,
):  # fmt: skip
    """A MAP response as in figure 3 and figure 10 of the RFC."""
    return (
        struct.pack(">BBBBII12x", version, operation, 0, result, lifetime, epoch)
        + struct.pack(">12sB3xHH", nonce, protocol, internal, external)
        + host
    )


def test_a_map_request_has_the_form_of_figures_2_and_9():
    packet = pcp.map_request(NONCE, "192.168.1.9", PortKind.TCP, 6881, 7200, 6881)
    assert packet == bytes.fromhex(
        "02 01 0000 00001c20" + V4_MAPPED + "c0a80109"
        "000102030405060708090a0b 06 000000 1ae1 1ae1" + V4_MAPPED + "00000000"
    )


def test_a_wish_for_an_address_and_an_ipv6_client_are_in_their_places():
    packet = pcp.map_request(NONCE, "2001:db8::9", PortKind.UDP, 1, 120, 2, "2001:db8::9")
    host = "20010db8000000000000000000000009"
    assert packet == bytes.fromhex(
        "02 01 0000 00000078" + host + NONCE.hex() + "11 000000 0001 0002" + host
    )
    without = pcp.map_request(NONCE, "2001:db8::9", PortKind.UDP, 1, 0)
    assert without[44:] == bytes(16), "any IPv6 address"


def test_an_announce_request_is_a_header_alone():
    assert pcp.announce_request("10.0.0.2") == bytes.fromhex(
        "02 00 0000 00000000" + V4_MAPPED + "0a000002"
    )


def test_a_mapping_is_read():
    answer = pcp.parse_answer(mapped())
    assert answer.epoch == 77
    assert answer.nonce == NONCE
    assert answer.kind is PortKind.TCP
    assert answer.granted == Granted(6881, 7000, 3600, "198.51.100.7")


def test_an_answer_to_announce_tells_the_epoch():
    answer = pcp.parse_answer(bytes.fromhex("0280 00 00 00000000 00000009" + "00" * 12))
    assert answer.epoch == 9
    assert answer.granted is None


def test_options_of_an_answer_are_skipped():
    assert pcp.parse_answer(mapped() + bytes.fromhex("80000004 01020304")).granted is not None


@pytest.mark.parametrize(("code", "words"), [(2, "authorized"), (8, "room"), (11, "cannot be had"),
                                             (12, "another NAT"), (200, "code 200")])  # fmt: skip
def test_refusals_are_in_words(code, words):
    with pytest.raises(pcp.PcpRefusalError, match=words) as caught:
        pcp.parse_answer(mapped(result=code, lifetime=30))
    assert caught.value.code == code
    assert caught.value.lifetime == 30
    assert pcp.nonce_of(mapped(result=code)) == NONCE


def test_a_server_that_knows_only_nat_pmp_says_so():
    with pytest.raises(pcp.PcpRefusalError, match="version") as caught:
        pcp.parse_answer(bytes.fromhex("00 81 0001 00000005"))
    assert caught.value.code == pcp.UNSUPPORTED_VERSION


@pytest.mark.parametrize(
    "packet",
    [
        b"",
        b"\x02",
        mapped()[:59],
        mapped()[:24],
        mapped() + bytes(3),
        mapped() + bytes(1100),
        mapped(operation=0x01),
        mapped(operation=0x82),
        mapped(version=3),
        mapped(protocol=1),
        mapped(external=0),
        mapped(internal=0),
    ],
)
def test_what_makes_no_sense_is_refused(packet):
    with pytest.raises(NatFormatError):
        pcp.parse_answer(packet)


def test_a_mapping_that_ended_needs_no_port():
    answer = pcp.parse_answer(mapped(lifetime=0, external=0, host=bytes(16)))
    assert answer.granted == Granted(6881, 0, 0, "")


@given(
    st.binary(min_size=12, max_size=12),
    st.sampled_from(PortKind),
    st.integers(1, 65535),
    st.integers(0, 2**32 - 1),
    st.integers(0, 65535),
    st.ip_addresses().map(str),
)
def test_what_is_asked_can_be_read_back_from_an_answer(nonce, kind, port, lease, wished, host):
    asked = pcp.map_request(nonce, host, kind, port, lease, wished)
    head = struct.pack(">BBBBII12x", 2, 0x81, 0, 0, lease, 5)
    body = bytearray(asked[24:])
    body[18:20] = struct.pack(">H", wished or 1)
    answer = pcp.parse_answer(head + bytes(body))
    assert (answer.nonce, answer.kind) == (nonce, kind)
    assert answer.granted == Granted(port, wished or 1, lease, "")


@given(st.binary(max_size=80))
def test_nothing_but_refusals_comes_of_any_bytes(data):
    words = ""
    try:
        pcp.parse_answer(data)
    except (NatFormatError, pcp.PcpRefusalError) as problem:
        words = str(problem)
    assert words.isprintable()
