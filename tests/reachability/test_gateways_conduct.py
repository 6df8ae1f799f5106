"""What gateways do: they choose, refuse, are silent, lie, and go."""

from __future__ import annotations

import pytest

from p2pd.protocols.nat import igd
from p2pd.protocols.nat.mapping import PortKind
from p2pd.reachability.family_mapper import (
    CHECK_SECONDS,
    FIRST_WAIT,
    LONGEST_WAIT,
    LOOK_SECONDS,
    FamilyMapper,
)
from p2pd.reachability.gateway_link import UnreachableError
from p2pd.reachability.gateways import Route
from tests.reachability.mapper_bench import PORT, Bench, value
from tests.reachability.scripted_gateway import GATEWAY, OURS


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
