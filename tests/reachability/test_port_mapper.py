"""The mapper and a gateway that plays its part, on a virtual clock."""

from __future__ import annotations

import random

import pytest
from twisted.internet.defer import Deferred
from twisted.internet.task import Clock
from twisted.logger import capturedLogs

from p2pd.protocols.nat import igd
from p2pd.protocols.nat.mapping import PortKind
from p2pd.reachability import family_mapper
from p2pd.reachability.announcements import QUIET_SECONDS
from p2pd.reachability.family_mapper import (
    CHECK_SECONDS,
    FIRST_WAIT,
    LONGEST_WAIT,
    LOOK_SECONDS,
    RELEASE_SECONDS,
    FamilyMapper,
)
from p2pd.reachability.gateway_link import UnreachableError
from p2pd.reachability.gateways import Gateways, Route
from p2pd.reachability.pcp_way import PcpWay
from p2pd.reachability.port_mapper import PortMapper
from p2pd.transports.way_out import AddressWay, InterfaceWay
from tests.reachability.scripted_gateway import GATEWAY, OURS, OUTSIDE, Network, ScriptedGateway

PORT = 6881


class Bench:
    """One mapper and its gateway."""

    def __init__(self, way=None, **gateway):
        self.clock = Clock()
        self.network = Network()
        self.gateway = ScriptedGateway(self.clock, **gateway)
        self.changes = []
        self.seen = []
        self.mapper = self.new_mapper(way)

    def new_mapper(self, way=None):
        return PortMapper(
            self.clock,
            random.Random(7),
            Gateways(way or AddressWay(), system=self.network),
            self.gateway,
            changed=lambda: self.changes.append(self.port),
            seen=lambda gateway, address: self.seen.append((gateway, address)),
            secret=lambda: b"s" * 16,
        )

    def run(self, seconds):
        """In small steps, so that what is due later than something else comes later."""
        end = self.clock.seconds() + seconds
        while (calls := self.clock.getDelayedCalls()) and calls[0].getTime() <= end:
            self.clock.advance(max(calls[0].getTime() - self.clock.seconds(), 0.0))
        self.clock.advance(end - self.clock.seconds())

    def start(self, seconds=30.0):
        self.mapper.start(PORT)
        self.run(seconds)

    @property
    def port(self):
        return self.mapper.external_port()

    @property
    def status(self):
        return self.mapper.status()[False]

    def stop(self, seconds=RELEASE_SECONDS):
        stopping = Deferred.fromCoroutine(self.mapper.stop())
        self.run(seconds)
        assert stopping.called
        assert self.gateway.sockets == 0
        assert self.clock.getDelayedCalls() == []


def value(measures, name, *labels):
    return next(each for each in measures if each.name == name).values[labels]


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


@pytest.mark.parametrize("protocol", ["pcp", "natpmp", "upnp"])
def test_another_port_than_the_wished_one_is_what_is_told(protocol):
    bench = Bench(speaks={protocol}, taken={("TCP", PORT): "somebody"})
    bench.start()
    outside = bench.port
    assert outside not in (0, PORT)
    assert bench.changes[-1] == outside
    assert bench.mapper.external_port(PortKind.UDP) == outside, "UDP has the same if it can"
    bench.run(2000)
    assert bench.port == outside, "a renewal asks for the same"
    bench.stop()
    assert bench.gateway.mappings == {}


def test_a_gateway_of_version_2_chooses_a_free_port_itself():
    bench = Bench(speaks={"upnp"}, types=(igd.IP_1, igd.IP_2), taken={("TCP", PORT): "x"})
    bench.start()
    assert bench.port == PORT + 1
    used = {each[1:] for each in bench.gateway.asked if "AddAnyPortMapping" in each}
    assert used == {("AddAnyPortMapping", str(PORT), igd.IP_2),
                    ("AddAnyPortMapping", str(PORT + 1), igd.IP_2)}  # fmt: skip
    bench.stop()


@pytest.mark.parametrize("reserved", ["0", "65536", "00008012345", "-5", "x"])
def test_a_port_that_there_is_not_is_not_believed(reserved):
    bench = Bench(speaks={"upnp"}, types=(igd.IP_2,), reserved=reserved)
    bench.start()
    assert (bench.port, bench.status.state) == (0, "failed")
    assert "it tells of port" in bench.status.troubles["upnp"]
    bench.stop()


def test_one_that_maps_and_does_not_keep_it_is_not_asked_all_the_time(monkeypatch):
    async def unreachable(*_):
        raise UnreachableError("it does not answer any more")

    monkeypatch.setattr(FamilyMapper, "_check", unreachable)
    bench = Bench(speaks={"natpmp"})
    bench.start(600.0)
    assert 2 * 5 <= len(bench.gateway.asked) <= 2 * 10
    bench.stop()


def test_a_gateway_of_permanent_mappings_is_asked_for_one_and_it_is_taken_away():
    bench = Bench(speaks={"upnp"}, permanent_only=True)
    bench.start()
    assert bench.gateway.mappings["TCP", PORT] == (OURS, PORT, 0)
    tcp = bench.status.ports[0]
    assert (tcp.lease, tcp.expiry) == (0, None)
    bench.stop()
    assert bench.gateway.mappings == {}


@pytest.mark.parametrize(
    ("refusal", "words"), [(727, "all ports"), (718, "another machine"), (606, "authorized")]
)
def test_refusals_are_told_and_tried_again_later_and_later(refusal, words):
    bench = Bench(speaks={"upnp"}, refuses=True, refusal=refusal)
    bench.start(2.0)
    status = bench.status
    assert status.state == "failed"
    assert words in status.troubles["upnp"]
    assert FIRST_WAIT - 2 <= status.next_try <= 1.25 * FIRST_WAIT
    bench.run(12 * 3600)
    failures = value(bench.mapper.measures(), "nat_failures_total", "ipv4")
    assert 14 <= failures <= 20
    assert bench.status.next_try <= 1.25 * LONGEST_WAIT
    bench.gateway.refusal = 0
    bench.run(1.25 * LONGEST_WAIT)
    assert bench.port == PORT
    assert bench.status.next_try is None
    bench.stop()


def test_a_gateway_that_says_nothing_is_not_waited_for_without_end():
    bench = Bench(speaks=set())
    bench.start(25.0)
    assert bench.status.state == "failed"
    assert set(bench.status.troubles) == {"pcp", "natpmp", "upnp"}
    assert bench.gateway.sockets == 0
    bench.stop()


def test_one_that_answered_once_is_looked_for_anew_when_it_is_silent():
    bench = Bench(speaks={"natpmp"})
    bench.start()
    bench.gateway.speaks = {"upnp"}
    bench.run(CHECK_SECONDS + 60)
    assert bench.status.protocol == "upnp"
    assert bench.port == PORT
    bench.stop()


def test_who_is_not_the_gateway_is_not_believed():
    bench = Bench(speaks={"upnp"}, refuses=True, answers_from="192.168.1.66")
    bench.start(20.0)
    assert bench.gateway.mappings == {}
    assert "192.168.1.66 did, and is not it" in bench.status.troubles["upnp"]
    assert not [each for each in bench.gateway.asked if each[0] == "upnp"]
    bench.stop()


def test_a_description_that_leads_elsewhere_is_not_followed():
    bench = Bench(speaks={"upnp"}, refuses=True, control_host="169.254.169.254")
    bench.start(20.0)
    assert not [each for each in bench.gateway.asked if each[0] == "upnp"]
    assert "nothing that maps ports" in bench.status.troubles["upnp"]
    bench.stop()


def test_an_address_that_is_none_of_the_internet_means_another_nat():
    bench = Bench(outside="100.64.3.4")
    bench.start()
    assert bench.status.behind_nat
    assert bench.status.external_host == "100.64.3.4"
    bench.stop()


def test_another_address_of_the_gateway_is_seen():
    bench = Bench(speaks={"natpmp"})
    bench.start()
    bench.gateway.outside = "81.2.69.200"
    bench.run(CHECK_SECONDS + 1)
    assert bench.seen[-1] == (GATEWAY, "81.2.69.200")
    assert bench.status.external_host == "81.2.69.200"
    bench.stop()


def test_without_a_gateway_nothing_is_sent_and_one_that_comes_is_found():
    bench = Bench()
    bench.network.table[False] = []
    bench.start(100.0)
    assert bench.status.state == "no_gateway"
    assert bench.status.troubles == {"": "there is no way to the internet"}
    assert bench.gateway.asked == []
    bench.network.table[False] = [Route("eth0", GATEWAY, 0)]
    bench.run(LOOK_SECONDS + 1)
    assert bench.port == PORT
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
