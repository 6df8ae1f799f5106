"""Votes on our own address are counted as they come, and forgotten as they are outvoted."""

from __future__ import annotations

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from p2pd.base.addresses import PeerAddress
from p2pd.discovery.dht.address_votes import ENOUGH, VOTERS, AddressVotes

ours = st.tuples(st.integers(1, 3), st.integers(1, 2)).map(
    lambda at: PeerAddress(f"198.51.100.{at[0]}", at[1])
)


@given(st.lists(st.tuples(ours, st.integers(0, 60)), max_size=200))
def test_the_counts_are_those_of_the_latest_word_of_each_network(
    votes: list[tuple[PeerAddress, int]],
) -> None:
    counted, latest = AddressVotes(), dict[int, PeerAddress]()
    for vote, network in votes:
        counted.told(vote, PeerAddress(f"203.0.{network}.9", 1))
        latest.pop(network, None)
        latest[network] = vote
        if len(latest) > VOTERS:
            del latest[next(iter(latest))]
    assert counted._counts == Counter(latest.values())
    assert list(counted._votes.values()) == list(latest.values())


def test_a_host_is_believed_by_more_than_half_of_many() -> None:
    votes = AddressVotes()
    first, second = PeerAddress("198.51.100.1", 1), PeerAddress("198.51.100.2", 1)
    changed = [votes.told(first, PeerAddress(f"203.0.{n}.9", 1)) for n in range(ENOUGH)]
    assert changed == [False] * (ENOUGH - 1) + [True]
    assert votes.address == first
    for number in range(ENOUGH):
        assert not votes.told(second, PeerAddress(f"192.0.{number}.9", 1))
    assert votes.told(second, PeerAddress("192.0.99.9", 1))
    assert votes.address == second
