"""Hosts, packed and by network."""

from __future__ import annotations

import ipaddress

from hypothesis import given
from hypothesis import strategies as st

from p2pd.base.addresses import PeerAddress, pack_compact
from p2pd.base.networks import user_of
from p2pd.discovery.dht.hosts import address_of, network_of, packed_host

hosts = st.ip_addresses().map(str)


@given(hosts, st.integers(1, 65535))
def test_packed_and_compact_forms_are_those_of_the_module_ipaddress(host: str, port: int) -> None:
    address = PeerAddress(host, port)
    packed = packed_host(host)
    assert packed == ipaddress.ip_address(host).packed
    compact = packed + port.to_bytes(2, "big")
    assert compact == pack_compact([address], ipv6=address.is_ipv6)
    assert address_of(compact) == address


@given(hosts, hosts)
def test_both_forms_of_a_network_tell_the_same(one: str, other: str) -> None:
    for host in (one, other):
        assert len(network_of(packed_host(host))) == (8 if ":" in host else 4)
    same = network_of(packed_host(one)) == network_of(packed_host(other))
    assert same is (user_of(one) == user_of(other))
