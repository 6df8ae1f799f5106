"""Who asks too much is not answered, and its neighbours are."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from p2pd.base.addresses import PeerAddress
from p2pd.discovery.dht.query_limits import QueryLimits, QueryRates

RATES = QueryRates(of_one=10, of_all=100, bytes_of_all=10_000, burst_seconds=2, networks=100)


def one(number: int = 1) -> PeerAddress:
    return PeerAddress(f"203.0.113.{number}", 6881)


def allowed(limits: QueryLimits, address: PeerAddress, count: int, now: float) -> int:
    return sum(limits.allows(address, 10, now) for _ in range(count))


def test_one_address_has_its_share_and_the_next_its_own() -> None:
    limits = QueryLimits(0.0, RATES)
    assert allowed(limits, one(1), 50, 0.0) == 20
    assert allowed(limits, PeerAddress(one(1).host, 7), 50, 0.0) == 0
    assert allowed(limits, one(2), 50, 0.0) == 20
    assert limits.refused_of_one == 30 + 50 + 30
    assert allowed(limits, one(1), 50, 1.0) == 10


def test_a_whole_v6_network_is_one_address() -> None:
    limits = QueryLimits(0.0, RATES)
    asked = [PeerAddress(f"2001:db8::{n:x}", 1) for n in range(1, 100)]
    assert sum(limits.allows(address, 10, 0.0) for address in asked) == 20
    assert allowed(limits, PeerAddress("2001:db8:0:1::1", 1), 5, 0.0) == 5


def test_all_together_have_a_share_in_queries_and_in_bytes() -> None:
    limits = QueryLimits(0.0, RATES)
    assert sum(allowed(limits, one(n), 5, 0.0) for n in range(1, 100)) == 200
    assert limits.refused_of_all == 99 * 5 - 200
    assert limits.allows(one(200), 10_000, 2.0)
    assert limits.allows(one(200), 10_000, 2.0)
    assert not limits.allows(one(200), 1, 2.0)
    assert limits.allows(one(200), 5_000, 2.5)


def test_nodes_of_our_own_machine_share_no_address_limit() -> None:
    limits = QueryLimits(0.0, RATES)
    assert allowed(limits, PeerAddress("127.0.0.1", 1), 150, 0.0) == 150
    assert allowed(limits, PeerAddress("192.168.1.1", 1), 150, 0.0) == 50


def test_the_table_is_bounded_and_whoever_asks_all_the_time_is_not_forgotten() -> None:
    rates = QueryRates(of_one=10, of_all=1e6, bytes_of_all=1e9, burst_seconds=2, networks=100)
    limits = QueryLimits(0.0, rates)
    passed = 0
    for number in range(5_000):
        limits.allows(PeerAddress(f"100.64.{number >> 8}.{number & 255}", 1), 10, 0.0)
        passed += allowed(limits, one(), 1, 0.0)
        assert limits.networks <= 100
    assert passed == 20


def test_a_clock_that_stands_or_goes_back_gives_nothing() -> None:
    limits = QueryLimits(100.0, RATES)
    assert allowed(limits, one(), 50, 100.0) == 20
    assert allowed(limits, one(), 50, 50.0) == 0
    assert allowed(limits, one(), 50, 101.0) == 10


@given(st.lists(st.tuples(st.integers(1, 5), st.integers(0, 2000), st.floats(0, 0.5)), min_size=1))
def test_no_order_of_queries_gets_more_than_the_rates(
    asked: list[tuple[int, int, float]],
) -> None:
    limits, now, got, size_of_all = QueryLimits(0.0, RATES), 0.0, dict[int, int](), 0
    for number, size, passed in asked:
        now += passed
        if limits.allows(one(number), size, now):
            got[number] = got.get(number, 0) + 1
            size_of_all += size
    assert all(count <= 10 * (now + 2) + 1e-6 for count in got.values())
    assert sum(got.values()) <= 100 * (now + 2) + 1e-6
    assert size_of_all <= 10_000 * (now + 2) + 1e-6
