"""Hosts, packed and by network."""

from __future__ import annotations

import ipaddress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from p2pd.base.addresses import PeerAddress, is_local, pack_compact
from p2pd.discovery.dht.hosts import address_of, is_near, network_name, network_of, packed_host

hosts = st.ip_addresses().map(str)


@given(hosts, st.integers(1, 65535))
def test_packed_and_compact_forms_are_those_of_the_module_ipaddress(host: str, port: int) -> None:
    address = PeerAddress(host, port)
    packed = packed_host(host)
    assert packed == ipaddress.ip_address(host).packed
    compact = packed + port.to_bytes(2, "big")
    assert compact == pack_compact([address], ipv6=address.is_ipv6)
    assert address_of(compact) == address


@given(hosts)
def test_near_is_local(host: str) -> None:
    assert is_near(host) is is_local(host)


@pytest.mark.parametrize(
    "network", ["10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "169.254.0.0/16", "127.0.0.0/8"]
)
def test_near_begins_and_ends_where_local_does(network: str) -> None:
    net = ipaddress.ip_network(network)
    for inside in (net[0], net[-1]):
        assert is_near(str(inside))
    for outside in (net[0] - 1, net[-1] + 1):
        assert is_near(str(outside)) is is_local(str(outside)) is False


@given(hosts, hosts)
def test_both_forms_of_a_network_tell_the_same(one: str, other: str) -> None:
    for host in (one, other):
        assert len(network_of(packed_host(host))) == (8 if ":" in host else 4)
    same = network_of(packed_host(one)) == network_of(packed_host(other))
    assert same is (network_name(one) == network_name(other))
