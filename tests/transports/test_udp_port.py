"""The UDP port: whose datagrams they are, by which socket they go, what becomes of too many.

One test has real sockets, on loopback.
"""

from __future__ import annotations

import errno
import socket
from typing import Any

import pytest
from twisted.logger import capturedLogs, formatEvent

from p2pd.base.addresses import PeerAddress
from p2pd.transports import udp_socket
from p2pd.transports.datagram_batches import COUNT, Datagram
from p2pd.transports.udp_port import KRPC, OTHER, UTP, UdpPort, kind_of, open_udp
from p2pd.transports.udp_socket import UdpSocket
from p2pd.transports.way_out import InterfaceWay, interface_addresses
from tests.transports.fake_udp import FIRST_PORT, FakeUdp, FakeUdpSocket, OneByOne, udp_port

THERE = PeerAddress("192.0.2.9", 80)
THERE_V6 = PeerAddress("2001:db8::9", 80)
KRPC_PING = b"d1:ad2:id20:abcdefghij0123456789e1:q4:ping1:t2:aa1:y1:qe"
UTP_SYN = bytes([0x41, 0]) + bytes(18)


class Ear:
    """Notes what it is given, one list for each wake-up."""

    def __init__(self) -> None:
        self.heard: list[list[Datagram]] = []

    def __call__(self, by: UdpSocket, datagrams: Any) -> None:
        self.heard.append(list(datagrams))


@pytest.mark.parametrize(
    ("data", "kind"),
    [
        (KRPC_PING, KRPC),
        (b"de", KRPC),
        (b"d1:ad2", OTHER),
        (UTP_SYN, UTP),
        (bytes([0x01]) + bytes(19), UTP),
        (UTP_SYN[:19], OTHER),
        (bytes([0x51]) + bytes(19), OTHER),
        (bytes([0x42]) + bytes(19), OTHER),
        (b"\0\0\0\1" + bytes(16), OTHER),
        (b"", OTHER),
    ],
)
def test_whose_it_is_shows_in_the_first_bytes(data: bytes, kind: str) -> None:
    assert kind_of(data) == kind


def test_each_kind_goes_to_who_claims_it_once_a_wake_up() -> None:
    udp = FakeUdp()
    port = udp_port(udp)
    krpc, other = Ear(), Ear()
    port.claim(KRPC, krpc)
    port.claim(OTHER, other)
    one = udp.sockets[0]
    for data in (KRPC_PING, b"\0\0\0\1", UTP_SYN, b"de"):
        one.arriving.append((data, THERE))
    one.arriving.append((KRPC_PING, ("192.0.2.9", 0)))
    one.reader.doRead()
    assert krpc.heard == [[(KRPC_PING, THERE), (b"de", THERE)]]
    assert other.heard == [[(b"\0\0\0\1", THERE)]]
    assert port.counts.received == {KRPC: 2, OTHER: 1, UTP: 1}
    assert port.counts.received_bytes == 2 * len(KRPC_PING) + 4 + 20 + 2


def test_a_wake_up_reads_no_more_than_its_share() -> None:
    udp = FakeUdp()
    ear = Ear()
    udp_port(udp).claim(OTHER, ear)
    one = udp.sockets[0]
    one.arriving.extend([(b"x", THERE)] * (COUNT + 1))
    one.reader.doRead()
    assert len(ear.heard[0]) == COUNT
    one.reader.doRead()
    assert len(ear.heard[1]) == 1


def test_a_receiver_that_fails_costs_nobody_the_socket() -> None:
    udp = FakeUdp()
    port = udp_port(udp)

    def fails(*_: Any) -> None:
        raise ZeroDivisionError

    port.claim(OTHER, fails)
    with capturedLogs() as events:
        udp.sockets[0].receive(b"x", THERE)
    assert "could not be handled" in (formatEvent(events[-1]) or "")
    assert udp.sockets[0].open


def test_an_error_of_the_interface_is_read_over() -> None:
    udp = FakeUdp()
    ear = Ear()
    udp_port(udp).claim(OTHER, ear)
    one = udp.sockets[0]
    one.arriving.extend([(b"x", THERE), OSError(errno.ENETDOWN, "down"), (b"y", THERE)])
    one.reader.doRead()
    one.reader.doRead()
    assert ear.heard == [[(b"x", THERE)], [(b"y", THERE)]]


# -- sending ---------------------------------------------------------------------------------------


def test_each_family_has_a_socket_of_its_own() -> None:
    udp = FakeUdp()
    port = udp_port(udp)
    assert udp.open_ones() == [("0.0.0.0", 6881), ("::", 6881)]
    port.send(b"a", THERE)
    port.send(b"b", THERE_V6)
    assert [each.sent for each in udp.sockets] == [[(b"a", THERE)], [(b"b", THERE_V6)]]
    assert (port.counts.sent, port.counts.sent_bytes) == (2, 2)


def test_what_the_system_refuses_is_said_to_who_sends_one_and_counted() -> None:
    udp = FakeUdp()
    port = udp_port(udp)
    udp.sockets[0].refusing.extend([OSError(errno.EPERM, "forbidden")] * 2)
    with pytest.raises(OSError, match="forbidden"):
        port.send(b"a", THERE)
    port.sockets[0].send_all([(b"b", THERE), (b"c", THERE)])
    assert udp.sockets[0].sent == [(b"c", THERE)]
    assert port.counts.refused == 2


def test_what_finds_the_kernel_full_waits_in_order() -> None:
    udp = FakeUdp()
    port = udp_port(udp)
    one = udp.sockets[0]
    one.refusing.append(BlockingIOError())
    for data in (b"a", b"b", b"c"):
        port.send(data, THERE)
    assert one.sent == []
    assert udp.writers == [one.reader]
    one.refusing.extend([None, OSError(errno.EPERM, "forbidden"), BlockingIOError()])
    one.reader.doWrite()
    assert one.sent == [(b"a", THERE)]
    port.send(b"d", THERE)
    one.reader.doWrite()
    assert [data for data, _ in one.sent] == [b"a", b"c", b"d"]
    assert udp.writers == []
    port.send(b"e", THERE)
    assert one.sent[-1] == (b"e", THERE)


@pytest.mark.parametrize("size", [1, 1400])
def test_the_queue_drops_and_does_not_grow(size: int) -> None:
    udp = FakeUdp()
    port = udp_port(udp)
    one = udp.sockets[0]
    one.refusing.append(BlockingIOError())
    for _ in range(2 * udp_socket.MOST_QUEUED):
        port.send(bytes(size), THERE)
    queued = min(udp_socket.MOST_QUEUED, udp_socket.MOST_QUEUED_BYTES // size)
    assert port.counts.dropped == 2 * udp_socket.MOST_QUEUED - queued
    while udp.writers:
        one.reader.doWrite()
    assert len(one.sent) == queued
    one.refusing.append(BlockingIOError())
    port.send(bytes(size), THERE)
    assert port.counts.dropped == 2 * udp_socket.MOST_QUEUED - queued, "there is room again"


def test_nothing_is_sent_when_it_is_closed() -> None:
    udp = FakeUdp()
    port = udp_port(udp)
    one = port.sockets[0]
    udp.sockets[0].refusing.append(BlockingIOError())
    one.send(b"a", THERE)
    port.close()
    assert udp.open_ones() == udp.writers == []
    assert port.port == 0
    with pytest.raises(OSError, match="no way"):
        port.send(b"b", THERE)
    with pytest.raises(OSError, match="shutting down"):
        one.send(b"b", THERE)


# -- where it is bound -----------------------------------------------------------------------------


def test_an_address_is_the_only_one() -> None:
    udp = FakeUdp()
    port = udp_port(udp, "2001:db8::77")
    assert udp.open_ones() == [("2001:db8::77", 6881)]
    assert port.socket_for(False) is None
    with pytest.raises(OSError, match="2001:db8::77 has no way to it"):
        port.send(b"a", THERE)


def test_a_host_without_ipv6_has_ipv4() -> None:
    udp = FakeUdp()
    udp.absent = {"::"}
    assert udp_port(udp).socket_for(True) is None
    assert udp.open_ones() == [("0.0.0.0", 6881)]


def test_another_port_is_used_when_it_is_taken_and_that_is_said() -> None:
    udp = FakeUdp()
    udp.taken = {6881}
    with capturedLogs() as events:
        port = udp_port(udp)
    assert port.port == FIRST_PORT
    assert "UDP port 6881 is not to be had" in (formatEvent(events[-1]) or "")
    assert udp.open_ones() == [("0.0.0.0", FIRST_PORT), ("::", FIRST_PORT)]


def test_nothing_to_be_had_is_said() -> None:
    udp = FakeUdp()
    udp.taken = {6881, FIRST_PORT}
    with capturedLogs() as events:
        port = udp_port(udp)
    assert port.sockets == ()
    assert "no UDP socket is to be had" in (formatEvent(events[-1]) or "")


def test_an_interface_is_followed_and_left_for_no_other() -> None:
    addresses: list[str] = []
    way = InterfaceWay("vpn0", lambda _: addresses)
    udp, told = FakeUdp(), []
    port = UdpPort(udp, way, open_socket=udp.open, batches=OneByOne())
    port.when_changed(lambda: told.append(udp.open_ones()))
    port.open(0)
    with pytest.raises(OSError, match="vpn0 has no way to it"):
        port.send(b"a", THERE)
    for now in (["10.8.0.2", "fd00::2"], ["10.8.0.3", "fd00::2"], [], ["10.8.0.2"]):
        addresses[:] = now
        assert way.look()
        port.follow()
    at = FIRST_PORT
    assert told == [
        [],
        [("10.8.0.2", at), ("fd00::2", at)],
        [("fd00::2", at), ("10.8.0.3", at)],
        [],
        [("10.8.0.2", at)],
    ]
    assert {each.device for each in udp.sockets} == {"vpn0"}
    port.close()
    port.follow()
    assert udp.open_ones() == [], "closed is closed"


def test_a_handed_socket_of_both_families_is_used_for_both() -> None:
    udp = FakeUdp()
    handed: Any = FakeUdpSocket("::", 53, both=True)
    port = UdpPort(udp, "", [handed], open_socket=udp.open, batches=OneByOne())
    ear = Ear()
    port.claim(OTHER, ear)
    port.open(6881)
    assert port.port == 53
    assert port.socket_for(False) is port.socket_for(True)
    handed.receive(b"x", ("::ffff:192.0.2.9", 80))
    handed.receive(b"y", ("2001:db8::9", 80))
    assert ear.heard == [[(b"x", THERE)], [(b"y", THERE_V6)]]
    port.send(b"a", THERE)
    port.send(b"b", THERE_V6)
    assert handed.sent == [(b"a", ("::ffff:192.0.2.9", 80)), (b"b", THERE_V6)]


def test_a_socket_of_a_device_that_is_not_there_is_not_opened() -> None:
    with pytest.raises(OSError, match="No such device"):
        open_udp("127.0.0.1", 0, "p2pd-nowhere")


def test_sockets_of_both_families_share_a_port() -> None:
    with open_udp("127.0.0.1", 0, "") as first:
        number = first.getsockname()[1]
        assert not first.getblocking()
        if not interface_addresses("lo")[1:]:
            pytest.skip("this host has no IPv6")
        with open_udp("::1", number, "") as second:
            assert second.getsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY) == 1
