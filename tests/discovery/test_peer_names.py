"""Peers that a link has by name."""

from __future__ import annotations

from typing import Any

import pytest
from twisted.internet.address import IPv4Address, IPv6Address
from twisted.internet.defer import Deferred
from twisted.internet.task import Clock

from p2pd.discovery.peer_names import MOST_ADDRESSES, PeerNames

MANY = tuple(f"192.0.2.{number}" for number in range(1, 10))


class Resolver(Clock):
    """A reactor that knows some names."""

    def __init__(self) -> None:
        super().__init__()
        self.nameResolver = self
        self.asked: list[str] = []

    def resolveHostName(self, receiver: Any, name: str) -> None:
        self.asked.append(name)
        receiver.resolutionBegan(None)
        for host in {"peer.test": ("192.0.2.1", "2001:db8::1"), "many.test": MANY}.get(name, ()):
            kind = IPv6Address if ":" in host else IPv4Address
            receiver.addressResolved(kind("TCP", host, 0))
        receiver.resolutionComplete()


class Way:
    """A way out for some families."""

    device = ""

    def __init__(self, *families: bool) -> None:
        self._families = families

    def address(self, ipv6: bool) -> str | None:
        return "" if ipv6 in self._families else None


def found(names: PeerNames, host: str) -> tuple[str, ...]:
    """What is found at once."""
    answer: list[tuple[str, ...]] = []
    Deferred.fromCoroutine(names.addresses(host)).addCallback(answer.append)
    return answer[0]


@pytest.mark.parametrize(
    ("families", "hosts"),
    [
        ((False, True), ("192.0.2.1", "2001:db8::1")),
        ((False,), ("192.0.2.1",)),
        ((True,), ("2001:db8::1",)),
    ],
)
def test_only_addresses_that_can_be_reached(
    families: tuple[bool, ...], hosts: tuple[str, ...]
) -> None:
    assert found(PeerNames(Resolver(), Way(*families)), "peer.test") == hosts


def test_while_there_is_no_way_out_nobody_is_asked() -> None:
    resolver = Resolver()
    assert found(PeerNames(resolver, Way()), "peer.test") == ()
    assert resolver.asked == []


@pytest.mark.parametrize("name", ["unknown.test", "a..b", "x" * 300])
def test_names_that_are_none_have_no_addresses(name: str) -> None:
    assert found(PeerNames(Resolver()), name) == ()


def test_addresses_of_one_name_are_bounded() -> None:
    assert found(PeerNames(Resolver()), "many.test") == MANY[:MOST_ADDRESSES]
