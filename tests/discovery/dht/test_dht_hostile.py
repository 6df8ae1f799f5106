"""What strangers send that no node would: counters change, and nothing else (BEP 5, BEP 42)."""

from __future__ import annotations

import random
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from p2pd.base.addresses import PeerAddress
from p2pd.discovery.dht.node import DhtNode
from p2pd.discovery.dht.node_ids import bound_node_id, fits_address
from p2pd.discovery.dht.options import DhtOptions
from p2pd.discovery.dht.outcomes import Announce, LookupOutcome
from p2pd.protocols.krpc.compact import Contact, pack_address, pack_contacts
from p2pd.protocols.krpc.messages import KrpcError, Query, Response, parse
from tests.discovery.dht.dht_network import DhtNetwork

HASH = b"\x5a" * 20
NOW = 100.0
ELSEWHERE = PeerAddress("77.7.7.7", 7777)


def near(index: int) -> bytes:
    """An id that is close to the hash."""
    return HASH[:18] + index.to_bytes(2, "big")


class Strangers:
    """Answers of made-up nodes: `reply` has the values for a query, None for silence."""

    def __init__(self, network: DhtNetwork, reply: Any) -> None:
        self.queries: list[tuple[PeerAddress, Query]] = []
        self._reply = reply
        network.listening = self.answer

    def answer(self, source: PeerAddress, to: PeerAddress, data: bytes) -> bytes | None:
        message = parse(data)
        if not isinstance(message, Query):
            return None
        self.queries.append((to, message))
        values = self._reply(to, message)
        return None if values is None else Response(message.transaction, values).encode()

    def asked_for_peers(self) -> list[PeerAddress]:
        return [to for to, query in self.queries if query.method == b"get_peers"]


def look_up(
    network: DhtNetwork, node: DhtNode, **more: Any
) -> tuple[list[PeerAddress], LookupOutcome]:
    peers: list[PeerAddress] = []
    outcomes: list[LookupOutcome] = []
    node.find_peers(HASH, network.now, found=peers.extend, done=outcomes.append, **more)
    network.run_until(lambda: outcomes)
    return peers, outcomes[0]


def alone_with(network: DhtNetwork, address: PeerAddress, node_id: bytes) -> DhtNode:
    """A node whose table has one stranger."""
    node = network.add(0)
    node.table.answered(node_id, address, 0.1, network.now)
    return node


def test_an_answer_counts_only_from_the_address_that_was_asked() -> None:
    node = DhtNode(bytes(20), ipv6=False, rng=random.Random(1), now=NOW)
    asked = PeerAddress("81.2.3.4", 6881)
    node.add_node(asked, NOW)
    ((data, to),) = node.datagrams_to_send()
    assert to == asked
    transaction = parse(data).transaction
    assert len(transaction) == 4
    answer = Response(transaction, {b"id": HASH}).encode()
    for wrong in (ELSEWHERE, PeerAddress(asked.host, 1), PeerAddress("81.2.3.5", 6881)):
        node.receive_datagram(answer, wrong, NOW)
    node.receive_datagram(Response(b"guess", {b"id": HASH}).encode(), asked, NOW)
    assert node.status().unasked == 4
    assert len(node.table) == 0
    node.receive_datagram(answer, asked, NOW)
    node.receive_datagram(answer, asked, NOW)
    assert node.status().unasked == 5
    assert len(node.table) == 1


def test_transaction_ids_are_by_chance() -> None:
    node = DhtNode(bytes(20), ipv6=False, rng=random.Random(1), now=NOW)
    for index in range(8):
        node.add_node(PeerAddress(f"81.2.{index}.4", 6881), NOW)
    ids = [int.from_bytes(parse(data).transaction, "big") for data, _ in node.datagrams_to_send()]
    assert len(set(ids)) == 8
    steps = {after - before for before, after in pairwise(ids)}
    assert len(steps) == 7


@pytest.mark.parametrize(
    "values",
    [
        {},
        {b"id": b"short"},
        {b"id": 5},
        {b"id": near(9), b"nodes": b"x" * 25},
        {b"id": near(9), b"nodes": [1]},
        {b"id": near(9), b"values": b"no list"},
        {b"id": near(9), b"token": 7},
        {b"id": near(9), b"token": b"x" * 500},
        {b"id": near(9), b"BFsd": b"x", b"BFpe": b"y"},
        {b"id": bytes(20)},
    ],
)
def test_a_node_that_answers_with_rubbish_is_of_no_use(values: dict[bytes, Any]) -> None:
    network = DhtNetwork()
    address = PeerAddress("81.2.3.4", 6881)
    strangers = Strangers(network, lambda to, query: values)
    node = alone_with(network, address, near(9))
    peers, outcome = look_up(network, node, scrape=True, announce=Announce(1000))
    assert peers == []
    assert outcome.error
    assert outcome.announced_to == 0
    assert not any(query.method == b"announce_peer" for _, query in strangers.queries)


def test_nodes_that_tell_of_themselves_of_us_and_of_each_other_end_the_lookup() -> None:
    network = DhtNetwork()
    addresses = [PeerAddress(f"90.{index}.1.1", 1000) for index in range(20)]
    contacts = [Contact(near(index), address) for index, address in enumerate(addresses)]
    nodes: list[DhtNode] = []

    def reply(to: PeerAddress, query: Query) -> dict[bytes, Any]:
        ours = [Contact(nodes[0].node_id, network.address(0)), Contact(nodes[0].node_id, to)]
        told = pack_contacts(contacts[:16] + ours)
        return {b"id": near(addresses.index(to)), b"nodes": told, b"token": b"t"}

    strangers = Strangers(network, reply)
    nodes.append(alone_with(network, addresses[0], near(0)))
    _, outcome = look_up(network, nodes[0])
    assert outcome.answered == outcome.queried <= 16
    assert len(set(strangers.asked_for_peers())) == len(strangers.asked_for_peers())


def test_a_lookup_that_is_led_on_for_ever_ends() -> None:
    network = DhtNetwork()
    count = 0

    def reply(to: PeerAddress, query: Query) -> dict[bytes, Any]:
        nonlocal count
        told = []
        for _ in range(20):
            count += 1
            # Each is closer than all before, and none fits its address.
            closer = HASH[:10] + (2**80 - 1 - count).to_bytes(10, "big")
            host = f"{30 + count // 65536}.{count // 256 % 256}.{count % 256}.1"
            told.append(Contact(bytes(a ^ b for a, b in zip(closer, bytes(20), strict=True)),
                                PeerAddress(host, 1000)))  # fmt: skip
        return {b"id": ids.get(to, HASH), b"nodes": pack_contacts(told), b"token": b"t"}

    ids: dict[PeerAddress, bytes] = {}
    first = PeerAddress("90.1.1.1", 1000)
    ids[first] = near(0)
    strangers = Strangers(network, reply)
    node = alone_with(network, first, near(0))
    _, outcome = look_up(network, node)
    assert len(strangers.asked_for_peers()) <= DhtOptions().queries_of_a_lookup
    assert outcome.seconds <= DhtOptions().lookup_seconds + 10


def test_of_one_network_one_node_is_asked_in_a_lookup() -> None:
    network = DhtNetwork()
    crowd = [Contact(near(index), PeerAddress(f"66.6.6.{index}", 1000)) for index in range(1, 19)]
    first = PeerAddress("90.1.1.1", 1000)
    told = {contact.address: contact.node_id for contact in crowd} | {first: b"\x5b" * 20}

    def reply(to: PeerAddress, query: Query) -> dict[bytes, Any]:
        return {b"id": told[to], b"nodes": pack_contacts(crowd), b"token": b"t"}

    strangers = Strangers(network, reply)
    node = alone_with(network, first, b"\x5b" * 20)
    look_up(network, node)
    crowded = [to for to in strangers.asked_for_peers() if to.host.startswith("66.")]
    assert len(crowded) == 1
    assert sum(entry.address.host.startswith("66.") for entry in node.table) <= 1


def test_addresses_of_our_own_network_are_not_believed_from_the_internet() -> None:
    network = DhtNetwork()
    first = PeerAddress("90.1.1.1", 1000)
    hosts = ["127.0.0.1", "10.0.0.1", "192.168.1.1", "169.254.3.4"]
    told = [Contact(near(index), PeerAddress(host, 53)) for index, host in enumerate(hosts)]
    values = [pack_address(contact.address) for contact in told] + [b"\x05\x06\x07\x08\x1a\xe1"]

    def reply(to: PeerAddress, query: Query) -> dict[bytes, Any]:
        return {b"id": b"\x5b" * 20, b"nodes": pack_contacts(told), b"values": values}

    strangers = Strangers(network, reply)
    peers, _ = look_up(network, alone_with(network, first, b"\x5b" * 20))
    network.run(30)
    assert peers == [PeerAddress("5.6.7.8", 6881)]
    assert {to for to, _ in strangers.queries} == {first}


def test_a_node_that_answers_under_another_id_than_was_told_is_not_announced_to() -> None:
    network = DhtNetwork()
    first, liar = PeerAddress("90.1.1.1", 1000), PeerAddress("91.1.1.1", 1000)

    def reply(to: PeerAddress, query: Query) -> dict[bytes, Any]:
        told = pack_contacts([Contact(near(1), liar)])
        node_id = b"\x5b" * 20 if to == first else near(2)
        return {b"id": node_id, b"nodes": told, b"token": b"t"}

    strangers = Strangers(network, reply)
    _, outcome = look_up(network, alone_with(network, first, b"\x5b" * 20), announce=Announce(1000))
    assert outcome.announced_to == 1
    announced = [to for to, query in strangers.queries if query.method == b"announce_peer"]
    assert announced == [first]


def test_ids_made_for_a_target_do_not_keep_honest_nodes_from_being_announced_to() -> None:
    network = DhtNetwork()
    nodes = network.joined(40)
    sybils = {PeerAddress(f"66.{index}.6.6", 1000): near(index) for index in range(16)}
    contacts = [Contact(node_id, address) for address, node_id in sybils.items()]

    def reply(to: PeerAddress, query: Query) -> dict[bytes, Any] | None:
        if to not in sybils:
            return None
        return {b"id": sybils[to], b"nodes": pack_contacts(contacts[:8]), b"token": b"t"}

    Strangers(network, reply)
    for address, node_id in sybils.items():
        assert not fits_address(node_id, address.host)
        nodes[1].add_node(address, network.now, node_id)
    network.run(20)
    announcer = nodes[1]
    look_up(network, announcer, announce=Announce(4242))
    stored = [node for node in nodes if node.stores.peers.info_hashes]
    assert len(stored) >= 8
    peers, _ = look_up(network, nodes[30])
    assert peers == [PeerAddress(network.address_of(announcer).host, 4242)]


def test_a_flood_of_forged_queries_does_not_make_us_ping_without_end() -> None:
    node = DhtNode(bytes(20), ipv6=False, rng=random.Random(1), now=NOW)
    rng = random.Random(2)
    pings = 0
    for index in range(3000):
        by = PeerAddress(f"{20 + index // 250}.{index % 250}.1.1", 6881)
        query = Query(b"tx", b"ping", {b"id": rng.randbytes(20)}).encode()
        node.receive_datagram(query, by, NOW + index / 1000)
        pings += sum(isinstance(parse(data), Query) for data, _ in node.datagrams_to_send())
    assert pings == DhtOptions().pings
    assert len(node.table) == 0


def test_an_error_or_an_answer_is_never_answered() -> None:
    node = DhtNode(bytes(20), ipv6=False, rng=random.Random(1), now=NOW)
    for message in (KrpcError(b"aa", 203, "no"), Response(b"aa", {b"id": HASH})):
        node.receive_datagram(message.encode(), ELSEWHERE, NOW)
    node.receive_datagram(b"d1:y1:qe", ELSEWHERE, NOW)
    node.receive_datagram(
        Query(b"aa", b"ping", {b"id": HASH}).encode(), PeerAddress("1.2.3.4", 0), NOW
    )
    assert node.datagrams_to_send() == []


def test_what_is_under_way_is_bounded() -> None:
    options = DhtOptions(lookups=5, waiting_lookups=20, outstanding=16)
    network = DhtNetwork()
    node = network.add(0, options=options)
    for index in range(60):
        node.table.answered(
            network.rng.randbytes(20), PeerAddress(f"90.{index}.1.1", 1000), 0.1, network.now
        )
    outcomes: list[LookupOutcome] = []
    for _ in range(100):
        target = network.rng.randbytes(20)
        node.find_peers(target, network.now, found=lambda peers: None, done=outcomes.append)
        status = node.status()
        assert status.lookups_running <= 5
        assert status.lookups_waiting <= 20
        assert status.outstanding <= 16
    network.run_until(lambda: len(outcomes) == 100, limit=1000)
    assert all(outcome.error for outcome in outcomes)
    assert sum(outcome.queried == 0 for outcome in outcomes) >= 75
    status = node.status()
    assert (status.lookups_running, status.lookups_waiting) == (0, 0)


def test_a_cancelled_lookup_says_nothing_and_makes_room() -> None:
    network = DhtNetwork()
    nodes = network.joined(10, options=DhtOptions(lookups=1))
    outcomes: list[LookupOutcome] = []
    operations = [
        nodes[0].find_peers(HASH, network.now, found=lambda peers: None, done=outcomes.append)
        for _ in range(3)
    ]
    operations[0].cancel()
    operations[1].cancel()
    network.run(20)
    assert len(outcomes) == 1
    operations[2].cancel()
    operations[0].cancel()
    assert nodes[0].status().lookups_running == 0


def test_our_address_is_believed_when_many_networks_agree_and_our_id_then_fits_it() -> None:
    network = DhtNetwork()
    node = network.add(0, node_id=b"\x99" * 20)
    changed: list[PeerAddress] = []
    node.address_changed = changed.append
    address = network.address_of(node)
    assert not fits_address(node.node_id, address.host)
    network.joined(0)
    others = [network.add(index) for index in range(1, 20)]
    for other in others:
        node.add_node(network.address_of(other), network.now)
        network.run(0.3)
    network.run(60)
    assert node.external_address == address
    assert changed == [address]
    assert fits_address(node.node_id, address.host)
    assert node.table.own_id == node.node_id
    assert len(node.table) >= 8
    assert any(entry.node_id == node.node_id for other in others for entry in other.table)


def test_a_few_liars_do_not_change_our_address() -> None:
    network = DhtNetwork()
    first = PeerAddress("90.1.1.1", 1000)
    node = network.add(0)
    forged = pack_address(PeerAddress("6.6.6.6", 666))
    liars = [PeerAddress(f"90.{index}.1.1", 1000) for index in range(3)]
    liars += [PeerAddress(f"90.9.9.{index}", 1000) for index in range(30)]

    def answer(source: PeerAddress, to: PeerAddress, data: bytes) -> bytes | None:
        message = parse(data)
        values = {b"id": bound_node_id(to.host, random.Random(to.host))}
        return Response(message.transaction, values, ip=forged).encode()

    network.listening = answer
    for liar in (first, *liars):
        node.add_node(liar, network.now)
    own = node.node_id
    network.run(30)
    assert node.status().answers_in >= 4
    assert node.external_address is None
    assert node.node_id == own


@given(st.lists(st.binary(max_size=120), max_size=12), st.integers(0, 2**32))
def test_any_datagrams_change_counters_alone(datagrams: list[bytes], seed: int) -> None:
    node = DhtNode(bytes(20), ipv6=False, rng=random.Random(seed), now=NOW)
    for data in datagrams:
        node.receive_datagram(data, ELSEWHERE, NOW)
        node.handle_timer(NOW)
    assert len(node.table) == 0
    assert node.stores.peers.info_hashes == 0
    assert node.status().malformed + node.status().unasked <= len(datagrams)


def test_of_many_routers_the_latest_are_asked() -> None:
    network = DhtNetwork()
    strangers = Strangers(
        network, lambda to, query: {b"id": bound_node_id(to.host, random.Random(1))}
    )
    node = network.add(0)
    routers = [PeerAddress(f"90.{index}.1.1", 1000) for index in range(60)]
    for router in routers:
        node.add_router(router, network.now)
    network.run(20)
    assert {to for to, _ in strangers.queries} == set(routers[-32:])
    assert len(node.table) == 0
