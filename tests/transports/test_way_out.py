"""The way out: an address, or an interface whose addresses come and go."""

from __future__ import annotations

import socket
from typing import Any

import pytest
from twisted.internet.defer import Deferred
from twisted.internet.error import ConnectBindError
from twisted.internet.task import Clock
from twisted.internet.testing import MemoryReactorClock

from p2pd.base.addresses import PeerAddress
from p2pd.service.interface_watch import LOOK_SECONDS, InterfaceWatch
from p2pd.transports.bound_reactor import BoundReactor
from p2pd.transports.tcp_transport import TcpTransport
from p2pd.transports.way_out import AddressWay, InterfaceWay, bind_to_device, interface_addresses


class Table:
    """The interfaces of a machine, and their addresses."""

    def __init__(self, **addresses: list[str]) -> None:
        self.addresses = addresses

    def __call__(self, name: str) -> list[str]:
        return self.addresses.get(name, [])


def test_an_address_is_bound_to_as_it_is() -> None:
    assert AddressWay("").address(True) == AddressWay("::").address(False) == ""
    assert AddressWay("10.0.0.1").address(False) == "10.0.0.1"
    assert AddressWay("10.0.0.1").address(True) is None


def test_an_interface_has_the_addresses_that_it_has_now() -> None:
    table = Table(tun0=["10.8.0.2", "fd00::2"])
    way = InterfaceWay("tun0", table)
    assert (way.address(False), way.address(True)) == ("10.8.0.2", "fd00::2")
    assert not way.look()
    table.addresses = {"eth0": ["192.0.2.1"]}
    assert way.look()
    assert way.address(False) is None
    assert way.address(True) is None


def test_the_loopback_interface_is_there_and_no_other_of_that_name() -> None:
    assert "127.0.0.1" in interface_addresses("lo")
    assert interface_addresses("p2pd-nowhere") == []


def test_a_socket_of_an_interface_that_is_gone_is_not_made() -> None:
    with socket.socket() as made:
        bind_to_device(made, "")
        with pytest.raises(OSError, match="No such device"):
            bind_to_device(made, "p2pd-nowhere")


def test_nobody_is_dialled_by_another_way() -> None:
    reactor: Any = MemoryReactorClock()
    transport = TcpTransport(reactor, InterfaceWay("tun0", Table(eth0=["192.0.2.1"])))
    failed: list[str] = []
    for host in ("192.0.2.7", "fd00::7"):
        transport.dial(PeerAddress(host, 6881), lambda _: None, failed.append, 10.0)  # type: ignore[arg-type, return-value]
    given_up = transport.dial(PeerAddress("192.0.2.8", 1), lambda _: None, failed.append, 10.0)  # type: ignore[arg-type, return-value]
    given_up.cancel()
    assert failed == []
    reactor.advance(0)
    assert failed == ["no way out to its kind of address"] * 2


def test_trackers_are_not_asked_by_another_way() -> None:
    reactor: Any = MemoryReactorClock()
    bound = BoundReactor(reactor, InterfaceWay("tun0", Table(tun0=["fd00::2"])))
    with pytest.raises(ConnectBindError, match="tun0 has no IPv4 address"):
        bound.connectTCP("192.0.2.7", 80, None)
    assert bound.seconds() == reactor.seconds()


def test_listening_follows_the_interface() -> None:
    from twisted.internet import reactor

    table = Table(lo=[])
    way = InterfaceWay("lo", table)
    transport = TcpTransport(reactor, way)
    listening = transport.listen(0, lambda _: None)  # type: ignore[arg-type, return-value]
    assert listening.port == 0
    ports = []
    for addresses in (["127.0.0.1"], ["127.0.0.2"], [], ["127.0.0.2", "127.0.0.3"]):
        table.addresses = {"lo": addresses}
        assert way.look()
        transport.follow()
        reactor.runUntilCurrent()  # type: ignore[attr-defined]
        ports.append(listening.port)
        for number in range(1, 4):
            with socket.socket() as caller:
                open_here = caller.connect_ex((f"127.0.0.{number}", listening.port)) == 0
            assert open_here == (f"127.0.0.{number}" in addresses)
    assert len(set(ports)) == 1
    assert ports[0] > 0
    closed = Deferred.fromCoroutine(listening.close())
    reactor.runUntilCurrent()  # type: ignore[attr-defined]
    assert closed.called, "whoever runs the reactor next would accept who dialled here"


def test_changes_are_told_once() -> None:
    clock = Clock()
    table = Table(tun0=["10.8.0.2"])
    told: list[tuple[tuple[str, ...], tuple[str, ...]]] = []
    watch = InterfaceWatch(InterfaceWay("tun0", table), clock, lambda *both: told.append(both))
    watch.start()
    clock.advance(LOOK_SECONDS)
    assert told == []
    table.addresses = {}
    clock.pump([LOOK_SECONDS] * 3)
    assert told == [(("10.8.0.2",), ())]
    watch.stop()
    assert not clock.getDelayedCalls()
