"""Which gateway leads out, as the kernel's tables tell it."""

from __future__ import annotations

import pytest

from p2pd.reachability.gateways import (
    Gateway,
    Gateways,
    NoGatewayError,
    Route,
    parse_ipv4_routes,
    parse_ipv6_routes,
)
from p2pd.transports.way_out import AddressWay, InterfaceWay
from tests.reachability.scripted_gateway import GATEWAY, OURS, Network

IPV4 = """Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask\t\tMTU\tWindow\tIRTT
wlan0\t00000000\t0101A8C0\t0003\t0\t0\t600\t00000000\t0\t0\t0
eth0\t00000000\t010200C0\t0003\t0\t0\t100\t00000000\t0\t0\t0
eth0\t000200C0\t00000000\t0001\t0\t0\t100\t00FFFFFF\t0\t0\t0
tun0\t00000000\t00000000\t0001\t0\t0\t50\t00000000\t0\t0\t0
down0\t00000000\t0A0200C0\t0002\t0\t0\t1\t00000000\t0\t0\t0
short
"""
IPV6 = """fd000000000000000000000000000000 40 {0} 00 {0} 00000100 00000001 00000000 00000001 eth0
{0} 00 {0} 00 fe800000000000000000000000000001 00000400 00000003 00000000 00000003     eth0
{0} 00 {0} 00 {0} ffffffff 00000001 00000000 00200200       lo
""".format("0" * 32)


def test_the_tables_of_the_kernel_are_read():
    assert parse_ipv4_routes(IPV4) == [
        Route("eth0", "192.0.2.1", 100),
        Route("wlan0", "192.168.1.1", 600),
    ]
    assert parse_ipv6_routes(IPV6) == [Route("eth0", "fe80::1", 1024)]
    assert parse_ipv4_routes("") == parse_ipv6_routes("") == []


def test_the_gateway_is_the_one_on_the_way_to_the_internet():
    network = Network()
    network.table[False].insert(0, Route("other0", "10.0.0.1", 0))
    network.hosts["other0"] = ["10.0.0.2"]
    found = Gateways(AddressWay(), system=network).find(False)
    assert found == Gateway(GATEWAY, "eth0", OURS)


def test_where_a_tunnel_takes_what_leaves_no_router_is_asked(monkeypatch):
    network = Network()
    monkeypatch.setattr(network, "source", lambda host: "10.8.0.2")
    with pytest.raises(NoGatewayError, match=r"way out from 10\.8\.0\.2"):
        Gateways(AddressWay(), system=network).find(False)


def test_an_address_or_interface_that_is_bound_decides():
    network = Network()
    network.table[False].append(Route("tun0", "10.8.0.1", 50))
    network.hosts["tun0"] = ["10.8.0.2"]
    by_address = Gateways(AddressWay("10.8.0.2"), system=network)
    assert by_address.find(False) == Gateway("10.8.0.1", "tun0", "10.8.0.2")
    way = InterfaceWay("tun0", network.addresses)
    assert Gateways(way, system=network).find(False) == Gateway("10.8.0.1", "tun0", "10.8.0.2")
    network.table[False].pop()
    with pytest.raises(NoGatewayError, match="no gateway"):
        Gateways(way, system=network).find(False)
    way.addresses = ()
    with pytest.raises(NoGatewayError, match="tun0 has no IPv4 address"):
        Gateways(way, system=network).find(False)
    with pytest.raises(NoGatewayError, match="has no IPv6 address"):
        by_address.find(True)


@pytest.mark.parametrize("address", ["127.0.0.1", "127.3.2.1", "::1"])
def test_who_is_on_this_machine_alone_asks_nobody(address):
    gateways = Gateways(AddressWay(address), system=Network())
    with pytest.raises(NoGatewayError, match="this machine alone"):
        gateways.find(":" in address)


def test_a_gateway_that_is_set_is_asked_whatever_the_routes_say():
    network = Network()
    network.hosts["tun0"] = ["10.8.0.2"]
    way = InterfaceWay("tun0", network.addresses)
    gateways = Gateways(way, "10.2.0.1", network)
    assert gateways.find(False) == Gateway("10.2.0.1", "tun0", "10.8.0.2")
    with pytest.raises(NoGatewayError):
        gateways.find(True)
    assert Gateways(AddressWay(), "fe80::1", network).find(False).host == GATEWAY
    network.table[False] = []
    with pytest.raises(NoGatewayError, match=r"no way to 10\.2\.0\.1"):
        Gateways(AddressWay(), "10.2.0.1", network).find(False)


def test_without_a_way_there_is_no_gateway():
    with pytest.raises(NoGatewayError, match="no way to the internet"):
        Gateways(AddressWay(), system=Network()).find(True)


def test_a_link_local_gateway_is_dialled_by_its_interface():
    assert Gateway("fe80::1", "eth0", "2001:db8::9").dialled == "fe80::1%eth0"
    assert Gateway("2001:db8::1", "eth0", "2001:db8::9").dialled == "2001:db8::1"
