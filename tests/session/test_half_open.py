"""Handshakes that are begun and not ended: how long they last, and how many there are."""

from __future__ import annotations

import ssl
from typing import Iterator

import pytest

from p2pd.base.addresses import PeerAddress
from p2pd.formats.metainfo import parse_torrent
from p2pd.protocols.mse.key_exchange import KEY_SIZE, KeyPair
from p2pd.protocols.peerwire.connection import HANDSHAKE_SECONDS
from p2pd.protocols.peerwire.handshake import PREFIX
from p2pd.session.connecting.arrivals import (
    DIALLED_HANDSHAKES,
    HANDSHAKES,
    PER_HOST_HANDSHAKES,
    SPARE_CONNECTIONS,
    HandshakeEnd,
)
from p2pd.testing import MemoryNetwork, ScriptedPeer, SimNode, make_torrent
from p2pd.transports.interfaces import PeerStream
from tests.session import tls_swarm

TORRENT = make_torrent({"data": bytes(range(256)) * 640}, piece_length=16 * 1024)
HASH = parse_torrent(TORRENT).info_hashes.wire_ids[0]
NODE = "10.0.0.1"
NOT_DONE = HANDSHAKE_SECONDS - 2
KEYS = KeyPair(2**159 + 7)

LOCAL, OUTSIDE = "10.0.0.2", "8.8.8.8"


class Held:
    """A connection of somebody who says what he is told to, and understands nothing."""

    def __init__(self, network: MemoryNetwork, host: str) -> None:
        self.closed: str | None = None
        self.connections = 0
        self.heard = bytearray()
        self._host = host
        self._transport = network.transport(host)
        self._stream: PeerStream | None = None
        self._first = b""

    def dial(self, address: PeerAddress, first: bytes = b"") -> Held:
        """`first` is said as soon as it is connected."""
        self._first = first
        self._transport.dial(address, self._connected, self.stream_lost, 15.0)
        return self

    def listen(self) -> PeerAddress:
        port = self._transport.listen(6881, self._connected).port
        return PeerAddress(self._host, port)

    def say(self, data: bytes) -> None:
        if self._stream is not None:
            self._stream.write([data])

    def _connected(self, stream: PeerStream) -> Held:
        self._stream = stream
        self.connections += 1
        self.say(self._first)
        return self

    def stream_received(self, data: memoryview) -> None:
        self.heard += data

    def stream_writable(self) -> None:
        """It says what it is told to."""

    def stream_lost(self, reason: str) -> None:
        self.closed = reason


def drips(network: MemoryNetwork, peer: Held, data: Iterator[int]) -> float:
    """A byte a second, until it is hung up on: after how many seconds."""
    began = network.clock.seconds()
    while peer.closed is None:
        peer.say(bytes([next(data)]))
        network.run(1.0)
        assert network.clock.seconds() - began < 100
    return network.clock.seconds() - began


@pytest.mark.parametrize("host", [LOCAL, OUTSIDE, "127.0.0.1", "2001:db8::1"])
@pytest.mark.parametrize("first", [PREFIX, KEYS.public], ids=["clear", "encrypted"])
def test_who_is_slow_has_as_long_as_who_is_silent(
    network: MemoryNetwork, host: str, first: bytes
) -> None:
    node = SimNode(network, NODE, encryption="preferred")
    node.add(TORRENT)
    silent = Held(network, "10.9.9.9").dial(node.address)
    slow = Held(network, host).dial(node.address)
    network.run(1.0)
    lasted = drips(network, slow, iter(first + bytes(100)))
    assert NOT_DONE <= lasted <= HANDSHAKE_SECONDS + 2
    assert silent.closed is not None
    assert node.session.connections.failed == {HandshakeEnd.SILENT: 2}
    assert node.session.connections.total == 0


def test_the_time_is_for_all_of_an_encrypted_handshake(network: MemoryNetwork) -> None:
    """Also for who sends his key at once, and the rest in drops when he has the answer."""
    node = SimNode(network, NODE, encryption="required")
    node.add(TORRENT)
    peer = Held(network, OUTSIDE).dial(node.address, KEYS.public)
    network.run(1.0)
    assert len(peer.heard) >= KEY_SIZE
    work = node.session.connections.opener.work
    assert work is not None
    assert (work.in_line, work.strangers) == (0, 0)
    lasted = drips(network, peer, iter(bytes(500)))
    assert lasted <= HANDSHAKE_SECONDS + 1
    assert node.session.connections.failed == {HandshakeEnd.SILENT: 1}


@pytest.mark.parametrize("encryption", ["off", "required"])
def test_whom_we_dial_has_no_longer(network: MemoryNetwork, encryption: str) -> None:
    node = SimNode(network, NODE, encryption=encryption)
    torrent = node.add(TORRENT)
    peer = Held(network, OUTSIDE)
    node.connect(torrent, peer.listen())
    network.run(1.0)
    assert peer.connections == 1
    answer = PREFIX if encryption == "off" else KEYS.public
    assert NOT_DONE - 1 <= drips(network, peer, iter(answer + bytes(100))) <= HANDSHAKE_SECONDS + 1
    assert node.session.connections.failed == {HandshakeEnd.SILENT: 1}


def test_those_that_we_dial_and_that_say_nothing_are_bounded(network: MemoryNetwork) -> None:
    many = 5 * DIALLED_HANDSHAKES
    node = SimNode(
        network, NODE, encryption="off", peer_limit_global=many, peer_limit_per_torrent=many
    )
    torrent = node.add(TORRENT)
    count = DIALLED_HANDSHAKES + 60
    peers = [Held(network, f"10.{1 + n // 200}.0.{n % 200 + 1}") for n in range(count)]
    node.connect(torrent, *[peer.listen() for peer in peers])
    network.run(10.0)
    connections = node.session.connections
    assert sum(peer.connections for peer in peers) == DIALLED_HANDSHAKES
    assert connections.dialled_handshakes == DIALLED_HANDSHAKES
    assert connections.dialer.half_open == 0
    who_comes = ScriptedPeer(network, "8.8.8.8", HASH)
    who_comes.dial(node.address)
    network.run(1.0)
    assert [peer.address.host for peer in torrent.connected] == ["8.8.8.8"], "others may come"
    network.run(HANDSHAKE_SECONDS)
    assert sum(bool(peer.connections) for peer in peers) == count, "then it is the others' turn"


def flood(network: MemoryNetwork, node: SimNode, count: int, hosts: int) -> list[Held]:
    """Of each kind as many."""
    key = KEYS.public + bytes(77)
    kinds = [b"", key, PREFIX, PREFIX + bytes(28), key[:50], b"\x16\x03\x01" + bytes(200)]
    came = []
    for number in range(count):
        host = number % hosts
        peer = Held(network, f"127.1.{host // 250}.{host % 250 + 1}")
        came.append(peer.dial(node.address, kinds[number % len(kinds)]))
    network.run(0.5)
    return came


@pytest.mark.parametrize(
    ("hosts", "places", "held"),
    [(1, 500, PER_HOST_HANDSHAKES), (300, 500, HANDSHAKES), (300, 30, 30 + SPARE_CONNECTIONS)],
)
def test_a_crowd_on_loopback_has_its_bounds_and_lets_others_in(
    network: MemoryNetwork, hosts: int, places: int, held: int
) -> None:
    node = SimNode(network, NODE, encryption="allowed", peer_limit_global=places)
    torrent = node.add(TORRENT)
    came = flood(network, node, 3 * HANDSHAKES, hosts)
    connections = node.session.connections
    assert len(connections.arrivals) == sum(peer.closed is None for peer in came)
    assert 0 < len(connections.arrivals) <= held
    assert connections.arrivals.turned_away.total() == len(came) - held
    honest = ScriptedPeer(network, OUTSIDE, HASH)
    honest.dial(node.address)
    dialled = ScriptedPeer(network, "9.9.9.9", HASH)
    node.connect(torrent, dialled.listen())
    network.run(1.0)
    assert {peer.address.host for peer in torrent.connected} == {OUTSIDE, "9.9.9.9"}
    assert connections.total <= places + SPARE_CONNECTIONS
    network.run(HANDSHAKE_SECONDS + 2)
    work = connections.opener.work
    assert work is not None
    assert (len(connections.arrivals), work.in_line, connections.total) == (0, 0, 2)


def client_hello(name: str) -> bytes:
    """What a client of TLS says first."""
    said = ssl.MemoryBIO()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    with pytest.raises(ssl.SSLWantReadError):
        context.wrap_bio(ssl.MemoryBIO(), said, server_hostname=name).do_handshake()
    return said.read()


@pytest.fixture
def tls_node(network: MemoryNetwork) -> SimNode:
    """A member of a swarm whose peers are reached by TLS."""
    found = tls_swarm.node(network, NODE)
    torrent = found.add(tls_swarm.tls_torrent())
    tls_swarm.give(found, torrent, tls_swarm.of_everybody())
    return found


def hello_to(node: SimNode) -> bytes:
    (torrent,) = node.session.torrents
    return client_hello(torrent.info_hashes.wire_ids[0].hex())


@pytest.mark.parametrize("said", [0, 1, 100, None], ids=["nothing", "a byte", "a part", "all"])
def test_a_tls_handshake_has_the_same_time(
    network: MemoryNetwork, tls_node: SimNode, said: int | None
) -> None:
    """And what follows its first message does not make it longer."""
    hello = hello_to(tls_node)
    peer = Held(network, OUTSIDE).dial(tls_node.tls_address, hello[:said])
    network.run(1.0)
    assert bool(peer.heard) is (said is None), "who named the swarm has our certificate"
    rest = hello[said:] if said is not None else b"\x17\x03\x03\x00\xff" + bytes(100)
    lasted = drips(network, peer, iter(rest[:100] + bytes(100)))
    assert NOT_DONE - 1 <= lasted <= HANDSHAKE_SECONDS + 1
    assert tls_node.session.connections.failed == {HandshakeEnd.SILENT: 1}
    work = tls_node.session.tls.work
    assert work is not None
    assert (work.in_line, work.strangers) == (0, 0)


def test_both_ports_have_their_strangers_in_common(
    network: MemoryNetwork, tls_node: SimNode
) -> None:
    hello = hello_to(tls_node)
    addresses = (tls_node.address, tls_node.tls_address)
    held = [Held(network, OUTSIDE) for _ in range(2 * PER_HOST_HANDSHAKES)]
    for number, peer in enumerate(held):
        peer.dial(addresses[number % 2], hello if number % 2 else b"")
    network.run(1.0)
    connections = tls_node.session.connections
    assert len(connections.arrivals) == PER_HOST_HANDSHAKES
    assert connections.arrivals.turned_away == {"host_handshakes": PER_HOST_HANDSHAKES}


def test_whom_we_dial_by_tls_has_no_longer(network: MemoryNetwork, tls_node: SimNode) -> None:
    (torrent,) = tls_node.session.torrents
    peer = Held(network, OUTSIDE)
    tls_node.connect(torrent, peer.listen())
    network.run(1.0)
    assert peer.heard[:1] == b"\x16"
    record = b"\x16\x03\x03\x10\x00" + bytes(200)
    assert NOT_DONE - 1 <= drips(network, peer, iter(record)) <= HANDSHAKE_SECONDS + 1
    assert tls_node.session.connections.failed == {HandshakeEnd.SILENT: 1}
