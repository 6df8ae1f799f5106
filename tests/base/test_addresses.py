"""Peer addresses in text and in their compact form (BEP 23, BEP 7)."""

from __future__ import annotations

import ipaddress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from p2pd.base.addresses import (
    LOCAL_NETWORKS,
    PeerAddress,
    canonical_host,
    is_local,
    pack_compact,
    parse_address,
    split_host_port,
    unpack_compact,
)
from p2pd.base.errors import FormatError

HOSTS = st.ip_addresses().map(lambda address: canonical_host(str(address)))
ADDRESSES = st.builds(PeerAddress, HOSTS, st.integers(1, 65535))


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("127.0.0.1:6881", PeerAddress("127.0.0.1", 6881)),
        ("[::1]:1", PeerAddress("::1", 1)),
        ("[2001:DB8:0:0::1]:65535", PeerAddress("2001:db8::1", 65535)),
        ("[::ffff:10.0.0.1]:80", PeerAddress("10.0.0.1", 80)),
        (" 10.0.0.1:80 ", PeerAddress("10.0.0.1", 80)),
    ],
)
def test_addresses_are_read(text: str, address: PeerAddress) -> None:
    assert parse_address(text) == address


@pytest.mark.parametrize(
    "text",
    ["", ":", "10.0.0.1", "10.0.0.1:", ":80", "10.0.0.1:0", "10.0.0.1:65536", "10.0.0.1:-1",
     "10.0.0.1:٣", "::1:80", "[::1]", "name:80", "10.0.0.01:80", "10.0.0.1:8_0"],
)  # fmt: skip
def test_what_is_no_address_is_refused(text: str) -> None:
    with pytest.raises(FormatError):
        parse_address(text)


def test_a_name_is_a_host_only_where_names_are_meant() -> None:
    assert split_host_port("tracker.example:6969") == ("tracker.example", 6969)


def test_the_compact_form_is_that_of_bep_23() -> None:
    packed = pack_compact([PeerAddress("10.1.2.3", 6881)], ipv6=False)
    assert packed == bytes([10, 1, 2, 3, 0x1A, 0xE1])
    assert unpack_compact(packed, ipv6=False) == [PeerAddress("10.1.2.3", 6881)]


def test_the_compact_form_is_that_of_bep_7() -> None:
    packed = pack_compact([PeerAddress("2001:db8::1", 6881)], ipv6=True)
    assert packed == ipaddress.ip_address("2001:db8::1").packed + b"\x1a\xe1"
    assert unpack_compact(packed, ipv6=True) == [PeerAddress("2001:db8::1", 6881)]


def test_port_0_and_a_ragged_end_are_dropped() -> None:
    data = b"\x0a\0\0\1\0\0" + b"\x0a\0\0\2\0\1" + b"\x0a\0\0"
    assert unpack_compact(data, ipv6=False) == [PeerAddress("10.0.0.2", 1)]


def test_no_more_are_read_than_wanted() -> None:
    assert len(unpack_compact(b"\x0a\0\0\1\0\1" * 50, ipv6=False, limit=7)) == 7


@given(st.lists(ADDRESSES, max_size=20), st.booleans())
def test_each_family_survives_its_compact_form(addresses: list[PeerAddress], ipv6: bool) -> None:
    mine = [address for address in addresses if address.is_ipv6 is ipv6]
    assert unpack_compact(pack_compact(addresses, ipv6=ipv6), ipv6=ipv6) == mine


@given(ADDRESSES)
def test_the_text_of_an_address_reads_the_same(address: PeerAddress) -> None:
    assert parse_address(str(address)) == address


@given(st.binary(max_size=200), st.booleans())
def test_any_bytes_give_usable_addresses(data: bytes, ipv6: bool) -> None:
    for address in unpack_compact(data, ipv6=ipv6):
        assert parse_address(str(address)) == address


@pytest.mark.parametrize(
    ("host", "local"),
    [("10.1.2.3", True), ("172.31.0.1", True), ("172.32.0.1", False), ("192.168.1.1", True),
     ("169.254.9.9", True), ("127.0.0.1", True), ("8.8.8.8", False), ("100.64.0.1", False),
     ("::1", True), ("fd00::1", True), ("fe80::1", True), ("2001:db8::1", False)],
)  # fmt: skip
def test_local_addresses(host: str, local: bool) -> None:
    assert is_local(host) is local


@given(st.ip_addresses().map(str))
def test_local_are_those_of_the_local_networks(host: str) -> None:
    address = ipaddress.ip_address(host)
    assert is_local(host) is any(address in network for network in LOCAL_NETWORKS)


@pytest.mark.parametrize("network", [net for net in LOCAL_NETWORKS if net.version == 4])
def test_local_begins_and_ends_where_each_network_does(network: ipaddress.IPv4Network) -> None:
    assert is_local(str(network[0]))
    assert is_local(str(network[-1]))
    assert not is_local(str(network[0] - 1))
    assert not is_local(str(network[-1] + 1))
