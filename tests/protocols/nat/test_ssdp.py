"""The search for gateways (UPnP Device Architecture 1.1, section 1.3)."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from p2pd.protocols.nat import ssdp
from p2pd.protocols.nat.mapping import NatFormatError

ANSWER = (
    b"HTTP/1.1 200 OK\r\n"
    b"CACHE-CONTROL: max-age=120\r\n"
    b"ST: urn:schemas-upnp-org:device:InternetGatewayDevice:1\r\n"
    b"USN: uuid:1::urn:schemas-upnp-org:device:InternetGatewayDevice:1\r\n"
    b"EXT:\r\n"
    b"SERVER: Debian/12 UPnP/1.1 MiniUPnPd/2.3.1\r\n"
    b"LOCATION: http://192.168.1.1:41345/rootDesc.xml\r\n\r\n"
)


def test_a_search_is_the_one_of_section_1_3_2():
    assert ssdp.search(ssdp.GATEWAYS[0], 3) == (
        b"M-SEARCH * HTTP/1.1\r\nHOST: 239.255.255.250:1900\r\n"
        b'MAN: "ssdp:discover"\r\nMX: 3\r\n'
        b"ST: urn:schemas-upnp-org:device:InternetGatewayDevice:1\r\n\r\n"
    )


def test_an_answer_says_where_the_description_is():
    answer = ssdp.parse_answer(ANSWER)
    assert answer.location == "http://192.168.1.1:41345/rootDesc.xml"
    assert answer.target == ssdp.GATEWAYS[0]
    assert "MiniUPnPd" in answer.server


def test_names_of_headers_have_no_case_and_lines_may_end_in_any_way():
    answer = ssdp.parse_answer(b"HTTP/1.0 200\nLocation:http://10.0.0.1/\nnot a header\n\n")
    assert answer.location == "http://10.0.0.1/"


@pytest.mark.parametrize(
    "packet",
    [
        b"",
        b"\xff" * 100,
        ANSWER.replace(b"200 OK", b"404 No"),
        ANSWER.replace(b"LOCATION", b"X"),
        ANSWER.replace(b"/rootDesc.xml", b"/a b"),
        ANSWER.replace(b"/rootDesc.xml", b"/\xff"),
        ANSWER.replace(b"/rootDesc.xml", b"/" + b"a" * 1024),
        ANSWER + b"a" * 4096,
        b"NOTIFY * HTTP/1.1\r\nLOCATION: http://192.168.1.1/\r\n\r\n",
        ssdp.search(ssdp.GATEWAYS[0]),
    ],
)
def test_what_is_no_answer_is_refused(packet):
    with pytest.raises(NatFormatError):
        ssdp.parse_answer(packet)


def test_lines_without_end_are_not_gone_through():
    with pytest.raises(NatFormatError):
        ssdp.parse_answer(b"HTTP/1.1 200 OK\r\n" + b"a:b\r\n" * 500 + b"LOCATION: http://a/\r\n")


@given(st.binary(max_size=300) | st.binary(max_size=100).map(lambda end: ANSWER[:-4] + end))
def test_any_bytes_are_read_or_refused(data):
    words = ""
    try:
        assert ssdp.parse_answer(data).location.isprintable()
    except NatFormatError as problem:
        words = str(problem)
    assert words.isprintable()
