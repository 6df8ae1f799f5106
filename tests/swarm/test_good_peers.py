"""Which peers are remembered as good, in which order, and for how long."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from p2pd.base.addresses import PeerAddress
from p2pd.swarm.good_peers import HALF_LIFE, KEPT_SECONDS, LEAST_BYTES, GoodPeer, GoodPeers

MIB = 1024 * 1024


def address(number: int) -> PeerAddress:
    return PeerAddress(f"10.0.{number >> 8}.{number & 255}", 6881)


def good(number: int, received: int = MIB, sent: int = 0, **other: float) -> GoodPeer:
    return GoodPeer(
        address(number), other.get("at", 0.0), received, sent, other.get("seconds", 10.0)
    )


peers = st.builds(
    GoodPeer,
    st.integers(0, 20).map(address),
    st.floats(0, 1e9),
    st.integers(0, 2**40),
    st.integers(0, 2**40),
    st.floats(0, 1e6),
)


def test_what_counts_is_what_we_came_for() -> None:
    known = GoodPeers()
    known.met(good(1, received=5 * MIB, sent=0))
    known.met(good(2, received=9 * MIB, sent=2 * MIB))
    known.met(good(3, received=0, sent=7 * MIB))
    assert [one for one, _ in known.best(seeding=False)] == [address(2), address(1)]
    assert [one for one, _ in known.best(seeding=True)] == [address(3), address(2)]
    assert known.best(seeding=True)[0][1] == 0.7 * MIB


def test_less_than_a_block_makes_nobody_good() -> None:
    known = GoodPeers()
    known.met(good(1, received=LEAST_BYTES - 1))
    assert (len(known), known.changed) == (0, False)
    known.met(good(1, received=LEAST_BYTES))
    assert (len(known), known.changed) == (1, True)


def test_a_rate_is_that_of_all_connections_the_old_ones_fading() -> None:
    known = GoodPeers()
    known.met(good(1, received=10 * MIB, seconds=10.0))
    known.met(good(1, received=20 * MIB, seconds=20.0))
    ((_, rate),) = known.best(seeding=False)
    assert rate == MIB
    old = good(2, received=int(4 * HALF_LIFE), seconds=2 * HALF_LIFE)
    merged = old.and_then(good(2, received=0, seconds=HALF_LIFE))
    assert merged.rate(seeding=False) == 1.0


def test_only_the_best_are_kept() -> None:
    known = GoodPeers(limit=3)
    for number in (4, 1, 5, 3, 2):
        known.met(good(number, received=number * MIB))
    assert [one for one, _ in known.best(seeding=False)] == [address(n) for n in (5, 4, 3)]


def test_who_is_connected_is_kept_but_not_counted_twice() -> None:
    known = GoodPeers()
    known.met(good(1, received=10 * MIB))
    now = [good(1, received=2 * MIB), good(2, received=MIB), good(3, received=10)]
    for _ in range(3):
        kept = {peer.address: peer for peer in known.to_keep(now)}
    assert {one: peer.received for one, peer in kept.items()} == {
        address(1): 12 * MIB, address(2): MIB,
    }  # fmt: skip
    assert len(known) == 1


def test_what_was_long_ago_is_forgotten() -> None:
    known = GoodPeers()
    known.recall([good(1, at=0.0), good(2, at=10.0)], wall=KEPT_SECONDS + 5.0)
    assert [one for one, _ in known.best(seeding=False)] == [address(2)]


def test_what_is_known_by_now_is_not_replaced_by_what_was() -> None:
    known = GoodPeers()
    known.met(good(1, received=7 * MIB))
    known.recall([good(1, received=MIB), good(2)], wall=1.0)
    assert [peer.received for peer in known.to_keep()] == [7 * MIB, MIB]


def test_a_host_that_cheated_is_forgotten() -> None:
    known = GoodPeers()
    known.recall([good(1), good(2)], wall=1.0)
    known.forget([address(1)._replace(port=1)])
    assert not known.changed
    known.forget([address(1), PeerAddress("10.9.9.9", 1)])
    assert [peer.address for peer in known.to_keep()] == [address(2)]
    assert known.changed


@given(st.lists(peers, max_size=30), st.lists(peers, max_size=30), st.integers(0, 5))
def test_the_bound_holds_and_what_is_kept_comes_back(
    met: list[GoodPeer], connected: list[GoodPeer], limit: int
) -> None:
    known = GoodPeers(limit=limit)
    for peer in met:
        known.met(peer)
    kept = known.to_keep(connected)
    assert len(kept) <= limit
    assert len(known) <= limit
    again = GoodPeers(limit=limit)
    again.recall(kept, wall=1e9)
    assert {peer.address for peer in again.to_keep()} <= {peer.address for peer in kept}
    for seeding in (False, True):
        rates = [rate for _, rate in again.best(seeding=seeding)]
        assert rates == sorted(rates, reverse=True)


def test_a_node_that_moved_is_one_peer_where_it_is_now() -> None:
    peers, key = GoodPeers(), b"k" * 32
    old, new, other = (PeerAddress(f"192.0.2.{last}", 6881) for last in (1, 2, 3))
    peers.met(GoodPeer(old, 1.0, 100_000, 0, 10.0, key))
    peers.met(GoodPeer(other, 1.0, 50_000, 0, 10.0))
    peers.met(GoodPeer(new, 2.0, 100_000, 0, 10.0, key))
    assert set(peers) == {new, other}
    kept = {peer.address: peer for peer in peers.to_keep()}
    assert (kept[new].received, kept[new].seconds, kept[new].node_key) == (200_000, 20.0, key)
    peers.met(GoodPeer(new, 3.0, 100_000, 0, 10.0))  # it proved nothing this time
    assert {peer.node_key for peer in peers.to_keep()} == {key, b""}
