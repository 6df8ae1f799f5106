"""Items and samples over a whole network in memory (BEP 44, 51), and those who lie about them."""

from __future__ import annotations

from typing import Any

from p2pd.base.addresses import PeerAddress
from p2pd.discovery.dht import mutable_items
from p2pd.discovery.dht.mutable_items import MutableItem
from p2pd.discovery.dht.node import DhtNode
from p2pd.discovery.dht.outcomes import LookupOutcome, SampleOutcome
from p2pd.formats import bencode
from p2pd.protocols.krpc.messages import Query, Response, parse
from tests.discovery.dht.dht_network import DhtNetwork

SECRET = bytes(range(32))
KEY = mutable_items.public_key_of(SECRET)
VALUE = b"12:Hello World!"


def put(
    network: DhtNetwork, node: DhtNode, item: MutableItem | bytes, **more: Any
) -> LookupOutcome:
    outcomes: list[LookupOutcome] = []
    if isinstance(item, bytes):
        node.put_immutable(item, network.now, outcomes.append)
    else:
        node.put_mutable(item, network.now, outcomes.append, **more)
    network.run_until(lambda: outcomes)
    return outcomes[0]


def get(network: DhtNetwork, node: DhtNode, salt: bytes = b"", **more: Any) -> MutableItem | None:
    results: list[MutableItem | None] = []
    node.get_mutable(KEY, salt, network.now, lambda item, outcome: results.append(item), **more)
    network.run_until(lambda: results)
    return results[0]


def get_value(network: DhtNetwork, node: DhtNode, target: bytes) -> bytes | None:
    results: list[bytes | None] = []
    node.get_immutable(target, network.now, lambda value, outcome: results.append(value))
    network.run_until(lambda: results)
    return results[0]


def test_an_immutable_item_put_by_one_is_had_by_others() -> None:
    network = DhtNetwork()
    nodes = network.joined(30)
    assert put(network, nodes[3], VALUE).announced_to == 8
    target = bytes.fromhex("e5f96f6f38320f0f33959cb4d3d656452117aadb")
    assert get_value(network, nodes[20], target) == VALUE
    assert get_value(network, nodes[21], b"\x01" * 20) is None


def test_a_mutable_item_is_replaced_by_a_newer_one() -> None:
    network = DhtNetwork()
    nodes = network.joined(30)
    for salt in (b"", b"foobar"):
        first, second = (mutable_items.sign(SECRET, seq, VALUE, salt) for seq in (1, 2))
        assert put(network, nodes[3], first).announced_to == 8
        assert get(network, nodes[20], salt) == first
        assert put(network, nodes[5], second).announced_to == 8
        assert get(network, nodes[20], salt) == second
        assert get(network, nodes[20], salt, newer_than=1) == second
        assert get(network, nodes[20], salt, newer_than=2) is None
        refused = put(network, nodes[9], first)
        assert [code for code, _ in refused.refusals].count(302) >= 7
        assert get(network, nodes[20], salt) == second


def test_cas_is_told_to_those_who_have_a_version() -> None:
    network = DhtNetwork()
    nodes = network.joined(20)
    one, two, three = (mutable_items.sign(SECRET, seq, VALUE) for seq in (1, 2, 3))
    assert put(network, nodes[3], one, cas=7).announced_to == 8
    refused = put(network, nodes[4], three, cas=2)
    # Whoever asks is not asked, so one may be that had nothing: of it no version is wanted.
    assert [code for code, _ in refused.refusals].count(301) >= 7
    assert put(network, nodes[3], two, cas=1).announced_to == 8


def test_the_newest_of_several_versions_is_found_and_each_newer_one_told_at_once() -> None:
    network = DhtNetwork()
    nodes = network.joined(20)
    items = [mutable_items.sign(SECRET, seq, VALUE) for seq in range(1, 21)]
    for node, item in zip(nodes, items, strict=True):
        node.stores.items.put_mutable(item, network.now)
    told: list[MutableItem] = []
    found = get(network, nodes[0], found=told.append)
    assert found is not None
    assert found.seq >= 8
    assert [item.seq for item in told] == sorted(item.seq for item in told)
    assert told[-1] == found


class Liar:
    """Stands near a target and answers every ``get`` as told."""

    def __init__(self, network: DhtNetwork, target: bytes, values: dict[bytes, Any]) -> None:
        self.node_id = target[:19] + bytes((target[19] ^ 1,))
        self.address = PeerAddress("99.9.9.9", 999)
        self.values = values
        self.asked = 0
        network.listening = self.answer

    def answer(self, source: PeerAddress, to: PeerAddress, data: bytes) -> bytes | None:
        message = parse(data)
        if to != self.address or not isinstance(message, Query):
            return None
        if message.method == b"get":
            self.asked += 1
        return Response(message.transaction, {b"id": self.node_id, **self.values}).encode()


def lied_to(network: DhtNetwork, target: bytes, values: dict[bytes, Any]) -> tuple[Liar, DhtNode]:
    nodes = network.joined(20)
    liar = Liar(network, target, values)
    nodes[0].add_node(liar.address, network.now)
    network.run(1)
    assert nodes[0].table.find(liar.address)
    return liar, nodes[0]


def test_a_value_of_another_hash_is_not_believed() -> None:
    network = DhtNetwork()
    target = mutable_items.immutable_target(VALUE)
    liar, node = lied_to(network, target, {b"v": b"Good bye!", b"token": b"x"})
    assert get_value(network, node, target) is None
    assert liar.asked == 1
    put(network, node, VALUE)
    assert get_value(network, node, target) == VALUE


def test_an_item_that_is_not_its_owners_is_not_believed() -> None:
    other = mutable_items.sign(b"\x07" * 32, 9, VALUE)
    target = mutable_items.target_of(KEY)
    good = mutable_items.sign(SECRET, 9, VALUE)
    forgeries = [
        {b"k": other.public_key, b"seq": 9, b"sig": other.signature, b"v": b"Hello World!"},
        {b"k": KEY, b"seq": 9, b"sig": other.signature, b"v": b"Hello World!"},
        {b"k": KEY, b"seq": 8, b"sig": good.signature, b"v": b"Hello World!"},
        {b"k": KEY, b"seq": 9, b"sig": good.signature, b"v": b"Hello there"},
        {b"k": KEY, b"seq": -9, b"sig": good.signature, b"v": b"Hello World!"},
        {b"k": KEY, b"seq": 9, b"sig": 5, b"v": b"Hello World!"},
        {b"k": KEY, b"seq": 9, b"v": b"Hello World!"},
        {b"seq": 9, b"sig": good.signature, b"v": b"Hello World!"},
        {b"k": KEY, b"seq": 9, b"sig": good.signature, b"v": b"x" * 1500},
    ]
    for forged in forgeries:
        network = DhtNetwork()
        liar, node = lied_to(network, target, {b"token": b"x", **forged})
        assert get(network, node) is None, forged
        assert liar.asked == 1
        assert put(network, node, good).announced_to >= 8
        assert get(network, node) == good


def test_samples_are_gathered_on_the_way_to_a_target() -> None:
    network = DhtNetwork()
    nodes = network.joined(30)
    hashes = [network.rng.randbytes(20) for _ in range(30)]
    for node, info_hash in zip(nodes, hashes, strict=True):
        node.stores.peers.add(info_hash, PeerAddress("60.1.1.1", 1), False, network.now)
    outcomes: list[SampleOutcome] = []
    nodes[0].sample_infohashes(hashes[0], network.now, outcomes.append)
    network.run_until(lambda: outcomes)
    (outcome,) = outcomes
    assert len(outcome.info_hashes) >= 8
    assert outcome.info_hashes <= set(hashes)
    assert len(outcome.nodes) == outcome.lookup.answered >= 8
    assert {(sample.count, sample.told) for sample in outcome.nodes} == {(1, 1)}
    assert all(0 < sample.interval <= 21600 for sample in outcome.nodes)


def test_a_value_is_stored_as_it_was_bencoded() -> None:
    network = DhtNetwork()
    nodes = network.joined(12)
    value = bencode.encode({b"a": [1, b"two", {b"three": []}], b"z": -4})
    put(network, nodes[1], value)
    assert get_value(network, nodes[2], mutable_items.immutable_target(value)) == value
