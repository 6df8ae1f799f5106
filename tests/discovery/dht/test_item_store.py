"""What other nodes put here: in order, bounded, and for two hours."""

from __future__ import annotations

import tracemalloc
from contextlib import suppress
from time import process_time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from p2pd.discovery.dht.item_store import (
    ITEM_BYTES,
    ImmutableItem,
    ItemLimits,
    ItemStore,
    PutRefused,
)
from p2pd.discovery.dht.mutable_items import MAX_SEQ, MutableItem, immutable_target, sign

SECRET = bytes(range(32))
HOUR = 3600.0


def text(words: str) -> bytes:
    return b"%d:%b" % (len(words), words.encode())


def put(store: ItemStore, number: int, now: float, by: str = "") -> bytes:
    return store.put_immutable(text(f"item {number}"), now, by=by)


def was_put(store: ItemStore, number: int, now: float, by: str) -> bool:
    """Whether it was taken; the one reason not to is that the network has too many."""
    refused = store.refused
    with suppress(PutRefused):
        put(store, number, now, by)
    return store.refused == refused


def refusal(store: ItemStore, item: MutableItem, cas: int | None = None) -> int:
    with pytest.raises(PutRefused) as refused:
        store.put_mutable(item, 1.0, cas=cas)
    assert str(refused.value) == refused.value.words != ""
    return refused.value.code


def test_an_immutable_item_is_under_its_hash() -> None:
    store = ItemStore()
    target = store.put_immutable(text("Hello World!"), 0.0)
    assert target.hex() == "e5f96f6f38320f0f33959cb4d3d656452117aadb"
    assert store.get(target, 1.0) == ImmutableItem(text("Hello World!"))
    assert store.get(bytes(20), 1.0) is None


def test_a_mutable_item_goes_up_and_never_down() -> None:
    store = ItemStore()
    first, second, other = (sign(SECRET, seq, text(v)) for seq, v in ((1, "a"), (2, "b"), (2, "c")))
    target = store.put_mutable(first, 0.0)
    assert store.put_mutable(second, 0.0) == target == second.target()
    assert store.get(target, 1.0) == second
    assert refusal(store, first) == 302
    assert refusal(store, other) == 302
    assert store.get(target, 1.0) == second
    assert store.refused == 2


def test_compare_and_swap() -> None:
    store = ItemStore()
    first, second = sign(SECRET, 1, text("a")), sign(SECRET, 7, text("b"))
    store.put_mutable(first, 0.0, cas=99)
    assert refusal(store, second, cas=2) == 301
    assert refusal(store, sign(SECRET, 0, text("c")), cas=1) == 302
    store.put_mutable(second, 0.0, cas=1)
    assert store.get(first.target(), 1.0) == second


def test_salt_makes_another_item() -> None:
    store = ItemStore()
    plain, salted = sign(SECRET, 5, text("a")), sign(SECRET, 1, text("b"), b"salt")
    store.put_mutable(plain, 0.0)
    store.put_mutable(salted, 0.0)
    assert store.get(plain.target(), 0.0) == plain
    assert store.get(salted.target(), 0.0) == salted


@pytest.mark.parametrize(
    ("code", "item"),
    [
        (205, MutableItem(bytes(32), 1, b"997:" + bytes(997), bytes(64))),
        (206, MutableItem(bytes(32), 1, text("a"), bytes(64))),
        (206, MutableItem(b"short", 1, text("a"), bytes(64))),
        (207, MutableItem(bytes(32), 1, text("a"), bytes(64), bytes(65))),
        (203, MutableItem(bytes(32), 1, b"d1:b0:1:a0:e", bytes(64))),
        (203, MutableItem(bytes(32), -1, text("a"), bytes(64))),
        (203, MutableItem(bytes(32), MAX_SEQ + 1, text("a"), bytes(64))),
    ],
)
def test_what_is_wrong_is_refused_with_its_code(code: int, item: MutableItem) -> None:
    store = ItemStore()
    assert refusal(store, item) == code
    assert len(store) == store.memory == 0


@pytest.mark.parametrize(("code", "value"), [(205, b"997:" + bytes(997)), (203, b"i01e")])
def test_so_is_an_immutable_one(code: int, value: bytes) -> None:
    with pytest.raises(PutRefused) as refused:
        ItemStore().put_immutable(value, 0.0)
    assert refused.value.code == code


def test_a_forged_change_leaves_the_item() -> None:
    store = ItemStore()
    good = sign(SECRET, 1, text("a"))
    store.put_mutable(good, 0.0)
    assert refusal(store, MutableItem(good.public_key, 2, text("b"), good.signature)) == 206
    assert store.get(good.target(), 0.0) == good


def test_two_hours_after_the_last_put_it_is_gone() -> None:
    store = ItemStore()
    kept, gone = put(store, 1, 0.0), put(store, 2, 0.0)
    mutable = sign(SECRET, 1, text("a"))
    store.put_mutable(mutable, 0.0)
    put(store, 1, HOUR)
    store.put_mutable(mutable, HOUR)
    assert store.get(gone, 2 * HOUR - 1) is not None
    assert store.get(gone, 2 * HOUR) is None
    assert store.get(kept, 3 * HOUR - 1) is not None
    assert store.get(mutable.target(), 3 * HOUR - 1) == mutable
    store.expire(3 * HOUR)
    assert len(store) == store.memory == 0


def test_one_address_cannot_fill_it() -> None:
    store = ItemStore(ItemLimits(items=100, of_one_network=10))
    taken = sum(
        was_put(store, 100 * (":" in host) + number, 0.0, host.format(number + 1))
        for host in ("203.0.113.1", "2001:db8::{:x}")
        for number in range(50)
    )
    assert taken == 20 == len(store)
    put(store, 3, 1.0, "203.0.113.1")  # what is there may be kept
    for number in range(30):
        put(store, 200 + number, 0.0)  # our own
    store.expire(2 * HOUR + 1)
    put(store, 99, 3 * HOUR, "203.0.113.1")


def test_when_it_is_full_what_fewest_put_gives_way() -> None:
    store = ItemStore(ItemLimits(items=10))
    popular = put(store, 0, 0.0, "203.0.113.1")
    for host in ("203.0.113.2", "203.0.113.3"):
        put(store, 0, 0.0, host)
    for number in range(1, 200):
        put(store, number, 0.0, f"198.51.100.{number}")
        assert len(store) <= 10
    assert store.get(popular, 0.0) is not None
    assert store.get(immutable_target(text("item 199")), 0.0) is not None


def test_a_change_that_grows_makes_room() -> None:
    limits = ItemLimits(memory=3 * ITEM_BYTES + 300)
    store = ItemStore(limits)
    mutable = sign(SECRET, 1, text("a"))
    put(store, 1, 0.0)
    put(store, 2, 0.0)
    store.put_mutable(mutable, 0.0)
    assert len(store) == 3
    store.put_mutable(sign(SECRET, 2, text("b" * 900)), 0.0)
    assert store.memory <= limits.memory
    assert store.get(mutable.target(), 0.0) is not None


@given(st.lists(st.tuples(st.integers(0, 30), st.integers(0, 6), st.floats(0, HOUR))))
def test_its_sums_are_those_of_what_is_in_it(puts: list[tuple[int, int, float]]) -> None:
    limits = ItemLimits(items=12, memory=12 * 1000, of_one_network=4)
    store, now, put_at = ItemStore(limits), 0.0, dict[bytes, float]()
    for number, host, passed in puts:
        now += passed
        if was_put(store, number, now, f"203.0.113.{host}"):
            put_at[immutable_target(text(f"item {number}"))] = now
        there = [item for target in put_at if (item := store.get(target, now)) is not None]
        assert len(there) == len(store) <= 12
        assert store.memory == sum(ITEM_BYTES + len(item.value) for item in there) <= 12_000
        assert all(at > now - 2 * HOUR for t, at in put_at.items() if store.get(t, now))
    store.expire(now + 3 * HOUR)
    assert len(store) == store.memory == 0 == len(store._of_network)


def test_a_hundred_thousand_items_cost_what_ten_do_and_no_more_memory_than_is_told() -> None:
    limits = ItemLimits(items=100_000, memory=10**9)
    tracemalloc.start()
    store = ItemStore(limits)
    before = tracemalloc.get_traced_memory()[0]
    for number in range(5_000):
        put(store, number, 0.0, f"100.{number >> 16}.{number >> 8 & 255}.{number & 255}")
    taken = tracemalloc.get_traced_memory()[0] - before
    tracemalloc.stop()
    assert taken <= store.memory
    for number in range(5_000, 105_000):
        put(store, number, 0.0)
    assert len(store) == 100_000
    began = process_time()
    for number in range(100_000, 101_000):
        store.get(immutable_target(text(f"item {number}")), 1.0)
        put(store, 10**6 + number, 1.0)
    assert process_time() - began < 0.5
