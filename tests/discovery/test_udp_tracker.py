"""UDP trackers: the dance of BEP 15 over a fake socket, lost packets and forged ones included."""

from __future__ import annotations

import errno
import random
import struct
from collections.abc import Callable
from typing import Any

import pytest
from twisted.internet.defer import Deferred
from twisted.python.failure import Failure

from p2pd.discovery.tracker_client.names import Names
from p2pd.discovery.tracker_client.udp_tracker import UdpTracker
from p2pd.protocols.tracker.announce import (
    AnnounceAnswer,
    AnnounceRequest,
    ScrapeCounts,
    TrackerTimeoutError,
)
from p2pd.transports.way_out import InterfaceWay
from tests.discovery.fake_network import FakeReactor
from tests.transports.fake_udp import FakeUdp, FakeUdpSocket, udp_port

REQUEST = AnnounceRequest(b"h" * 20, b"p" * 20, 6881, 1, 2, 3, event="started", numwant=50)
URL = "udp://192.0.2.9:80/announce"
ADDRESS = ("192.0.2.9", 80)
PEERS_V4 = b"\xc0\x00\x02\x01\x1a\xe1"
PEERS_V6 = bytes.fromhex("20010db8000000000000000000000001") + b"\x1a\xe1"


class UdpServer:
    """Answers as BEP 15 says; a subclass of trouble is made with its attributes."""

    def __init__(self, peers: bytes = PEERS_V4) -> None:
        self.peers = peers
        self.seen: list[int] = []
        self.packets: list[bytes] = []
        self.lose: list[int] = []
        self.valid: set[int] = set()
        self.next_id = 1000
        self.error: bytes | None = None

    def answer(self, packet: bytes) -> bytes | None:
        connection, action, transaction = struct.unpack_from(">QII", packet)
        self.seen.append(action)
        self.packets.append(packet)
        if self.lose and self.lose[0] == action:
            self.lose.pop(0)
            return None
        if action == 0:
            assert (connection, len(packet)) == (0x41727101980, 16)
            self.next_id += 1
            self.valid.add(self.next_id)
            return struct.pack(">IIQ", 0, transaction, self.next_id)
        if connection not in self.valid or self.error is not None:
            return struct.pack(">II", 3, transaction) + (self.error or b"bad connection id")
        if action == 2:
            return struct.pack(">IIIII", 2, transaction, 5, 6, 7)
        return struct.pack(">IIIII", 1, transaction, 900, 4, 5) + self.peers


class World:
    def __init__(self, interface: Any = "") -> None:
        self.reactor = FakeReactor()
        self.server: UdpServer | None = UdpServer()
        self.udp = FakeUdp()
        self.port = udp_port(self.udp, interface)
        self.tracker = self.new_tracker()
        for each in self.udp.sockets:
            each.respond = self._respond(each)

    @property
    def socket(self) -> FakeUdpSocket:
        """The one for IPv4."""
        return self.udp.sockets[0]

    def new_tracker(self, **options: Any) -> UdpTracker:
        names = Names(self.reactor)
        return UdpTracker(self.reactor, random.Random(3), names, self.port, **options)

    def _respond(self, socket: FakeUdpSocket) -> Callable[[bytes, tuple[str, int]], None]:
        def respond(packet: bytes, address: tuple[str, int]) -> None:
            answer = self.server.answer(packet) if self.server is not None else None
            if answer is not None:
                self.reactor.callLater(0, socket.receive, answer, address)

        return respond

    def announce(self, url: str = URL) -> list[Any]:
        """What comes of an announce, once something does."""
        found: list[Any] = []
        Deferred.fromCoroutine(self.tracker.announce(url, REQUEST)).addBoth(found.append)
        self.settle()
        return found

    def settle(self) -> None:
        for _ in range(6):
            self.reactor.advance(0)


def words(found: list[Any]) -> str:
    assert isinstance(found[0], Failure), found
    return str(found[0].value)


def test_connect_then_announce() -> None:
    world = World()
    (answer,) = world.announce()
    assert isinstance(answer, AnnounceAnswer)
    assert [str(peer) for peer in answer.peers] == ["192.0.2.1:6881"]
    assert (answer.interval, answer.leechers, answer.seeders) == (900, 4, 5)
    assert world.server is not None
    assert world.server.seen == [0, 1]
    assert len(world.server.packets[1]) == 98, "no options for the usual path"
    assert world.reactor.getDelayedCalls() == []


def test_a_connection_id_serves_for_a_minute() -> None:
    world = World()
    world.announce()
    world.reactor.advance(59)
    world.announce()
    world.reactor.advance(1)
    world.announce()
    assert world.server is not None
    assert world.server.seen == [0, 1, 1, 0, 1]


def test_a_tracker_that_forgot_the_connection_id_is_asked_once_more() -> None:
    world = World()
    world.announce()
    assert world.server is not None
    world.server.valid.clear()
    (answer,) = world.announce()
    assert isinstance(answer, AnnounceAnswer)
    assert world.server.seen == [0, 1, 1, 0, 1]


def test_an_error_is_in_the_trackers_words() -> None:
    world = World()
    assert world.server is not None
    world.server.error = b"torrent not \x00registered"
    assert words(world.announce()) == "torrent not  registered"
    assert world.server.seen == [0, 1]


@pytest.mark.parametrize("lost", [0, 1])
def test_a_lost_packet_is_sent_again_after_fifteen_seconds(lost: int) -> None:
    world = World()
    assert world.server is not None
    world.server.lose = [lost]
    found = world.announce()
    world.reactor.advance(14.9)
    assert not found
    world.reactor.advance(0.1)
    world.settle()
    assert isinstance(found[0], AnnounceAnswer)


def test_waits_double_and_end_with_the_time_that_is_given() -> None:
    world = World()
    world.server = None
    world.tracker = world.new_tracker(timeout=300)
    found = world.announce()
    sent = []
    for second in range(300):
        sent += [second] * (len(world.socket.sent) - len(sent))
        world.reactor.advance(1)
    assert sent == [0, 15, 45, 105, 225]
    assert isinstance(found[0].value, TrackerTimeoutError)


def test_a_dead_tracker_is_given_up_after_thirty_seconds() -> None:
    world = World()
    world.server = None
    found = world.announce()
    world.reactor.advance(30)
    assert words(found) == "no answer within 30 seconds"
    assert isinstance(found[0].value, TrackerTimeoutError)
    assert world.reactor.getDelayedCalls() == []


def test_a_cancelled_announce_leaves_nothing_behind() -> None:
    world = World()
    world.server = None
    announce = Deferred.fromCoroutine(world.tracker.announce(URL, REQUEST))
    announce.addErrback(lambda failure: None)
    announce.cancel()
    assert world.reactor.getDelayedCalls() == []


# -- whose answer it is ----------------------------------------------------------------------------


@pytest.mark.parametrize("sender", [("192.0.2.66", 80), ("192.0.2.9", 81)])
def test_an_answer_from_another_address_is_no_answer(sender: tuple[str, int]) -> None:
    world = World()
    world.server = None
    found = world.announce()
    socket = world.socket
    forged = UdpServer().answer(socket.sent[0][0])
    assert forged is not None
    socket.receive(forged, sender)
    assert len(socket.sent) == 1
    socket.receive(forged, ADDRESS)
    assert len(socket.sent) == 2, "the same bytes from the tracker itself are one"
    assert not found


@pytest.mark.parametrize("packet", [b"", b"1234567", bytes(8), bytes(16), b"\xff" * 70])
def test_packets_that_answer_nothing_are_ignored(packet: bytes) -> None:
    world = World()
    world.server = None
    found = world.announce()
    world.socket.receive(packet, ADDRESS)
    assert not found


def test_an_answer_counts_once() -> None:
    world = World()
    world.announce()
    socket = world.socket
    transaction = socket.sent[1][0][12:16]
    again = struct.pack(">I", 1) + transaction + bytes(12)
    socket.receive(again, ADDRESS)
    assert len(socket.sent) == 2


@pytest.mark.parametrize(
    ("tail", "expected"),
    [
        (struct.pack(">I", 1), "it answered action 1, not 0"),
        (struct.pack(">I", 0), "its answer has 8 bytes, not 16"),
        (struct.pack(">I", 3), "it refused without a reason"),
    ],
)
def test_a_wrong_answer_is_said_in_words(tail: bytes, expected: str) -> None:
    world = World()
    world.server = None
    found = world.announce()
    socket = world.socket
    socket.receive(tail + socket.sent[0][0][12:16], ADDRESS)
    assert words(found) == expected


# -- names, families, interfaces -------------------------------------------------------------------


def test_names_are_resolved_and_ipv4_is_preferred() -> None:
    world = World()
    world.reactor.names["t.test"] = ["2001:db8::9", "192.0.2.9"]
    world.announce("udp://t.test:80")
    assert world.socket.sent[0][1] == ADDRESS


def test_peers_over_ipv6_are_ipv6() -> None:
    world = World()
    world.server = UdpServer(PEERS_V6)
    (answer,) = world.announce("udp://[2001:DB8::9]:80")
    assert [str(peer) for peer in answer.peers] == ["[2001:db8::1]:6881"]
    assert world.socket.sent == []


def test_each_family_has_one_socket() -> None:
    world = World()
    for url in (URL, "udp://192.0.2.10:80", "udp://[2001:db8::9]:80", "udp://[2001:db8::8]:80"):
        world.announce(url)
    hosts = [{address[0] for _, address in each.sent} for each in world.udp.sockets]
    assert hosts == [{"192.0.2.9", "192.0.2.10"}, {"2001:db8::9", "2001:db8::8"}]


def test_the_interface_decides_which_address_is_used() -> None:
    world = World("2001:db8::77")
    world.reactor.names["t.test"] = ["192.0.2.9", "2001:db8::9"]
    world.announce("udp://t.test:80")
    assert world.udp.open_ones() == [("2001:db8::77", 6881)]
    assert world.socket.sent[0][1] == ("2001:db8::9", 80)
    expected = "it cannot be reached from 2001:db8::77, the interface in use"
    assert words(world.announce(URL)) == expected


def test_an_interface_without_an_address_is_no_way() -> None:
    world = World(InterfaceWay("vpn0", lambda _: []))
    expected = "it cannot be reached from vpn0, the interface in use"
    assert words(world.announce()) == expected


def test_what_the_system_refuses_is_said_in_words() -> None:
    world = World()
    world.socket.refusing.append(OSError(errno.ENETUNREACH, "Network is unreachable"))
    assert words(world.announce()) == "cannot be asked: Network is unreachable"
    assert world.reactor.getDelayedCalls() == []


@pytest.mark.parametrize(
    "url", ["udp://", "udp://h", "udp://h:0", "udp://h:99999", "udp://[::1", "udp://a..b:80"]
)
def test_a_broken_url_is_said_in_words(url: str) -> None:
    assert "URL has no" in words(World().announce(url))


def test_a_name_that_is_not_found_is_said_in_words() -> None:
    assert words(World().announce("udp://nowhere.test:80")) == "its name cannot be found"


def test_path_and_query_are_told_in_options() -> None:
    world = World()
    world.announce("udp://192.0.2.9:80/announce?pass=secret")
    assert world.server is not None
    assert world.server.packets[1][98:] == b"\x02\x15/announce?pass=secret\x00"


# -- the rest --------------------------------------------------------------------------------------


def test_a_scrape_counts_seeders_downloads_and_leechers() -> None:
    world = World()
    found: list[Any] = []
    Deferred.fromCoroutine(world.tracker.scrape(URL, [b"h" * 20])).addBoth(found.append)
    world.settle()
    assert found == [{b"h" * 20: ScrapeCounts(seeders=5, downloads=6, leechers=7)}]


def test_closing_ends_what_is_under_way() -> None:
    world = World()
    world.server = None
    found = world.announce()
    Deferred.fromCoroutine(world.tracker.close())
    assert words(found) == "shutting down"
    assert words(world.announce()) == "shutting down"
    assert world.reactor.getDelayedCalls() == []
