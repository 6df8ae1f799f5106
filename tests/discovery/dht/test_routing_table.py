"""The routing table: who gets in, who gives way, and who is closest (BEP 5, BEP 42)."""

from __future__ import annotations

import random

from hypothesis import given
from hypothesis import strategies as st

from p2pd.base.addresses import PeerAddress
from p2pd.discovery.dht.node_ids import as_number, bound_node_id, fits_address
from p2pd.discovery.dht.options import DhtOptions
from p2pd.discovery.dht.routing_table import BAD, HOPELESS, RoutingTable
from p2pd.formats.bencode import decode

OWN = bytes(20)
OPTIONS = DhtOptions()


def address(index: int) -> PeerAddress:
    return PeerAddress(f"{20 + index // 65536}.{index // 256 % 256}.{index % 256}.9", 6881)


def table_of(ids: list[bytes], options: DhtOptions = OPTIONS) -> RoutingTable:
    table = RoutingTable(OWN, options, 0.0)
    for index, node_id in enumerate(ids):
        table.answered(node_id, address(index), 0.1, 0.0)
    return table


def told_of(table: RoutingTable, target: bytes) -> bytes:
    """The compact nodes that an answer has."""
    told = decode(table.closest_bencoded(target))
    assert isinstance(told, bytes)
    return told


def random_ids(count: int, seed: int = 1) -> list[bytes]:
    rng = random.Random(seed)
    return [rng.randbytes(20) for _ in range(count)]


@given(
    st.lists(st.binary(min_size=20, max_size=20), max_size=120, unique=True),
    st.binary(min_size=20, max_size=20),
    st.sets(st.integers(0, 119)),
)
def test_the_closest_are_those_that_sorting_all_of_them_finds(
    ids: list[bytes], target: bytes, failed: set[int]
) -> None:
    table = table_of(ids)
    for index in failed:
        table.failed(address(index), 1.0)
    good = [entry for entry in table if not entry.failures]
    number = as_number(target)
    expected = sorted(good, key=lambda entry: entry.number ^ number)[:8]
    assert table.closest(number, 8) == expected
    compact = told_of(table, target)
    told = {compact[at : at + 26] for at in range(0, len(compact), 26)}
    assert told == {entry.compact for entry in expected}
    assert told_of(table, target) == compact


def test_the_closest_of_a_full_table_are_those_of_any_target() -> None:
    table = table_of(random_ids(3000))
    for target in [*random_ids(300, seed=9), OWN, b"\0" * 19 + b"\1", b"\0\x03" * 10]:
        number = as_number(target)
        expected = sorted(table, key=lambda entry: entry.number ^ number)
        assert table.closest(number, 16) == expected[:16]
        compact = told_of(table, target)
        told = {compact[at : at + 26] for at in range(0, len(compact), 26)}
        assert told == {entry.compact for entry in expected[:8]}


def test_every_node_is_in_the_bucket_of_its_id() -> None:
    table = table_of(random_ids(2000))
    assert len(table.buckets) > 6
    for index, bucket in enumerate(table.buckets):
        assert len(bucket.nodes) <= 8
        assert len(bucket.replacements) <= 8
        for entry in (*bucket.nodes, *bucket.replacements):
            assert table.index_of(entry.number) == index
            shared = 160 - entry.number.bit_length()
            assert shared == index or (shared >= index and index == len(table.buckets) - 1)
            assert table.find(entry.address) is entry


def test_an_id_for_a_bucket_belongs_to_it() -> None:
    table = table_of(random_ids(2000))
    rng = random.Random(2)
    for index in range(len(table.buckets)):
        for _ in range(20):
            made = table.random_id(index, rng)
            assert len(made) == 20
            assert table.index_of(as_number(made)) == index


def test_the_table_is_bounded_whatever_ids_there_are() -> None:
    close = [(1 << shift).to_bytes(20, "big") for shift in range(160)]
    close += [(1 << shift | 1).to_bytes(20, "big") for shift in range(1, 160)]
    table = table_of(close + random_ids(3000))
    assert len(table.buckets) <= 48
    assert len(table) + table.replacements <= 48 * 16


def test_who_fails_twice_is_replaced_by_who_waits() -> None:
    far = [b"\xff" + node_id[1:] for node_id in random_ids(10)]
    table = table_of([*far, b"\x01" * 20])
    assert table.replacements == 2
    table.failed(address(0), 1.0)
    assert [entry.failures for entry in table if entry.address == address(0)] == [1]
    assert address(0) not in {entry.address for entry in table.closest(as_number(far[0]), 8)}
    table.failed(address(0), 2.0)
    assert table.find(address(0)) is None
    assert table.replacements == 1
    assert len(table) == 9


def test_who_answers_again_is_good_again() -> None:
    ids = random_ids(3)
    table = table_of(ids)
    table.failed(address(0), 1.0)
    table.answered(ids[0], address(0), 0.1, 2.0)
    assert [entry.failures for entry in table] == [0, 0, 0]
    assert len(told_of(table, ids[0])) == 3 * 26


def test_without_replacements_a_node_is_kept_for_some_failures() -> None:
    table = table_of(random_ids(1))
    for _ in range(HOPELESS - 1):
        table.failed(address(0), 1.0)
    assert len(table) == 1
    table.failed(address(0), 1.0)
    assert len(table) == 0
    table.failed(address(0), 1.0)


def test_a_bad_node_gives_way_to_a_new_one() -> None:
    far = [b"\xff" + node_id[1:] for node_id in random_ids(8)]
    table = table_of([*far, b"\x01" * 20])
    for _ in range(BAD):
        table.failed(address(3), 1.0)
    assert table.answered(b"\xfe" * 20, address(99), 0.1, 2.0)
    assert table.find(address(3)) is None
    assert table.find(address(99)) in list(table)


def test_an_address_has_one_node_and_a_network_one_in_each_bucket() -> None:
    table = RoutingTable(OWN, OPTIONS, 0.0)
    assert table.answered(b"\xff" * 20, PeerAddress("8.8.8.8", 1), 0.1, 0.0)
    assert not table.answered(b"\x01" * 20, PeerAddress("8.8.8.8", 2), 0.1, 0.0)
    assert not table.lacks(b"\x01" * 20, PeerAddress("8.8.8.8", 2))
    assert not table.answered(b"\xfe" * 20, PeerAddress("8.8.8.9", 1), 0.1, 0.0)
    assert not table.lacks(b"\xfe" * 20, PeerAddress("8.8.8.9", 1))
    assert table.answered(b"\xfd" * 20, PeerAddress("8.8.9.9", 1), 0.1, 0.0)


def test_of_ipv6_a_network_is_a_64() -> None:
    table = RoutingTable(OWN, OPTIONS, 0.0)
    assert table.answered(b"\xff" * 20, PeerAddress("2001:db8::1", 1), 0.1, 0.0)
    assert not table.answered(b"\xfe" * 20, PeerAddress("2001:db8::2", 1), 0.1, 0.0)
    assert table.answered(b"\xfd" * 20, PeerAddress("2001:db8:0:1::2", 1), 0.1, 0.0)
    assert len(told_of(table, OWN)) == 2 * 38


def test_of_local_networks_there_may_be_any_number() -> None:
    table = RoutingTable(OWN, OPTIONS, 0.0)
    for port in range(1, 9):
        assert table.answered(bytes((255, port)) * 10, PeerAddress("127.0.0.1", port), 0.1, 0.0)
    assert len(table) == 8


def test_restrictions_can_be_lifted() -> None:
    table = RoutingTable(OWN, DhtOptions(restrict_addresses=False), 0.0)
    for port in range(1, 9):
        assert table.answered(bytes((255, port)) * 10, PeerAddress("8.8.8.8", port), 0.1, 0.0)


def test_ourselves_and_those_who_change_their_id_are_not_kept() -> None:
    table = table_of(random_ids(1))
    assert not table.answered(OWN, address(50), 0.1, 0.0)
    assert not table.lacks(OWN, address(50))
    assert table.answered(b"\x77" * 20, address(0), 0.1, 0.0) is None
    assert len(table) == 0
    assert table.answered(b"\x77" * 20, address(0), 0.1, 0.0)


def test_nodes_whose_id_fits_their_address_take_the_places_of_others() -> None:
    rng = random.Random(4)
    table = RoutingTable(OWN, OPTIONS, 0.0)
    index = 0
    for index in range(60):
        table.answered(b"\xff" + rng.randbytes(19), address(index), 0.1, 0.0)
    for index in range(60, 200):
        node_id = bound_node_id(address(index).host, rng)
        if node_id[0] & 0x80:
            table.answered(node_id, address(index), 0.1, 0.0)
    far = table.buckets[0].nodes
    assert len(far) == 8
    assert all(fits_address(entry.node_id, entry.address.host) for entry in far)


def test_with_another_own_id_the_nodes_are_in_other_buckets() -> None:
    table = table_of(random_ids(300))
    known = {entry.address for entry in table}
    table.change_id(b"\xaa" * 20, 5.0)
    assert table.own_id == b"\xaa" * 20
    assert {entry.address for entry in table} <= known
    assert len(table) > 8
    for index, bucket in enumerate(table.buckets):
        assert all(table.index_of(entry.number) == index for entry in bucket.nodes)


def test_a_bucket_in_which_nothing_happens_is_stale() -> None:
    table = table_of(random_ids(100))
    assert table.stale_bucket(899.0) is None
    assert table.stale_bucket(900.0) == 0
    entry = table.buckets[0].nodes[0]
    table.answered(entry.node_id, entry.address, 0.1, 800.0)
    assert table.stale_bucket(900.0) == 1


def test_who_failed_is_looked_after_first_then_who_was_heard_of_longest_ago() -> None:
    ids = random_ids(5)
    table = RoutingTable(OWN, OPTIONS, 0.0)
    for index, node_id in enumerate(ids):
        table.answered(node_id, address(index), 0.1, 10.0 - index)
    stalest = table.stalest()
    assert stalest is not None
    assert stalest.address == address(4)
    table.failed(address(1), 11.0)
    stalest = table.stalest()
    assert stalest is not None
    assert stalest.address == address(1)
    assert RoutingTable(OWN, OPTIONS, 0.0).stalest() is None
