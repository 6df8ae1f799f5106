"""Whole nodes in memory: they join, announce and find, with and without loss (BEP 5)."""

from __future__ import annotations

from p2pd.base.addresses import PeerAddress
from p2pd.discovery.dht.node import DhtNode
from p2pd.discovery.dht.outcomes import Announce, LookupOutcome
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


def test_fifty_nodes_find_each_other_though_datagrams_are_lost() -> None:
    network = DhtNetwork(seed=3, loss=0.2)
    nodes = network.joined(50)
    _, announced = find(network, nodes[3], announce=Announce(port=7000, implied_port=True))
    assert announced.announced_to >= 5
    found = [find(network, node)[0] for node in nodes[10::4]]
    assert all(peers == [network.address_of(nodes[3])] for peers in found)


def test_who_knows_nobody_is_told_so() -> None:
    network = DhtNetwork()
    alone = network.add(0)
    peers, outcome = find(network, alone)
    assert peers == []
    assert outcome.error
    assert outcome.queried == 0
