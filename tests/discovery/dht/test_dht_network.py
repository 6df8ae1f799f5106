"""Whole nodes in memory: they join, announce and find, with and without loss (BEP 5)."""

from __future__ import annotations

import pytest

from p2pd.base.addresses import PeerAddress
from p2pd.discovery.dht.bloom_filter import filter_of
from p2pd.discovery.dht.hosts import packed_host
from p2pd.discovery.dht.node import DhtNode
from p2pd.discovery.dht.node_ids import as_number
from p2pd.discovery.dht.outcomes import Announce, LookupOutcome
from p2pd.discovery.dht.swarm_count import SwarmCount
from tests.discovery.dht.dht_network import DhtNetwork

HASH = b"\x5a" * 20


def find(
    network: DhtNetwork, node: DhtNode, info_hash: bytes = HASH, **more: object
) -> tuple[list[PeerAddress], LookupOutcome]:
    """Run one lookup to its end."""
    peers: list[PeerAddress] = []
    outcomes: list[LookupOutcome] = []
    node.find_peers(info_hash, network.now, found=peers.extend, done=outcomes.append, **more)  # type: ignore[arg-type]
    network.run_until(lambda: outcomes)
    return peers, outcomes[0]


def test_two_nodes_find_each_other_and_what_they_announce() -> None:
    network = DhtNetwork()
    one, two = network.joined(2)
    assert len(one.table) == len(two.table) == 1
    assert find(network, one)[0] == []
    _, announced = find(network, one, announce=Announce(port=51413))
    assert announced.announced_to == 1
    peers, outcome = find(network, one)
    assert peers == [PeerAddress(network.address_of(one).host, 51413)]
    assert (outcome.hops, outcome.queried, outcome.answered, outcome.error) == (1, 1, 1, "")


def test_fifty_nodes_find_what_any_of_them_announced() -> None:
    network = DhtNetwork()
    nodes = network.joined(50)
    assert all(len(node.table) >= 8 for node in nodes)
    _, announced = find(network, nodes[7], announce=Announce(port=7000, implied_port=True))
    assert announced.announced_to == 8
    for node in nodes[10::8]:
        peers, outcome = find(network, node)
        assert peers == [network.address_of(nodes[7])]
        assert outcome.hops <= 4
        assert outcome.answered >= 8


@pytest.mark.parametrize("seed", range(4))
def test_who_joins_when_all_others_do_knows_nodes_far_away_as_well(seed: int) -> None:
    network = DhtNetwork(seed=seed)
    nodes = [network.add(index) for index in range(50)]
    for node in nodes[1:]:
        node.add_router(network.address_of(nodes[0]), network.now)
    network.run(60)
    for node in nodes:
        *far, _ = node.table.buckets
        assert all(len(bucket.nodes) >= 3 for bucket in far)
        assert len(far[0].nodes) == 8
    find(network, nodes[7], announce=Announce(port=7000, implied_port=True))
    assert all(find(network, node)[0] == [network.address_of(nodes[7])] for node in nodes[10::8])


def test_fifty_nodes_find_each_other_though_datagrams_are_lost() -> None:
    network = DhtNetwork(seed=3, loss=0.2)
    nodes = network.joined(50)
    _, announced = find(network, nodes[3], announce=Announce(port=7000, implied_port=True))
    assert announced.announced_to >= 5
    found = [find(network, node)[0] for node in nodes[10::4]]
    assert all(peers == [network.address_of(nodes[3])] for peers in found)


def test_a_swarm_is_counted_over_many_nodes() -> None:
    network = DhtNetwork()
    nodes = network.joined(40)
    for index, node in enumerate(nodes[:30]):
        find(network, node, announce=Announce(port=7000, seed=index % 3 == 0))
    _, outcome = find(network, nodes[35], scrape=True)
    assert outcome.seeds_estimate == pytest.approx(10, abs=1)
    assert outcome.peers_estimate == pytest.approx(20, abs=2)
    assert outcome.peers == 30
    seeds, _ = find(network, nodes[35], noseed=True)
    assert len(seeds) == 20
    _, unknown = find(network, nodes[35], b"\x01" * 20, scrape=True)
    assert (unknown.seeds_estimate, unknown.peers_estimate) == (None, None)


def test_nodes_that_know_no_filters_are_counted_by_the_peers_they_tell_of() -> None:
    count = SwarmCount()
    assert count.estimates() == (None, None)
    peers = [PeerAddress(f"60.{index}.1.1", 1) for index in range(20)]
    seeds = filter_of(packed_host(peer.host) for peer in peers[:5])
    count.add({b"BFsd": seeds, b"BFpe": bytes(256)}, peers[:5])
    count.add({}, peers)
    count.add({}, peers[10:])
    seeds_estimate, peers_estimate = count.estimates()
    assert seeds_estimate == pytest.approx(5, abs=0.1)
    assert peers_estimate == pytest.approx(15, abs=0.5)


def test_two_families_are_two_networks_whose_nodes_tell_of_each_other() -> None:
    network = DhtNetwork()
    four = [network.add(index) for index in range(12)]
    six = [network.add(index, ipv6=True) for index in range(12)]
    for one, other in zip(four, six, strict=True):
        one.sibling, other.sibling = other, one
    for node in four[1:]:
        node.add_node(network.address_of(four[0]), network.now)
        network.run(1)
    # Of the IPv6 network only the first two were introduced: the others hear of it over IPv4.
    six[1].add_node(network.address_of(six[0]), network.now)
    network.run(1000)
    assert all(len(node.table) >= 8 for node in four)
    assert all(len(node.table) >= 8 for node in six)
    assert all(entry.address.is_ipv6 for node in six for entry in node.table)
    find(network, six[3], announce=Announce(port=7000))
    peers, _ = find(network, six[9])
    assert peers == [PeerAddress(network.address_of(six[3]).host, 7000)]
    assert find(network, four[9])[0] == []


def test_a_read_only_node_finds_and_is_in_nobodys_table() -> None:
    network = DhtNetwork()
    nodes = network.joined(20)
    reader = network.add(100, read_only=True)
    reader.add_node(network.address_of(nodes[0]), network.now)
    find(network, nodes[3], announce=Announce(port=7000))
    network.run(30)
    assert find(network, reader)[0] == [PeerAddress(network.address_of(nodes[3]).host, 7000)]
    where = network.address_of(reader)
    assert all(node.table.find(where) is None for node in nodes)
    assert len(reader.table) >= 8


def test_routers_are_asked_and_never_kept() -> None:
    network = DhtNetwork()
    nodes = network.joined(20)
    newcomer = network.add(50)
    router = network.address_of(nodes[0])
    newcomer.add_router(router, network.now)
    network.run(10)
    assert len(newcomer.table) >= 8
    assert newcomer.table.find(router) is None
    newcomer.add_node(router, network.now)
    network.run(10)
    assert newcomer.table.find(router) is None


def test_a_lookup_that_begins_before_the_network_was_joined_waits_for_it() -> None:
    network = DhtNetwork()
    nodes = network.joined(30)
    find(network, nodes[3], announce=Announce(port=7000))
    newcomer = network.add(50)
    newcomer.add_router(network.address_of(nodes[0]), network.now)
    peers, outcome = find(network, newcomer)
    assert peers == [PeerAddress(network.address_of(nodes[3]).host, 7000)]
    assert outcome.error == ""


def test_saved_nodes_are_a_way_back() -> None:
    network = DhtNetwork()
    nodes = network.joined(30)
    saved = nodes[4].nodes_to_save()
    assert len(saved) == len(nodes[4].table)
    again = network.add(60)
    for node_id, address in saved:
        again.add_node(address, network.now, node_id)
    network.run(20)
    assert len(again.table) >= 8


def test_nodes_that_leave_are_replaced_and_what_is_stale_is_looked_up() -> None:
    network = DhtNetwork()
    nodes = network.joined(40)
    gone = nodes[20:]
    for node in gone:
        del network.nodes[network.address_of(node)]
    network.run(3600)
    alive = set(network.nodes)
    for node in nodes[:20]:
        told = {entry.address for entry in node.table.closest(as_number(HASH), 8)}
        assert told <= alive
        assert len(told) == 8
        status = node.status()
        assert status.bad <= status.good
        assert status.queries_out["find_node"] > 20


def test_who_was_given_a_wrong_address_finds_the_network_later() -> None:
    network = DhtNetwork()
    node = network.add(0)
    later = network.address(1)
    node.add_node(later, network.now)
    network.run(40)
    assert len(node.table) == 0
    network.add(1)
    network.run(200)
    assert len(node.table) == 1


def test_who_knows_nobody_is_told_so() -> None:
    network = DhtNetwork()
    alone = network.add(0)
    peers, outcome = find(network, alone)
    assert peers == []
    assert outcome.error
    assert outcome.queried == 0
