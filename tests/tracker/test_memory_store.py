"""The store in memory keeps its bounds whatever is announced, and gives all of it back."""

from __future__ import annotations

import random
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st
from twisted.internet.defer import Deferred

from p2pd.base.addresses import PeerAddress
from p2pd.tracker.stores import memory
from p2pd.tracker.stores.memory import MemorySwarmStore
from p2pd.tracker.swarm_store import SwarmPeer, TrackerFullError


def result(coroutine):
    """What a coroutine that waits for nothing returns."""
    got = []
    Deferred.fromCoroutine(coroutine).addBoth(got.append)
    if hasattr(got[0], "raiseException"):
        got[0].raiseException()
    return got[0]


def peer(host="10.0.0.1", port=1, left=1, key=""):
    return SwarmPeer(b"p" * 20, PeerAddress(host, port), left, key)


def announce(store, name, who, *, event="", now=0.0, ttl=100.0):
    return result(store.announce(name * 20, who, event=event, expires=now + ttl, now=now))


def test_peers_of_a_torrent_are_bounded():
    store = MemorySwarmStore(max_peers=3)
    for port in (1, 2, 3):
        announce(store, b"a", peer(port=port))
    with pytest.raises(TrackerFullError):
        announce(store, b"a", peer(port=4))
    announce(store, b"a", peer(port=3, left=0))
    announce(store, b"a", peer(port=3), event="stopped")
    assert announce(store, b"a", peer(port=4)).leechers == 3


def test_torrents_are_bounded_and_expiry_makes_room():
    store = MemorySwarmStore(max_torrents=2)
    announce(store, b"a", peer())
    announce(store, b"b", peer(), now=50)
    with pytest.raises(TrackerFullError):
        announce(store, b"c", peer(), now=99)
    announce(store, b"c", peer(), now=100)
    assert len(store) == 2
    assert result(store.scrape(b"a" * 20, now=100)) is None


def test_peers_in_all_are_bounded():
    store = MemorySwarmStore(max_all_peers=2)
    announce(store, b"a", peer())
    announce(store, b"b", peer())
    with pytest.raises(TrackerFullError):
        announce(store, b"c", peer())
    assert len(store) == 2


@pytest.mark.parametrize(
    "hosts", [["10.0.0.1"] * 3, ["2001:db8::1", "2001:db8::2", "2001:db8::f:1"]]
)
def test_one_host_cannot_fill_the_table(hosts):
    store = MemorySwarmStore(max_of_host=2)
    announce(store, b"a", peer(hosts[0], 1))
    announce(store, b"b", peer(hosts[1], 2))
    with pytest.raises(TrackerFullError):
        announce(store, b"c", peer(hosts[2], 3))
    announce(store, b"c", peer("10.9.9.9"))
    announce(store, b"a", peer(hosts[0], 1), event="stopped")
    announce(store, b"c", peer(hosts[2], 3))


def test_a_long_silence_is_cleaned_up_in_parts(monkeypatch):
    monkeypatch.setattr(memory, "MOST_EXPIRED_AT_ONCE", 10)
    store = MemorySwarmStore()
    for port in range(1, 26):
        announce(store, b"a", peer(port=port))
    left = [
        counts.leechers if (counts := result(store.scrape(b"a" * 20, now=1000))) else 0
        for _ in range(3)
    ]
    assert left == [15, 5, 0]
    assert len(store) == 0


def test_announcing_again_keeps_a_peer():
    store = MemorySwarmStore()
    announce(store, b"a", peer(port=1), now=0)
    announce(store, b"a", peer(port=2), now=10)
    announce(store, b"a", peer(port=1), now=20)
    assert result(store.scrape(b"a" * 20, now=115)).leechers == 1
    assert result(store.scrape(b"a" * 20, now=120)) is None


def test_every_peer_is_drawn_as_often_as_another():
    store = MemorySwarmStore(rng=random.Random(7))
    for port in range(1, 21):
        announce(store, b"a", peer(port=port, left=port % 2))
    drawn = Counter()
    for _ in range(2000):
        some = result(store.peers(b"a" * 20, peer(port=1), 5, now=0))
        assert len({each.address for each in some}) == 5
        drawn.update(each.address.port for each in some)
    assert 1 not in drawn
    assert len(drawn) == 19
    assert min(drawn.values()) > 0.7 * max(drawn.values())


@pytest.mark.parametrize("count", [0, -5])
def test_nobody_is_drawn_when_none_are_wanted(count):
    store = MemorySwarmStore()
    announce(store, b"a", peer(port=2))
    assert list(result(store.peers(b"a" * 20, peer(port=1), count, now=0))) == []


ANNOUNCES = st.tuples(
    st.sampled_from([b"a", b"b", b"c"]),
    st.integers(1, 4),
    st.sampled_from(["", "started", "completed", "stopped"]),
    st.integers(0, 1),
    st.integers(0, 40),
)


@given(st.lists(ANNOUNCES, max_size=60))
def test_counts_are_those_of_a_naive_table(announces):
    store, table, now = MemorySwarmStore(), {}, 0
    for name, port, event, left, passed in announces:
        now += passed
        counts = announce(store, name, peer(port=port, left=left), event=event, now=now)
        table = {at: entry for at, entry in table.items() if entry[1] > now}
        if event == "stopped":
            table.pop((name, port), None)
        else:
            table[name, port] = (left, now + 100)
        here = [entry[0] for (of, _), entry in table.items() if of == name]
        assert (counts.seeders, counts.leechers) == (here.count(0), here.count(1))
        assert len(store) == len({of for of, _ in table})
    result(store.scrape(b"a" * 20, now=now + 1000))
    assert len(store) == 0
    assert not store._of_host
    assert not store._expiry
