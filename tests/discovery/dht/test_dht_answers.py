"""What a node answers to each query, byte by byte where a BEP has it so, and what it refuses."""

from __future__ import annotations

import random
from typing import Any

import pytest

from p2pd.base.addresses import PeerAddress
from p2pd.discovery.dht import mutable_items
from p2pd.discovery.dht.bloom_filter import BloomFilter
from p2pd.discovery.dht.node import DhtNode
from p2pd.discovery.dht.query_limits import QueryLimits, QueryRates
from p2pd.discovery.dht.stores import DhtStores, new_stores
from p2pd.formats import bencode
from p2pd.protocols.krpc.compact import pack_address, unpack_contacts
from p2pd.protocols.krpc.messages import KrpcError, Query, Response, parse

OWN, ASKER, HASH = b"\x11" * 20, b"\x22" * 20, b"\x33" * 20
FROM = PeerAddress("81.2.3.4", 6881)
FROM_V6 = PeerAddress("2001:db8::7", 6881)
NOW = 100.0
SECRET = bytes(range(32))


def a_node(*, ipv6: bool = False, stores: DhtStores | None = None) -> DhtNode:
    return DhtNode(OWN, ipv6=ipv6, rng=random.Random(1), now=NOW, stores=stores)


def with_nodes(node: DhtNode, count: int) -> DhtNode:
    rng = random.Random(2)
    for index in range(count):
        host = f"2a01:{index + 1:x}::1" if node.ipv6 else f"50.{index}.1.1"
        node.table.answered(rng.randbytes(20), PeerAddress(host, 1000 + index), 0.1, NOW)
    return node


def answer(
    node: DhtNode,
    method: bytes,
    args: dict[bytes, Any],
    *,
    by: PeerAddress = FROM,
    now: float = NOW,
    read_only: bool = False,
) -> Response | KrpcError:
    """The one answer to a query; nodes that are pinged because of it do not count."""
    query = Query(b"tx", method, {b"id": ASKER, **args}, read_only)
    node.receive_datagram(query.encode(), by, now)
    to_asker = [parse(data) for data, to in node.datagrams_to_send() if to == by]
    (message,) = [each for each in to_asker if not isinstance(each, Query)]
    assert message.transaction == b"tx"
    assert message.version == b"P2\x00\x01"
    assert message.ip == pack_address(by)
    return message


def values(node: DhtNode, method: bytes, args: dict[bytes, Any], **more: Any) -> dict[bytes, Any]:
    message = answer(node, method, args, **more)
    assert isinstance(message, Response), message
    assert message.canonical
    assert message.values[b"id"] == OWN
    return message.values


def refusal(node: DhtNode, method: bytes, args: dict[bytes, Any], **more: Any) -> tuple[int, str]:
    message = answer(node, method, args, **more)
    assert isinstance(message, KrpcError), message
    return message.code, message.text


def test_ping_is_answered_with_our_id_and_the_askers_address() -> None:
    assert values(a_node(), b"ping", {}) == {b"id": OWN}


def test_find_node_tells_the_eight_closest() -> None:
    node = with_nodes(a_node(), 40)
    told = values(node, b"find_node", {b"target": HASH})[b"nodes"]
    contacts = unpack_contacts(told, ipv6=False, limit=20)
    number = int.from_bytes(HASH, "big")
    assert {c.node_id for c in contacts} == {e.node_id for e in node.table.closest(number, 8)}
    assert len(contacts) == 8


def test_get_peers_gives_nodes_and_a_token_and_peers_once_somebody_announced() -> None:
    node = with_nodes(a_node(), 20)
    first = values(node, b"get_peers", {b"info_hash": HASH})
    assert len(first[b"nodes"]) == 8 * 26
    assert b"values" not in first
    announce = {b"info_hash": HASH, b"port": 7000, b"token": first[b"token"]}
    assert values(node, b"announce_peer", announce) == {b"id": OWN}
    assert values(node, b"get_peers", {b"info_hash": HASH})[b"values"] == [
        b"\x51\x02\x03\x04\x1b\x58"
    ]
    implied = {**announce, b"implied_port": 1, b"port": 0}
    assert values(node, b"announce_peer", implied) == {b"id": OWN}
    assert values(node, b"get_peers", {b"info_hash": HASH})[b"values"] == [
        b"\x51\x02\x03\x04\x1a\xe1"
    ]


def test_over_ipv6_nodes6_and_peers_of_18_bytes_are_told() -> None:
    node = with_nodes(a_node(ipv6=True), 20)
    got = values(node, b"get_peers", {b"info_hash": HASH}, by=FROM_V6)
    assert len(got[b"nodes6"]) == 8 * 38
    assert b"nodes" not in got
    announce = {b"info_hash": HASH, b"port": 7000, b"token": got[b"token"]}
    values(node, b"announce_peer", announce, by=FROM_V6)
    told = values(node, b"get_peers", {b"info_hash": HASH}, by=FROM_V6)[b"values"]
    assert told == [pack_address(PeerAddress(FROM_V6.host, 7000))]


def test_want_asks_for_the_nodes_of_either_family() -> None:
    node, sibling = with_nodes(a_node(), 20), with_nodes(a_node(ipv6=True), 20)
    both = {b"target": HASH, b"want": [b"n4", b"n6"]}
    assert set(values(node, b"find_node", both)) == {b"id", b"nodes"}
    node.sibling = sibling
    got = values(node, b"find_node", both)
    assert (len(got[b"nodes"]), len(got[b"nodes6"])) == (8 * 26, 8 * 38)
    got = values(node, b"get_peers", {b"info_hash": HASH, b"want": [b"n6"]})
    assert set(got) == {b"id", b"nodes6", b"token"}
    assert set(values(node, b"find_node", {b"target": HASH})) == {b"id", b"nodes"}


def announced_by_many(node: DhtNode, count: int) -> None:
    for index in range(count):
        peer = PeerAddress(f"60.{index // 256}.{index % 256}.1", 6881)
        node.stores.peers.add(HASH, peer, index % 3 == 0, NOW)


@pytest.mark.parametrize("more", [{}, {b"scrape": 1}, {b"want": [b"n4", b"n6"]}])
def test_an_answer_is_at_most_1024_bytes(more: dict[bytes, Any]) -> None:
    node = with_nodes(a_node(), 40)
    node.sibling = with_nodes(a_node(ipv6=True), 40)
    announced_by_many(node, 300)
    query = Query(b"t" * 64, b"get_peers", {b"id": ASKER, b"info_hash": HASH, **more})
    node.receive_datagram(query.encode(), FROM, NOW)
    ((data, _), *_) = node.datagrams_to_send()
    assert 900 < len(data) <= 1024
    message = parse(data)
    assert isinstance(message, Response)
    assert len(message.values[b"values"]) >= 10


def test_scrape_gives_filters_of_what_is_stored_and_nothing_of_what_is_not() -> None:
    node = with_nodes(a_node(), 8)
    announced_by_many(node, 90)
    got = values(node, b"get_peers", {b"info_hash": HASH, b"scrape": 1})
    assert BloomFilter(got[b"BFsd"]).estimate() == pytest.approx(30, rel=0.1)
    assert BloomFilter(got[b"BFpe"]).estimate() == pytest.approx(60, rel=0.1)
    assert b"BFsd" not in values(node, b"get_peers", {b"info_hash": OWN, b"scrape": 1})
    assert b"BFsd" not in values(node, b"get_peers", {b"info_hash": HASH})


def test_noseed_leaves_seeds_out_and_a_seed_says_that_it_is_one() -> None:
    node = a_node()
    token = values(node, b"get_peers", {b"info_hash": HASH})[b"token"]
    announce = {b"info_hash": HASH, b"port": 7000, b"token": token, b"seed": 1}
    values(node, b"announce_peer", announce)
    assert b"values" in values(node, b"get_peers", {b"info_hash": HASH})
    assert b"values" not in values(node, b"get_peers", {b"info_hash": HASH, b"noseed": 1})


def test_a_token_is_good_for_its_address_and_hash_alone() -> None:
    node = a_node()
    token = values(node, b"get_peers", {b"info_hash": HASH})[b"token"]
    announce = {b"info_hash": HASH, b"port": 7000, b"token": token}
    other = PeerAddress("81.2.3.5", 6881)
    assert refusal(node, b"announce_peer", announce, by=other) == (203, "bad token")
    assert refusal(node, b"announce_peer", {**announce, b"info_hash": OWN}) == (203, "bad token")
    assert refusal(node, b"announce_peer", {**announce, b"token": b""}) == (203, "bad token")
    assert refusal(node, b"announce_peer", {b"info_hash": HASH, b"port": 1}) == (203, "bad token")
    assert refusal(node, b"announce_peer", announce, now=NOW + 700)[0] == 203
    assert node.stores.peers.info_hashes == 0


@pytest.mark.parametrize(
    ("method", "args"),
    [
        (b"find_node", {}),
        (b"find_node", {b"target": b"short"}),
        (b"get_peers", {b"info_hash": 7}),
        (b"get_peers", {b"info_hash": b"x" * 32}),
        (b"announce_peer", {b"info_hash": HASH}),
        (b"announce_peer", {b"info_hash": HASH, b"port": 0, b"token": b""}),
        (b"announce_peer", {b"info_hash": HASH, b"port": 65536, b"token": b""}),
        (b"announce_peer", {b"info_hash": HASH, b"port": b"80", b"token": b""}),
        (b"announce_peer", {b"info_hash": HASH, b"port": 80, b"token": [b""]}),
        (b"ping", {b"id": b"short"}),
        (b"ping", {b"id": 5}),
        (b"get", {}),
        (b"get", {b"target": [b"x"]}),
        (b"put", {b"token": b"x"}),
        (b"put", {b"token": b"x", b"v": b"x", b"k": b"x" * 31}),
        (b"put", {b"token": b"x", b"v": b"x", b"k": b"x" * 32}),
        (b"put", {b"token": b"x", b"v": b"x", b"k": b"x" * 32, b"seq": -1, b"sig": b"x" * 64}),
        (b"put", {b"token": b"x", b"v": b"x", b"k": b"x" * 32, b"seq": 1, b"sig": b"x" * 63}),
        (b"sample_infohashes", {}),
    ],
)
def test_queries_with_wrong_arguments_are_refused_in_words(
    method: bytes, args: dict[bytes, Any]
) -> None:
    code, text = refusal(a_node(), method, args)
    assert code == 203
    assert text


def test_what_we_do_not_know_gets_nodes_if_it_has_a_target() -> None:
    node = with_nodes(a_node(), 8)
    assert len(values(node, b"vote", {b"target": HASH})[b"nodes"]) == 8 * 26
    assert len(values(node, b"vote", {b"info_hash": HASH})[b"nodes"]) == 8 * 26
    assert refusal(node, b"vote", {})[0] == 204
    assert refusal(node, b"vote", {b"target": 1})[0] == 204
    assert node.status().queries_in["other"] == 4


def put_args(node: DhtNode, target: bytes, args: dict[bytes, Any]) -> dict[bytes, Any]:
    return {**args, b"token": values(node, b"get", {b"target": target})[b"token"]}


def test_an_immutable_item_is_stored_and_had_back_as_bep_44_has_it() -> None:
    node = with_nodes(a_node(), 8)
    target = bytes.fromhex("e5f96f6f38320f0f33959cb4d3d656452117aadb")
    before = values(node, b"get", {b"target": target})
    assert set(before) == {b"id", b"nodes", b"token"}
    put = {b"v": b"Hello World!", b"token": before[b"token"]}
    assert values(node, b"put", put) == {b"id": OWN}
    assert values(node, b"get", {b"target": target})[b"v"] == b"Hello World!"
    assert refusal(node, b"put", {**put, b"v": b"other"}) == (203, "bad token")


def test_values_of_any_type_are_stored() -> None:
    node = a_node()
    for value in (7, [b"a", [1, {b"k": b"v"}]], {b"a": 1, b"b": [b"", 0]}):
        target = mutable_items.immutable_target(bencode.encode(value))
        values(node, b"put", put_args(node, target, {b"v": value}))
        assert values(node, b"get", {b"target": target})[b"v"] == value


def mutable(seq: int, value: bytes = b"Hello", salt: bytes = b"") -> dict[bytes, Any]:
    item = mutable_items.sign(SECRET, seq, bencode.encode(value), salt)
    args = {b"k": item.public_key, b"seq": seq, b"sig": item.signature, b"v": value}
    return {**args, b"salt": salt} if salt else args


def mutable_target(salt: bytes = b"") -> bytes:
    return mutable_items.target_of(mutable_items.public_key_of(SECRET), salt)


@pytest.mark.parametrize("salt", [b"", b"foobar"])
def test_a_mutable_item_is_stored_with_its_seq_and_signature(salt: bytes) -> None:
    node = with_nodes(a_node(), 8)
    target = mutable_target(salt)
    put = put_args(node, target, mutable(3, salt=salt))
    assert values(node, b"put", put) == {b"id": OWN}
    got = values(node, b"get", {b"target": target})
    assert {key: got[key] for key in (b"k", b"seq", b"sig", b"v")} == {
        key: put[key] for key in (b"k", b"seq", b"sig", b"v")
    }
    assert b"salt" not in got
    assert set(values(node, b"get", {b"target": target, b"seq": 3})) == {
        b"id", b"nodes", b"seq", b"token",
    }  # fmt: skip
    assert values(node, b"get", {b"target": target, b"seq": 2})[b"v"] == b"Hello"


def test_errors_of_bep_44() -> None:
    node = a_node()
    target = mutable_target()
    values(node, b"put", put_args(node, target, mutable(5)))
    older = put_args(node, target, mutable(4))
    assert refusal(node, b"put", older)[0] == 302
    assert refusal(node, b"put", {**mutable(6), b"cas": 4, b"token": older[b"token"]})[0] == 301
    assert values(node, b"put", {**mutable(6), b"cas": 5, b"token": older[b"token"]})
    forged = {**mutable(7), b"v": b"forged", b"token": older[b"token"]}
    assert refusal(node, b"put", forged)[0] == 206
    too_big = put_args(node, mutable_items.immutable_target(b"997:" + b"x" * 997), {})
    assert refusal(node, b"put", {**too_big, b"v": b"x" * 997})[0] == 205
    salt = b"s" * 65
    long_salt = put_args(node, mutable_target(salt), {**mutable(1), b"salt": salt})
    assert refusal(node, b"put", long_salt)[0] == 207
    assert values(node, b"get", {b"target": target})[b"seq"] == 6


def test_a_put_whose_keys_are_out_of_order_is_refused() -> None:
    node = a_node()
    target = mutable_items.immutable_target(bencode.encode({b"a": 1, b"b": 2}))
    token = values(node, b"get", {b"target": target})[b"token"]
    data = b"d1:ad2:id20:%b5:token%d:%b1:vd1:bi2e1:ai1eee1:q3:put1:t2:tx1:y1:qe" % (
        ASKER, len(token), token,
    )  # fmt: skip
    node.receive_datagram(data, FROM, NOW)
    ((answered, _), *_) = node.datagrams_to_send()
    message = parse(answered)
    assert isinstance(message, KrpcError)
    assert message.code == 203
    assert len(node.stores.items) == 0


def test_samples_of_the_info_hashes_are_the_same_for_some_time() -> None:
    node = with_nodes(a_node(), 8)
    assert values(node, b"sample_infohashes", {b"target": HASH})[b"samples"] == b""
    rng = random.Random(3)
    for index in range(100):
        node.stores.peers.add(rng.randbytes(20), PeerAddress("60.1.1.1", index + 1), False, NOW)
    got = values(node, b"sample_infohashes", {b"target": HASH}, now=NOW + 599)
    assert got[b"samples"] == b""
    assert got[b"num"] == 100
    assert got[b"interval"] == 1
    later = values(node, b"sample_infohashes", {b"target": HASH}, now=NOW + 601)
    assert len(later[b"samples"]) == 32 * 20
    assert len(later[b"nodes"]) == 8 * 26
    assert 0 < later[b"interval"] <= 21600


def test_a_read_only_node_answers_nobody() -> None:
    node = a_node()
    node.read_only = True
    node.receive_datagram(Query(b"tx", b"ping", {b"id": ASKER}).encode(), FROM, NOW)
    assert node.datagrams_to_send() == []


def test_who_asks_is_pinged_but_not_who_is_read_only() -> None:
    node = a_node()
    answer(node, b"ping", {}, read_only=True)
    assert node.status().queries_out["ping"] == 0
    answer(node, b"ping", {})
    assert node.status().queries_out["ping"] == 1
    answer(node, b"ping", {})
    assert node.status().queries_out["ping"] == 1
    assert len(node.table) == 0


def test_who_asks_too_much_is_not_answered() -> None:
    stores = new_stores(random.Random(1), NOW)
    limits = QueryLimits(NOW, QueryRates(of_one=2.0, burst_seconds=1.0))
    stores = DhtStores(stores.peers, stores.items, stores.tokens, limits)
    node = a_node(stores=stores)
    query = Query(b"tx", b"find_node", {b"id": ASKER, b"target": HASH}, read_only=True).encode()
    for _ in range(50):
        node.receive_datagram(query, FROM, NOW)
    assert len(node.datagrams_to_send()) == 2
    assert node.status().refused == 48
    assert values(node, b"ping", {}, by=PeerAddress("9.9.9.9", 9))


def test_the_status_counts_what_is_stored_and_what_was_asked() -> None:
    node = with_nodes(a_node(), 20)
    announced_by_many(node, 5)
    values(node, b"get_peers", {b"info_hash": HASH})
    refusal(node, b"find_node", {})
    node.receive_datagram(b"rubbish", FROM, NOW)
    node.receive_datagram(Response(b"none", {b"id": ASKER}).encode(), FROM, NOW)
    status = node.status()
    assert (status.stored_info_hashes, status.stored_peers, status.stored_items) == (1, 5, 0)
    assert status.queries_in["get_peers"] == 1
    assert (status.errors_out, status.malformed, status.unasked) == (1, 1, 1)
    assert (status.good, status.questionable, status.bad) == (len(node.table), 0, 0)
    assert status.depth == len(node.table.buckets)
    assert status.stored_bytes > 0


@pytest.mark.parametrize("ipv6", [False, True])
@pytest.mark.parametrize("nodes", [0, 5, 60])
def test_queries_that_are_recognised_at_a_glance_are_answered_like_those_that_are_decoded(
    ipv6: bool, nodes: int
) -> None:
    rng = random.Random(5)
    by = FROM_V6 if ipv6 else FROM
    node = with_nodes(a_node(ipv6=ipv6), nodes)
    hashes = [rng.randbytes(20) for _ in range(20)] + [OWN]
    for index, info_hash in enumerate(hashes[:10]):
        for peer in range(index * 20):
            host = f"2a02:{peer + 1:x}::1" if ipv6 else f"60.{peer}.1.1"
            node.stores.peers.add(info_hash, PeerAddress(host, 6881), False, NOW)
    queries = [(b"ping", b"", b"")]
    queries += [(b"find_node", b"target", target) for target in hashes]
    queries += [(b"get_peers", b"info_hash", info_hash) for info_hash in hashes]
    for seconds, (method, key, value) in enumerate(queries):
        args = {b"id": ASKER, **({key: value} if key else {})}
        usual = Query(b"tx", method, args, True).encode()
        # The order of keys is all that differs.
        other = usual.replace(b"1:t2:tx1:y1:qe", b"1:y1:q1:t2:txe")
        answers = []
        for data in (usual, other):
            node.receive_datagram(data, by, NOW + seconds)
            ((answered, _),) = node.datagrams_to_send()
            assert len(answered) <= 1024
            message = parse(answered)
            assert isinstance(message, Response)
            # Of more peers than fit some are told, others each time.
            peers = message.values.get(b"values", [])
            message.values[b"values"] = sorted(peers) if len(peers) <= 20 else "many"
            answers.append(message)
        assert answers[0] == answers[1]
