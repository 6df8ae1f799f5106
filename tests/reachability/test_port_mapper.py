"""Ports are mapped, renewed, followed and given back."""

from __future__ import annotations

import pytest
from twisted.logger import capturedLogs

from p2pd.protocols.nat.mapping import PortKind
from p2pd.reachability import family_mapper
from p2pd.reachability.announcements import QUIET_SECONDS
from p2pd.reachability.family_mapper import (
    CHECK_SECONDS,
    FIRST_WAIT,
    RELEASE_SECONDS,
)
from p2pd.reachability.gateway_link import UnreachableError
from p2pd.reachability.gateways import Route
from p2pd.reachability.pcp_way import PcpWay
from p2pd.transports.way_out import InterfaceWay
from tests.reachability.mapper_bench import PORT, Bench, value
from tests.reachability.scripted_gateway import GATEWAY, OURS, OUTSIDE, Network

TLS_PORT = PORT + 1


@pytest.mark.parametrize("protocol", ["pcp", "natpmp", "upnp"])
def test_both_ports_are_mapped_and_given_back(protocol):
    bench = Bench(speaks={protocol})
    bench.start()
    assert bench.gateway.mappings == {
        ("TCP", PORT): (OURS, PORT, 3600),
        ("UDP", PORT): (OURS, PORT, 3600),
    }
    assert bench.port == bench.mapper.external_port(PortKind.UDP) == PORT
    status = bench.status
    assert (status.state, status.protocol, status.gateway) == ("mapped", protocol, GATEWAY)
    assert (status.external_host, status.behind_nat) == (OUTSIDE, False)
    assert [port.kind for port in status.ports] == ["tcp", "udp"]
    assert (GATEWAY, OUTSIDE) in bench.seen
    assert value(bench.mapper.measures(), "nat_mapped", "ipv4", "tcp") == 1
    assert bench.changes[-1] == PORT
    bench.stop()
    assert bench.gateway.mappings == {}
    assert bench.port == 0
    assert bench.status.state == "off"
    assert bench.changes[-1] == 0


def test_pcp_is_preferred_to_nat_pmp_and_that_to_upnp():
    for speaks, used in (({"pcp", "natpmp", "upnp"}, "pcp"), ({"natpmp", "upnp"}, "natpmp")):
        bench = Bench(speaks=speaks)
        bench.start(1.0)
        assert bench.status.protocol == used
        bench.stop()


def test_what_is_refused_at_once_is_not_waited_for():
    bench = Bench(speaks={"upnp"}, refuses=True)
    bench.start(0.5)
    assert bench.status.protocol == "upnp"
    assert bench.status.troubles == {
        "pcp": "nobody answers at that port",
        "natpmp": "nobody answers at that port",
    }
    bench.stop()


@pytest.mark.parametrize("protocol", ["pcp", "natpmp", "upnp"])
def test_a_mapping_is_renewed_after_half_of_its_lease(protocol):
    bench = Bench(speaks={protocol})
    bench.start()
    bench.gateway.asked.clear()
    bench.run(1700)
    mapped = [each for each in bench.gateway.asked if "TCP" in each or "AddPortMapping" in each]
    assert mapped == [], "not before that"
    bench.run(400)
    assert value(bench.mapper.measures(), "nat_renewals_total", "ipv4") == 1
    bench.run(10 * 3600)
    assert 18 <= value(bench.mapper.measures(), "nat_renewals_total", "ipv4") <= 21
    assert value(bench.mapper.measures(), "nat_restarts_total", "ipv4") == 0
    assert bench.port == PORT
    assert bench.changes.count(0) <= 3, "nothing is told while nothing changes"
    bench.stop()


def test_a_short_lease_is_no_reason_to_ask_all_the_time():
    bench = Bench(speaks={"natpmp"}, lease=1)
    bench.start()
    bench.gateway.asked.clear()
    bench.run(300)
    assert len(bench.gateway.asked) < 30
    bench.stop()


@pytest.mark.parametrize("protocol", ["pcp", "natpmp", "upnp"])
def test_one_that_tells_of_its_restart_is_asked_at_once_but_not_for_ever(protocol):
    bench = Bench(speaks={protocol})
    bench.start()
    bench.gateway.restart()
    bench.gateway.announce()
    bench.run(1.0)
    assert set(bench.gateway.mappings) == {("TCP", PORT), ("UDP", PORT)}
    bench.gateway.asked.clear()
    for _ in range(100):
        bench.gateway.announce()
        bench.run(1.0)
    assert len(bench.gateway.asked) <= 3 * 100 / QUIET_SECONDS + 6
    bench.gateway.asked.clear()
    bench.run(QUIET_SECONDS)
    bench.gateway.announce(b"anything else")
    bench.run(1.0)
    assert bench.gateway.asked == []
    bench.stop()
    assert bench.gateway.listeners == []


def test_one_that_told_of_its_restart_and_is_gone_is_not_asked_all_the_time():
    bench = Bench(speaks={"pcp"})
    bench.start()
    bench.gateway.mute = True
    bench.run(CHECK_SECONDS - 27.0)  # a question is under way
    bench.gateway.announce()
    bench.run(3600.0)
    assert bench.status.state == "failed"
    assert value(bench.mapper.measures(), "nat_failures_total", "ipv4") <= 7
    bench.stop()


def test_it_is_tried_for_months(monkeypatch):
    bench = Bench(speaks=set(), refuses=True)
    monkeypatch.setattr(family_mapper, "LONGEST_WAIT", 1.0)
    bench.start(9 * 1100.0)
    assert value(bench.mapper.measures(), "nat_failures_total", "ipv4") > 1100
    bench.gateway.speaks = {"pcp"}
    bench.run(10.0)
    assert bench.port == PORT
    bench.stop()


def test_who_does_not_answer_a_check_is_asked_for_what_matters(monkeypatch):
    bench = Bench(speaks={"pcp"})

    async def silent(self):
        raise UnreachableError("it does not answer")

    monkeypatch.setattr(PcpWay, "check", silent)
    bench.start()
    bench.gateway.restart()
    bench.run(CHECK_SECONDS + 1)
    assert set(bench.gateway.mappings) == {("TCP", PORT), ("UDP", PORT)}
    assert value(bench.mapper.measures(), "nat_restarts_total", "ipv4") == 0
    bench.stop()


@pytest.mark.parametrize("protocol", ["pcp", "natpmp", "upnp"])
def test_a_gateway_that_forgot_is_asked_again_within_minutes(protocol):
    bench = Bench(speaks={protocol})
    bench.start()
    bench.gateway.restart()
    assert bench.gateway.mappings == {}
    bench.run(CHECK_SECONDS + 1)
    assert set(bench.gateway.mappings) == {("TCP", PORT), ("UDP", PORT)}
    assert value(bench.mapper.measures(), "nat_restarts_total", "ipv4") == 1
    bench.run(1000)
    assert value(bench.mapper.measures(), "nat_restarts_total", "ipv4") == 1
    bench.stop()


def test_the_way_out_is_followed():
    network = Network()
    network.hosts["tun0"] = []
    way = InterfaceWay("tun0", lambda name: network.hosts[name])
    bench = Bench(way)
    bench.network.table[False].append(Route("tun0", "10.8.0.1", 50))
    bench.network.hosts = network.hosts
    bench.start(60.0)
    assert bench.gateway.asked == [], "the router of the other interface is not asked"
    assert "tun0 has no IPv4 address" in bench.status.troubles[""]
    network.hosts["tun0"] = ["10.8.0.2"]
    way.look()
    bench.mapper.look()
    bench.run(1.0)
    assert bench.status.gateway == "10.8.0.1"
    assert bench.port == PORT
    network.hosts["tun0"] = ["10.8.0.77"]
    way.look()
    bench.mapper.look()
    bench.run(1.0)
    assert bench.status.local_host == "10.8.0.77"
    network.hosts["tun0"] = []
    way.look()
    bench.mapper.look()
    bench.run(1.0)
    assert bench.status.state == "no_gateway"
    assert bench.port == 0
    bench.stop()


def test_giving_back_is_bounded_when_the_gateway_is_gone():
    bench = Bench()
    bench.start()
    bench.gateway.mute = True
    bench.stop(RELEASE_SECONDS)


@pytest.mark.parametrize("seconds", [0.0, 0.005, 3.0, 8.0, 16.0])
def test_it_can_be_stopped_in_the_middle_of_anything(seconds):
    bench = Bench(speaks={"upnp"})
    bench.start(seconds)
    bench.stop()


def test_it_can_be_started_again():
    bench = Bench()
    bench.start()
    bench.stop()
    bench.start()
    assert bench.port == PORT
    bench.stop()


def test_after_a_crash_the_mapping_is_taken_up_again():
    bench = Bench(speaks={"pcp"})
    bench.start()
    bench.mapper = bench.new_mapper()  # the first one never said goodbye
    bench.start()
    assert bench.status.state == "mapped"


def test_a_mistake_of_ours_costs_no_more_than_an_attempt(monkeypatch):
    bench = Bench(speaks={"pcp"})

    async def wrong(*_):
        raise ZeroDivisionError

    with monkeypatch.context() as patched:
        patched.setattr(PcpWay, "map", wrong)
        with capturedLogs() as logged:
            bench.start(1.0)
    assert [event["log_failure"].type for event in logged] == [ZeroDivisionError]
    assert bench.status.state == "failed"
    bench.run(1.25 * FIRST_WAIT)
    assert bench.port == PORT
    bench.stop()


def test_udp_alone_may_fail():
    bench = Bench(speaks={"pcp"})
    grant = bench.gateway._grant
    bench.gateway._grant = lambda kind, *rest: (9, 0, 0) if kind == "UDP" else grant(kind, *rest)
    bench.start()
    assert bench.port == PORT
    assert bench.mapper.external_port(PortKind.UDP) == 0
    assert "UDP: it does not forward this protocol" in bench.status.troubles["pcp"]
    bench.stop()


@pytest.mark.parametrize("protocol", ["pcp", "natpmp", "upnp"])
def test_a_port_for_tls_is_mapped_renewed_and_given_back(protocol):
    bench = Bench(speaks={protocol})
    bench.mapper.map_tls(TLS_PORT)
    bench.start()
    wanted = {("TCP", PORT), ("UDP", PORT), ("TCP", TLS_PORT)}
    assert set(bench.gateway.mappings) == wanted
    assert (bench.port, bench.mapper.external_tls_port()) == (PORT, TLS_PORT)
    assert [(port.kind, port.use) for port in bench.status.ports] == [
        ("tcp", "peers"), ("udp", "peers"), ("tcp", "tls"),
    ]  # fmt: skip
    assert value(bench.mapper.measures(), "nat_mapped", "ipv4", "tls") == 1
    bench.gateway.restart()
    bench.run(CHECK_SECONDS + 1)
    assert set(bench.gateway.mappings) == wanted
    bench.run(2100)
    assert value(bench.mapper.measures(), "nat_renewals_total", "ipv4") == 1
    bench.stop()
    assert bench.gateway.mappings == {}
    assert bench.mapper.external_tls_port() == 0


@pytest.mark.parametrize("protocol", ["pcp", "natpmp", "upnp"])
def test_the_port_for_tls_comes_and_goes_at_once_and_the_others_stay(protocol):
    bench = Bench(speaks={protocol})
    bench.start()
    assert ("ipv4", "tls") not in measured(bench)
    bench.mapper.map_tls(TLS_PORT)
    bench.run(1.0)
    assert bench.mapper.external_tls_port() == TLS_PORT
    bench.gateway.asked.clear()
    bench.run(60.0)
    assert bench.gateway.asked == [], "once is enough"
    bench.mapper.map_tls(TLS_PORT + 1)
    bench.run(1.0)
    assert set(bench.gateway.mappings) == {("TCP", PORT), ("UDP", PORT), ("TCP", TLS_PORT + 1)}
    bench.mapper.map_tls(0)
    bench.run(1.0)
    assert set(bench.gateway.mappings) == {("TCP", PORT), ("UDP", PORT)}
    assert bench.mapper.external_tls_port() == 0
    assert measured(bench) == {
        (family, kind) for family in ("ipv4", "ipv6") for kind in ("tcp", "udp")
    }
    bench.stop()


def test_a_port_for_tls_that_somebody_else_has_becomes_another():
    bench = Bench(speaks={"pcp"}, taken={("TCP", TLS_PORT): "10.0.0.9"})
    bench.mapper.map_tls(TLS_PORT)
    bench.start()
    assert bench.mapper.external_tls_port() == TLS_PORT + 1
    assert bench.changes[-1] == PORT
    bench.stop()


def test_a_port_for_tls_that_is_refused_costs_the_others_nothing_and_is_tried_at_renewals():
    bench = Bench(speaks={"pcp"})
    grant = bench.gateway._grant
    bench.gateway._grant = lambda kind, internal, *rest: (
        (8, 0, 0) if internal == TLS_PORT else grant(kind, internal, *rest)
    )
    bench.mapper.map_tls(TLS_PORT)
    bench.start()
    assert (bench.port, bench.mapper.external_tls_port()) == (PORT, 0)
    assert bench.status.troubles["pcp"].startswith("TLS: ")
    assert value(bench.mapper.measures(), "nat_mapped", "ipv4", "tls") == 0
    bench.gateway.asked.clear()
    bench.run(CHECK_SECONDS * 2)
    assert not [each for each in bench.gateway.asked if TLS_PORT in each]
    bench.gateway._grant = grant
    bench.run(2000)
    assert bench.mapper.external_tls_port() == TLS_PORT
    assert bench.status.troubles == {}
    bench.stop()


def test_who_wants_a_port_for_tls_does_not_hurry_a_gateway_that_maps_nothing():
    bench = Bench(speaks=set(), refuses=True)
    bench.start(20.0)
    assert bench.status.state == "failed"
    bench.mapper.map_tls(TLS_PORT)
    bench.run(1.0)
    assert value(bench.mapper.measures(), "nat_failures_total", "ipv4") == 1
    bench.gateway.speaks = {"pcp"}
    bench.run(2 * FIRST_WAIT)
    assert bench.mapper.external_tls_port() == TLS_PORT
    bench.stop()


@pytest.mark.parametrize("seconds", [0.01, 0.03, 0.05, 0.07, 0.09, 0.2])
def test_a_port_for_tls_that_is_wanted_while_others_are_asked_for_is_mapped(seconds):
    bench = Bench(speaks={"pcp"})
    bench.start(seconds)
    bench.mapper.map_tls(TLS_PORT)
    bench.run(1.0)
    assert bench.mapper.external_tls_port() == TLS_PORT
    bench.stop()


def measured(bench):
    return set(next(each for each in bench.mapper.measures() if each.name == "nat_mapped").values)
