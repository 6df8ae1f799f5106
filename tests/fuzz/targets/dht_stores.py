"""Fuzz target: what strangers put into the DHT's stores is taken, or refused with a code."""

from __future__ import annotations

import random
from contextlib import suppress

from p2pd.base.addresses import PeerAddress
from p2pd.base.errors import FormatError
from p2pd.discovery.dht.bloom_filter import BloomFilter
from p2pd.discovery.dht.item_store import ItemLimits, ItemStore, PutRefused
from p2pd.discovery.dht.mutable_items import MutableItem, immutable_target, sign, torrent_of
from p2pd.discovery.dht.peer_store import PeerLimits, PeerStore

_SIGNED = sign(bytes(32), 3, b"d2:ih20:" + b"h" * 20 + b"e", b"salt")

SEEDS: list[bytes] = [
    b"i" + b"12:Hello World!",
    b"m" + _SIGNED.public_key + _SIGNED.signature + b"\x00" * 7 + b"\x03\x04" + b"salt"
    + _SIGNED.value,
    b"b" + bytes(range(256)),
    b"p" + b"\xc0\x00\x02\x01\x1a\xe1hh" * 9,
    b"i" + b"l" * 50 + b"e" * 50,
]  # fmt: skip


def fuzz(data: bytes) -> None:
    """The first byte says what the rest is: an item of either kind, a filter, announces."""
    kind, rest = data[:1], data[1:]
    if kind == b"i":
        _immutable(rest)
    elif kind == b"m":
        _mutable(rest)
    elif kind == b"b":
        with suppress(FormatError):
            assert BloomFilter(rest).estimate() >= 0
    else:
        _announces(rest)
    with suppress(FormatError):
        assert len(torrent_of(rest)) == 20


def _immutable(value: bytes) -> None:
    store = ItemStore()
    with suppress(PutRefused):
        target = store.put_immutable(value, 0.0, by="192.0.2.1")
        assert target == immutable_target(value)
        assert store.get(target, 1.0) is not None


def _mutable(rest: bytes) -> None:
    salt_end = 105 + (rest[104] if len(rest) > 104 else 0)
    seq = int.from_bytes(rest[96:104], "big", signed=True)
    item = MutableItem(rest[:32], seq, rest[salt_end:], rest[32:96], rest[105:salt_end])
    store = ItemStore(ItemLimits(items=2))
    with suppress(PutRefused):
        assert store.get(store.put_mutable(item, 0.0), 1.0) == item
        assert item.verify()


def _announces(rest: bytes) -> None:
    limits = PeerLimits(info_hashes=3, peers_of_one=3, memory=20_000, of_one_network=2)
    store, now = PeerStore(random.Random(1), limits), 0.0
    for start in range(0, len(rest) - 7, 8):
        a, b, c, d, high, low, which, passed = rest[start : start + 8]
        now += passed * 20.0
        address = PeerAddress(f"{a}.{b}.{c}.{d}", high << 8 | low)
        store.add(bytes([which % 5]) * 20, address, bool(which & 64), now)
        assert store.info_hashes <= 3
        assert store.peer_count <= 9
        for info_hash in store.sample(5):
            assert len(store.peers(info_hash, 2, now)) <= 2
            store.scrape(info_hash)
    store.expire(now + 3600)
    assert store.memory == 0
