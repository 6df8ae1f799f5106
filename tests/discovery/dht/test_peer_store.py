"""Peers that were announced: found again, counted, bounded and forgotten."""

from __future__ import annotations

import random
import tracemalloc
from time import process_time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from p2pd.base.addresses import PeerAddress
from p2pd.discovery.dht.bloom_filter import BloomFilter, filter_of
from p2pd.discovery.dht.hosts import packed_host
from p2pd.discovery.dht.peer_store import PeerLimits, PeerStore

HASH = b"h" * 20
MINUTE = 60.0


def store(**limits: float) -> PeerStore:
    return PeerStore(random.Random(1), PeerLimits(**limits))  # type: ignore[arg-type]


def info_hash(number: int) -> bytes:
    return number.to_bytes(20, "big")


def host(number: int) -> str:
    return f"100.{64 + (number >> 16)}.{number >> 8 & 255}.{number & 255}"


def at(number: int, port: int = 6881) -> PeerAddress:
    return PeerAddress(host(number), port)


def test_peers_are_found_again() -> None:
    peers = store()
    for number in range(5):
        assert peers.add(HASH, at(number), False, 0.0)
    assert set(peers.peers(HASH, 50, 1.0)) == {at(number) for number in range(5)}
    assert peers.compact_peers(HASH, 1, 1.0)[0][-2:] == (6881).to_bytes(2, "big")
    assert peers.peers(b"x" * 20, 50, 1.0) == []
    assert (peers.info_hashes, peers.peer_count) == (1, 5)


def test_an_address_is_there_once_with_its_latest_port_and_state() -> None:
    peers = store()
    peers.add(HASH, at(1, 1000), False, 0.0)
    peers.add(HASH, at(1, 2000), True, 1.0)
    assert peers.peers(HASH, 50, 2.0) == [at(1, 2000)]
    assert peers.peers(HASH, 50, 2.0, noseed=True) == []
    peers.add(HASH, at(1, 2000), False, 3.0)
    assert peers.peers(HASH, 50, 4.0, noseed=True) == [at(1, 2000)]
    assert peers.peer_count == 1


def test_of_our_own_network_each_port_counts() -> None:
    peers = store()
    addresses = {PeerAddress("127.0.0.1", port) for port in range(1000, 1010)}
    for address in addresses:
        peers.add(HASH, address, False, 0.0)
    assert set(peers.peers(HASH, 50, 1.0)) == addresses


def test_families_are_kept_apart() -> None:
    peers = store()
    six = PeerAddress("2001:db8::1", 6881)
    peers.add(HASH, at(1), False, 0.0)
    peers.add(HASH, six, True, 0.0)
    assert peers.peers(HASH, 50, 1.0) == [at(1)]
    assert peers.peers(HASH, 50, 1.0, ipv6=True) == [six]
    assert peers.scrape(HASH, ipv6=True) == (filter_of([packed_host(six.host)]), bytes(256))
    assert peers.scrape(HASH) == (bytes(256), filter_of([packed_host(host(1))]))


def test_of_many_it_names_others_each_time() -> None:
    peers = store()
    for number in range(200):
        peers.add(HASH, at(number), False, 0.0)
    answers = [peers.peers(HASH, 20, 1.0) for _ in range(100)]
    assert all(len(set(answer)) == 20 for answer in answers)
    assert len({address for answer in answers for address in answer}) > 190


def test_a_scrape_counts_seeds_and_peers_apart() -> None:
    peers = store()
    for number in range(300):
        peers.add(HASH, at(number), number % 3 == 0, 0.0)
    scraped = peers.scrape(HASH)
    assert scraped is not None
    seeds, others = map(BloomFilter, scraped)
    assert seeds.estimate() == pytest.approx(100, rel=0.1)
    assert others.estimate() == pytest.approx(200, rel=0.1)
    peers.add(HASH, at(1), True, 1.0)
    assert peers.scrape(HASH) != scraped
    assert peers.scrape(b"x" * 20) is None


def test_after_three_quarters_of_an_hour_a_peer_is_forgotten() -> None:
    peers = store()
    peers.add(HASH, at(1), False, 0.0)
    peers.add(HASH, at(2), False, 0.0)
    peers.add(info_hash(1), at(1), False, 0.0)
    peers.add(HASH, at(1), False, 30 * MINUTE)
    assert set(peers.peers(HASH, 50, 45 * MINUTE - 1)) == {at(1), at(2)}
    assert peers.peers(HASH, 50, 45 * MINUTE) == [at(1)]
    assert peers.info_hashes == 1
    assert peers.peers(HASH, 50, 75 * MINUTE) == []
    assert (peers.info_hashes, peers.peer_count, peers.memory) == (0, 0, 0)


def test_one_address_cannot_fill_it() -> None:
    peers = store(of_one_network=30)
    assert sum(peers.add(info_hash(n), at(1), False, 0.0) for n in range(100)) == 30
    six = [PeerAddress(f"2001:db8::{n:x}", 1) for n in range(1, 101)]
    assert sum(peers.add(info_hash(n), six[n], False, 0.0) for n in range(100)) == 30
    assert peers.refused == 140
    assert peers.add(info_hash(3), at(1), True, 1.0)
    assert peers.add(info_hash(500), at(2), False, 1.0)
    peers.expire(46 * MINUTE)
    assert peers.add(info_hash(50), at(1), False, 46 * MINUTE)


def test_one_v6_network_cannot_fill_a_swarm() -> None:
    peers = store(ipv6_network_in_swarm=8)
    for number in range(1, 101):
        peers.add(HASH, PeerAddress(f"2001:db8::{number:x}", 1), False, 0.0)
    peers.add(HASH, PeerAddress("2001:db8:0:1::1", 1), False, 0.0)
    assert len(peers.peers(HASH, 100, 1.0, ipv6=True)) == 9


def test_a_full_swarm_forgets_who_announced_longest_ago() -> None:
    peers = store(peers_of_one=50)
    for number in range(120):
        peers.add(HASH, at(number), False, float(number))
    assert set(peers.peers(HASH, 100, 121.0)) == {at(number) for number in range(70, 120)}


def test_a_full_store_forgets_small_swarms_first() -> None:
    peers = store(info_hashes=50)
    for number in range(10):
        peers.add(HASH, at(number), False, 0.0)
    for number in range(1000):
        peers.add(info_hash(number), at(number), False, 1.0)
        assert peers.info_hashes <= 50
    assert len(peers.peers(HASH, 50, 2.0)) == 10
    assert peers.peers(info_hash(999), 50, 2.0) == [at(999)]


def test_memory_is_bounded_too() -> None:
    peers = store(memory=100_000, peers_of_one=100_000)
    for number in range(2000):
        peers.add(HASH if number % 2 else info_hash(number), at(number), False, 0.0)
        assert peers.memory <= 100_000
    assert peers.peers(HASH, 1, 1.0)
    tiny = store(memory=10)
    tiny.add(HASH, at(1), False, 0.0)
    tiny.add(HASH, at(2), False, 0.0)
    assert tiny.peers(HASH, 5, 1.0) == [at(2)]


def test_a_sample_is_of_what_is_there() -> None:
    peers = store(info_hashes=100)
    for number in range(300):
        peers.add(info_hash(number), at(number), False, 0.0)
    assert len(set(peers.sample(20))) == 20
    there = set(peers.sample(1000))
    assert len(there) == peers.info_hashes == 100
    assert all(peers.peers(each, 1, 1.0) for each in there)
    assert len({each for _ in range(200) for each in peers.sample(20)}) == 100


@given(
    st.lists(
        st.tuples(
            st.integers(0, 12), st.integers(0, 12), st.booleans(), st.floats(0, 600), st.booleans()
        ),
        max_size=80,
    )
)
def test_it_holds_what_a_plain_list_holds(
    announces: list[tuple[int, int, bool, float, bool]],
) -> None:
    peers, now = store(), 0.0
    known = dict[tuple[bytes, PeerAddress], tuple[bool, float]]()
    for number, peer, seed, passed, ipv6 in announces:
        now += passed
        address = PeerAddress(f"2001:db8:0:{peer + 1:x}::1", 9) if ipv6 else at(peer)
        assert peers.add(info_hash(number), address, seed, now)
        known[info_hash(number), address] = (seed, now)
        known = {key: each for key, each in known.items() if each[1] > now - 45 * MINUTE}
    for each in range(13):
        for family in (False, True):
            of_hash = {
                address: seed
                for (key, address), (seed, _) in known.items()
                if key == info_hash(each) and address.is_ipv6 is family
            }
            assert set(peers.peers(info_hash(each), 99, now, ipv6=family)) == set(of_hash)
            assert set(peers.peers(info_hash(each), 99, now, True, ipv6=family)) == {
                address for address, seed in of_hash.items() if not seed
            }
            seeds = [packed_host(address.host) for address, seed in of_hash.items() if seed]
            assert (peers.scrape(info_hash(each), ipv6=family) or (bytes(256),))[0] == filter_of(
                seeds
            )
    assert peers.peer_count == len(known)
    assert set(peers.sample(100)) == {key for key, _ in known}
    peers.expire(now + 46 * MINUTE)
    assert (peers.peer_count, peers.info_hashes) == (0, 0)
    assert not peers._of_network


def test_a_hundred_thousand_peers_cost_what_ten_do_and_no_more_memory_than_is_told() -> None:
    def fill(peers: PeerStore, first: int, last: int) -> None:
        for number in range(first, last):
            peers.add(info_hash(number // 4), at(number), False, 0.0)

    peers = store(info_hashes=25_000, memory=10**9)
    tracemalloc.start()
    before = tracemalloc.get_traced_memory()[0]
    fill(peers, 0, 4_000)
    for number in range(1_000):
        peers.peers(info_hash(number), 50, 0.0)
        peers.scrape(info_hash(number))
    taken = tracemalloc.get_traced_memory()[0] - before
    tracemalloc.stop()
    assert taken <= peers.memory
    fill(peers, 4_000, 100_000)
    assert (peers.peer_count, peers.info_hashes) == (100_000, 25_000)
    began = process_time()
    for number in range(1_000):
        peers.peers(info_hash(number), 50, 1.0)
        peers.add(info_hash(10**6 + number), at(200_000 + number), False, 1.0)
        peers.sample(20)
    assert process_time() - began < 0.5
