"""Groups in the networks that there are, and what is believed of what comes by them (BEP 14)."""

from __future__ import annotations

import errno
import random
from typing import Any, Callable, Sequence

import pytest
from twisted.internet.task import Clock

from p2pd.base.addresses import PeerAddress
from p2pd.discovery.lsd.arrivals import HOST_AT_ONCE
from p2pd.discovery.lsd.neighbours import LOOK_SECONDS, Neighbours
from p2pd.protocols.lsd import GROUP_V4, GROUP_V6, PORT, LsdAnnounce, parse
from p2pd.transports.local_networks import LocalNetwork
from p2pd.transports.way_out import AddressWay, InterfaceWay, WayOut

ONE, TWO = bytes(range(20)), bytes(range(100, 120))
HOME = LocalNetwork("192.168.1.2", 24, "eth0", 2)
SIX = LocalNetwork("fd00::2", 64, "eth0", 2)
OFFICE = LocalNetwork("10.1.2.3", 16, "eth1", 3)


class FakeGroup:
    """A group that was joined."""

    def __init__(self, host: Host, network: LocalNetwork, group: str, device: str) -> None:
        self.network, self.group, self.device = network, group, device
        self.sent: list[bytes] = []
        self.closed = False
        self._host = host

    def send(self, data: bytes) -> None:
        """Kept, unless the network is down."""
        if self.network in self._host.down:
            raise OSError(errno.ENETDOWN, "Network is down")
        self.sent.append(data)

    def close(self) -> None:
        """Noted."""
        self.closed = True


class Host:
    """A machine with networks."""

    def __init__(self, *networks: LocalNetwork, way: str | WayOut = "") -> None:
        self.clock = Clock()
        self.networks = list(networks)
        self.down: set[LocalNetwork] = set()
        self.groups: list[FakeGroup] = []
        self.ways: list[WayOut] = []
        self.heard: list[tuple[PeerAddress, tuple[bytes, ...]]] = []
        self.changes = 0
        self._receive: Callable[..., None] = lambda *_: None
        self.neighbours = Neighbours(
            self.clock, way, random.Random(5), find=self._find, join=self._join
        )
        self.neighbours.heard = lambda address, hashes: self.heard.append((address, tuple(hashes)))
        self.neighbours.changed = self._changed

    def receive(self, network: LocalNetwork, host: str, data: bytes, times: int = 1) -> None:
        """Datagrams come."""
        self._receive(network, [(data, PeerAddress(host, 6771))] * times)

    @property
    def open(self) -> list[LocalNetwork]:
        """Where it listens."""
        return [group.network for group in self.groups if not group.closed]

    def _changed(self) -> None:
        self.changes += 1

    def _find(self, way: WayOut) -> Sequence[LocalNetwork]:
        self.ways.append(way)
        return self.networks

    def _join(
        self,
        network: LocalNetwork,
        group: str,
        port: int,
        reactor: Any,
        received: Callable[..., None],
        *,
        device: str = "",
    ) -> FakeGroup:
        assert port == PORT
        if network in self.down:
            raise OSError(errno.ENODEV, "No such device")
        self._receive = received
        self.groups.append(FakeGroup(self, network, group, device))
        return self.groups[-1]


@pytest.fixture
def host() -> Host:
    """In one network, by both families, and switched on."""
    made = Host(HOME, SIX)
    made.neighbours.switch(True)
    return made


def test_nothing_is_joined_before_it_is_switched_on() -> None:
    host = Host(HOME)
    host.clock.advance(1000)
    assert not host.groups
    assert host.neighbours.announce([ONE], 6881) == 0


def test_the_group_of_each_family_is_joined_and_told(host: Host) -> None:
    assert {group.network: group.group for group in host.groups} == {HOME: GROUP_V4, SIX: GROUP_V6}
    assert host.neighbours.announce([ONE, TWO], 6881) == 2
    for group in host.groups:
        (data,) = group.sent
        read = parse(data)
        assert (read.port, read.info_hashes) == (6881, (ONE, TWO))
        assert (b"[ff15::efc0:988f]" in data) is group.network.is_ipv6
    assert host.neighbours.counts.sent == 2


def test_switched_off_everything_is_left(host: Host) -> None:
    host.neighbours.switch(False)
    assert not host.open
    assert not host.clock.getDelayedCalls()
    host.neighbours.switch(True)
    assert host.open == [HOME, SIX]
    host.neighbours.close()
    assert not host.open
    assert not host.clock.getDelayedCalls()


def test_a_neighbour_is_where_its_datagram_is_from(host: Host) -> None:
    host.receive(HOME, "192.168.1.9", LsdAnnounce(7000, (ONE, TWO), "other").encode(ipv6=False))
    host.receive(SIX, "fd00::9", LsdAnnounce(7001, (ONE,)).encode(ipv6=True))
    assert host.heard == [
        (PeerAddress("192.168.1.9", 7000), (ONE, TWO)),
        (PeerAddress("fd00::9", 7001), (ONE,)),
    ]


def test_our_own_datagrams_are_known_by_their_cookie(host: Host) -> None:
    host.neighbours.announce([ONE], 6881)
    host.receive(HOME, "192.168.1.2", host.groups[0].sent[0])
    assert not host.heard
    assert host.neighbours.counts.own == 1


def test_another_daemon_of_this_machine_is_a_neighbour(host: Host) -> None:
    host.receive(HOME, "192.168.1.2", LsdAnnounce(7000, (ONE,), "other").encode(ipv6=False))
    assert host.heard == [(PeerAddress("192.168.1.2", 7000), (ONE,))]


@pytest.mark.parametrize("sender", ["192.168.2.9", "203.0.113.1", "fd00::9", "fe80::1%eth0"])
def test_who_is_not_in_the_network_is_no_neighbour(host: Host, sender: str) -> None:
    host.receive(HOME, sender, LsdAnnounce(7000, (ONE,)).encode(ipv6=False))
    assert not host.heard
    assert host.neighbours.counts.strangers == 1


def test_garbage_is_counted_and_nothing_else(host: Host) -> None:
    for data in (b"", b"\xff" * 1400, b"BT-SEARCH * HTTP/1.1\r\n\r\n"):
        host.receive(HOME, "192.168.1.9", data)
    assert host.neighbours.counts.malformed == 3
    assert not host.heard


def test_a_flood_of_one_host_is_not_read(host: Host) -> None:
    data = LsdAnnounce(7000, (ONE,)).encode(ipv6=False)
    host.receive(HOME, "192.168.1.9", data, times=500)
    host.receive(HOME, "192.168.1.8", data)
    assert len(host.heard) == HOST_AT_ONCE + 1
    assert host.neighbours.counts.too_many == 500 - HOST_AT_ONCE


def test_networks_that_come_and_go_are_followed(host: Host) -> None:
    assert host.changes == 1
    host.networks = [OFFICE]
    host.clock.advance(LOOK_SECONDS)
    assert host.open == [OFFICE]
    assert host.changes == 2
    host.networks = []
    host.neighbours.follow()
    assert host.open == []
    assert (host.changes, host.neighbours.networks) == (2, 0)


def test_a_network_that_cannot_be_joined_is_tried_again(host: Host) -> None:
    host.networks.append(OFFICE)
    host.down.add(OFFICE)
    host.clock.advance(LOOK_SECONDS)
    assert host.neighbours.trouble == "cannot listen by eth1: No such device"
    assert host.neighbours.networks == 2
    host.down.clear()
    host.clock.advance(LOOK_SECONDS)
    assert host.neighbours.trouble == ""
    assert host.neighbours.networks == 3


def test_a_network_that_is_down_is_left_and_joined_anew(host: Host) -> None:
    host.down.add(HOME)
    assert host.neighbours.announce([ONE], 6881) == 1
    assert host.neighbours.trouble == "cannot announce by eth0: Network is down"
    assert host.open == [SIX]
    host.down.clear()
    host.clock.advance(LOOK_SECONDS)
    assert host.open == [SIX, HOME]
    assert host.changes == 2


def test_it_goes_by_the_way_out_alone() -> None:
    named = InterfaceWay("wg0", lambda name: ["10.9.0.2"])
    host = Host(OFFICE, way=named)
    host.neighbours.switch(True)
    assert host.ways == [named]
    assert host.groups[0].device == "wg0"
    bound = Host(HOME, way="192.168.1.2")
    bound.neighbours.switch(True)
    (way,) = bound.ways
    assert isinstance(way, AddressWay)
    assert way.address(False) == "192.168.1.2"
    assert bound.groups[0].device == ""
