"""A relay of hole punching (BEP 55): whom it tells what, and how often."""

from __future__ import annotations

import pytest

from p2pd.base.addresses import PeerAddress
from p2pd.discovery.allowances import Allowances
from p2pd.discovery.holepunch.relay import AT_ONCE, SECONDS, HolepunchCounts, Relay
from p2pd.protocols.peerwire.extensions.ut_holepunch import (
    HolepunchError,
    HolepunchKind,
    HolepunchMessage,
)

OWN = PeerAddress("192.0.2.1", 6881)


class Swarm:
    """Peers by name."""

    def __init__(self) -> None:
        self.peers = {
            "one": PeerAddress("198.51.100.1", 6881),
            "two": PeerAddress("203.0.113.2", 6882),
            "old": PeerAddress("203.0.113.3", 6883),
            "home": PeerAddress("192.168.1.4", 6884),
        }

    def at(self, address: PeerAddress) -> str | None:
        """Who is there."""
        return next((name for name, each in self.peers.items() if each == address), None)

    def endpoint(self, peer: str) -> PeerAddress:
        """Where it is."""
        return self.peers[peer]

    def speaks(self, peer: str) -> bool:
        """All but one do."""
        return peer != "old"

    def is_own(self, address: PeerAddress) -> bool:
        """Ours."""
        return address == OWN


@pytest.fixture
def counts() -> HolepunchCounts:
    """Nothing happened yet."""
    return HolepunchCounts()


@pytest.fixture
def relay(counts: HolepunchCounts) -> Relay[str]:
    """Of that swarm."""
    return Relay(Swarm(), counts)


def connect(address: PeerAddress) -> HolepunchMessage:
    """The message."""
    return HolepunchMessage(HolepunchKind.CONNECT, address)


def test_both_are_told_of_each_other(relay: Relay[str], counts: HolepunchCounts) -> None:
    one, two = Swarm().peers["one"], Swarm().peers["two"]
    assert relay.rendezvous("one", two, 0.0) == [("one", connect(two)), ("two", connect(one))]
    assert counts.relayed == 1


@pytest.mark.parametrize(
    ("address", "error"),
    [
        (PeerAddress("198.51.100.77", 6881), HolepunchError.NOT_CONNECTED),
        (PeerAddress("203.0.113.2", 1), HolepunchError.NOT_CONNECTED),
        (PeerAddress("::ffff:203.0.113.2", 6882), HolepunchError.NOT_CONNECTED),
        (PeerAddress("203.0.113.2", 0), HolepunchError.NO_SUCH_PEER),
        (PeerAddress("198.51.100.1", 6881), HolepunchError.NO_SUCH_PEER),
        (PeerAddress("203.0.113.3", 6883), HolepunchError.NO_SUPPORT),
        (OWN, HolepunchError.NO_SELF),
        (PeerAddress("192.168.1.4", 6884), HolepunchError.NOT_CONNECTED),
    ],
)
def test_why_it_cannot_be(
    relay: Relay[str], counts: HolepunchCounts, address: PeerAddress, error: HolepunchError
) -> None:
    refusal = HolepunchMessage(HolepunchKind.ERROR, address, error)
    assert relay.rendezvous("one", address, 0.0) == [("one", refusal)]
    assert counts.refused == {error: 1}


def test_who_asks_too_often_is_not_answered(relay: Relay[str], counts: HolepunchCounts) -> None:
    nobody = PeerAddress("198.51.100.77", 6881)
    answers = [len(relay.rendezvous("one", nobody, 0.0)) for _ in range(50)]
    assert sum(answers) == AT_ONCE
    assert counts.ignored == 50 - AT_ONCE
    assert relay.rendezvous("two", nobody, 0.0)
    assert relay.rendezvous("one", nobody, SECONDS)
    assert not relay.rendezvous("one", nobody, SECONDS)


def test_nobody_is_told_to_dial_too_often(relay: Relay[str]) -> None:
    two = Swarm().peers["two"]
    told = 0
    for number in range(100):
        told += len(relay.rendezvous("one", two, number * 1.0)) // 2
    assert told <= AT_ONCE + 100 / SECONDS


def test_who_left_and_came_back_begins_anew(relay: Relay[str]) -> None:
    nobody = PeerAddress("198.51.100.77", 6881)
    for _ in range(AT_ONCE):
        relay.rendezvous("one", nobody, 0.0)
    relay.left("one")
    assert relay.rendezvous("one", nobody, 0.0)


def test_allowances_are_bounded() -> None:
    some = Allowances[int](1, 10.0, most=10)
    assert all(some.take(number, 0.0) for number in range(100))
    assert len(some) == 10
    assert not some.has(99, 1.0)
    assert some.has(99, 10.0)
