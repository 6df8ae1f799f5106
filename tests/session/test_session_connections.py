"""Who is let in, who is dialled, and how many at once."""

from __future__ import annotations

import random
from typing import Any

import pytest

from p2pd.base.addresses import PeerAddress
from p2pd.formats.metainfo import parse_torrent
from p2pd.protocols.peerwire import messages as wire
from p2pd.session.connecting.dialer import Dialer
from p2pd.session.session_parts import SessionLimits
from p2pd.session.torrents.torrent import Torrent
from p2pd.testing import MemoryNetwork, MemoryTransport, ScriptedPeer, SimNode, make_torrent
from p2pd.transports.interfaces import Connected, Failed

PIECE = 16 * 1024
TORRENT = make_torrent({"data": bytes(range(256)) * 640}, piece_length=PIECE)
OTHER = make_torrent({"data": bytes(100_000)}, piece_length=PIECE)
HASH = parse_torrent(TORRENT).info_hashes.wire_ids[0]


def scripted(network: MemoryNetwork, host: str, peer_id: bytes | None = None) -> ScriptedPeer:
    """A peer of the torrent."""
    return ScriptedPeer(network, host, HASH, peer_id=peer_id)


def test_the_same_peer_twice_is_refused(network: MemoryNetwork) -> None:
    node = SimNode(network, "10.0.0.1")
    torrent = node.add(TORRENT)
    first, second = scripted(network, "10.0.0.2"), scripted(network, "10.0.0.2")
    first.dial(node.address)
    second.dial(node.address)
    assert first.closed is None
    assert second.closed is not None
    assert len(torrent.peers) == node.session.connections.total == 1


def test_another_host_cannot_push_a_peer_out_by_taking_its_id(network: MemoryNetwork) -> None:
    node = SimNode(network, "10.0.0.1")
    torrent = node.add(TORRENT)
    first = scripted(network, "10.0.0.2", b"-XX0001-same........")
    thief = scripted(network, "10.0.0.3", b"-XX0001-same........")
    first.dial(node.address)
    thief.dial(node.address)
    assert first.closed is None
    assert len(torrent.peers) == 2


def test_a_node_does_not_stay_connected_to_itself(network: MemoryNetwork) -> None:
    node = SimNode(network, "10.0.0.1")
    torrent = node.add(TORRENT)
    node.connect(torrent, node.address)
    network.run(1)
    assert len(torrent.peers) == node.session.connections.total == 0
    node.connect(torrent, node.address)
    network.run(300)
    assert node.address not in torrent.peers.pool


@pytest.mark.parametrize("ids", [(1, 2), (2, 1)])
def test_two_that_dial_each_other_at_once_keep_one_connection(
    network: MemoryNetwork, ids: tuple[int, int]
) -> None:
    one = SimNode(network, "10.0.0.1", seed=ids[0])
    two = SimNode(network, "10.0.0.2", seed=ids[1])
    first, second = one.add(TORRENT), two.add(TORRENT)
    one.connect(first, two.address)
    two.connect(second, one.address)
    network.run(5)
    assert len(first.peers) == len(second.peers) == 1
    assert one.session.connections.total == two.session.connections.total == 1
    (ours,), (theirs,) = first.peers, second.peers
    assert ours.incoming != theirs.incoming
    assert ours.incoming == (one.session.peer_id < two.session.peer_id)


@pytest.mark.parametrize("order", [(0, 1), (1, 0)])
@pytest.mark.parametrize("gap", [0.0, 0.004, 0.015, 0.025])
def test_two_that_dial_each_other_a_moment_apart_keep_one_connection(
    network: MemoryNetwork, order: tuple[int, int], gap: float
) -> None:
    nodes = [SimNode(network, f"10.0.0.{i}", seed=i) for i in (1, 2)]
    torrents = [node.add(TORRENT) for node in nodes]
    for index in order:
        nodes[index].connect(torrents[index], nodes[1 - index].address)
        network.run(gap)
    network.run(5)
    assert [len(torrent.peers) for torrent in torrents] == [1, 1]
    assert [node.session.connections.total for node in nodes] == [1, 1]


def test_a_torrent_keeps_to_its_number_of_peers(network: MemoryNetwork) -> None:
    node = SimNode(network, "10.0.0.1", peer_limit_per_torrent=3)
    torrent = node.add(TORRENT)
    peers = [scripted(network, f"10.0.1.{i}") for i in range(1, 9)]
    node.connect(torrent, *[peer.listen() for peer in peers])
    network.run(5)
    assert sum(peer.connections for peer in peers) == 3
    assert len(torrent.peers) == 3
    late = scripted(network, "10.0.2.1")
    late.dial(node.address)
    assert late.closed is not None
    next(peer for peer in peers if peer.connections).hang_up()
    network.run(5)
    assert len(torrent.peers) == 3, "another one was dialled"


def test_the_session_keeps_to_its_number_of_peers(network: MemoryNetwork) -> None:
    limits = SessionLimits(half_open=1, check_workers=1)
    node = SimNode(network, "10.0.0.1", limits=limits, peer_limit_global=5)
    torrents = [node.add(TORRENT), node.add(OTHER)]
    hashes = [torrent.info_hashes.wire_ids[0] for torrent in torrents]
    peers = [ScriptedPeer(network, f"10.0.1.{i}", hashes[i % 2]) for i in range(1, 21)]
    for torrent, wanted in zip(torrents, hashes, strict=True):
        chosen = [peer for peer in peers if peer._info_hash == wanted]
        node.connect(torrent, *[peer.listen() for peer in chosen])
    network.run(5)
    assert node.session.connections.total == 5
    assert sorted(len(torrent.peers) for torrent in torrents) == [2, 3], "shared fairly"
    late = scripted(network, "10.0.2.1")
    late.dial(node.address)
    network.run(1)
    assert late.closed is not None
    assert node.session.connections.refused == {"session_full": 1}


def test_few_are_dialled_at_once(network: MemoryNetwork) -> None:
    """Addresses that never answer hold their place for the time-out, and no longer."""
    calls: list[tuple[PeerAddress, Failed]] = []

    class Unanswered(MemoryTransport):
        def dial(
            self, address: PeerAddress, connected: Connected, failed: Failed, timeout: float
        ) -> Any:
            calls.append((address, failed))
            return self

        def cancel(self) -> None:
            """Nothing is under way."""

    node = SimNode(network, "10.0.0.1", limits=SessionLimits(half_open=4, check_workers=1))
    node.session.dialer._transport = Unanswered(network, "10.0.0.1")
    torrent = node.add(TORRENT)
    node.connect(torrent, *[PeerAddress(f"10.0.1.{i}", 6881) for i in range(1, 30)])
    network.run(3)
    assert len(calls) == node.session.dialer.half_open == 4
    calls[0][1]("no answer")
    assert len(calls) == 5
    network.result(torrent.stop())
    assert node.session.dialer.half_open == 0
    assert node.session.connections.total == 0


def test_a_refused_address_is_tried_again_later(network: MemoryNetwork) -> None:
    node = SimNode(network, "10.0.0.1")
    torrent = node.add(TORRENT)
    peer = scripted(network, "10.0.0.2")
    node.connect(torrent, peer.address)
    network.run(5)
    assert peer.connections == 0
    peer.listen()
    network.run(90)
    assert peer.connections == 1
    assert len(torrent.peers) == 1


def test_a_stopped_torrent_is_not_here(network: MemoryNetwork) -> None:
    node = SimNode(network, "10.0.0.1")
    node.add(TORRENT, paused=True)
    peer = scripted(network, "10.0.0.2")
    peer.dial(node.address)
    assert peer.closed is not None
    assert node.session.connections.total == 0


def test_a_connection_that_comes_up_after_the_stop_is_closed(network: MemoryNetwork) -> None:
    node = SimNode(network, "10.0.0.1")
    torrent = node.add(TORRENT)
    peer = scripted(network, "10.0.0.2")
    node.connect(torrent, peer.listen())
    network.run(0.011)  # connected, not shaken hands
    network.result(torrent.stop())
    network.run(1)
    assert len(torrent.peers) == 0
    assert node.session.connections.total == 0


def test_two_seeds_part(network: MemoryNetwork) -> None:
    data = {"data": bytes(100_000)}
    one, two = SimNode(network, "10.0.0.1"), SimNode(network, "10.0.0.2")
    first, second = one.put(OTHER, data), two.put(OTHER, data)
    one.connect(first, two.address)
    network.run(5)
    assert len(first.peers) == len(second.peers) == 0
    assert first.record.uploaded == second.record.uploaded == 0


def test_slots_are_given_and_taken(network: MemoryNetwork) -> None:
    data = {"data": bytes(100_000)}
    node = SimNode(network, "10.0.0.1", upload_slots=2)
    torrent = node.put(OTHER, data)
    hash_ = torrent.info_hashes.wire_ids[0]
    peers = [ScriptedPeer(network, f"10.0.1.{i}", hash_) for i in range(1, 7)]
    for peer in peers:
        peer.dial(node.address)
        peer.send(wire.HaveNone(), wire.Interested())
    network.run(1)
    assert sum(not peer.am_choking for peer in torrent.peers) == 3, "two and one by way of trial"
    served = next(peer.address.host for peer in torrent.peers if not peer.am_choking)
    next(peer for peer in peers if peer.address.host == served).hang_up()
    network.run(12)
    assert sum(not peer.am_choking for peer in torrent.peers) == 3
    network.result(node.control.change_settings({"upload_slots": 4}))
    network.run(12)
    assert sum(not peer.am_choking for peer in torrent.peers) == 5
    network.result(node.control.change_settings({"upload_slots": 1}))
    network.run(12)
    assert sum(not peer.am_choking for peer in torrent.peers) == 2


def seed_and_leech(
    network: MemoryNetwork, data: dict[str, bytes], *, fast: bool = True
) -> tuple[Torrent, ScriptedPeer]:
    """A torrent that is complete, and a peer that wants it and was unchoked."""
    node = SimNode(network, "10.0.0.1")
    torrent = node.put(make_torrent(data, piece_length=PIECE), data)
    peer = ScriptedPeer(network, "10.0.0.2", torrent.info_hashes.wire_ids[0], fast=fast)
    peer.dial(node.address)
    peer.send(*([wire.HaveNone()] if fast else []), wire.Interested())
    network.run(1)
    return torrent, peer


def test_uploads_answer_rejects_and_cancels_by_name(network: MemoryNetwork) -> None:
    data = {"data": random.Random(1).randbytes(400_000)}
    torrent, peer = seed_and_leech(network, data)
    requests = [wire.Request(piece, 0, PIECE) for piece in range(10)]
    peer.send(*requests, wire.Cancel(*requests[9]))
    network.run(1)
    assert [block.piece for block in peer.of_kind(wire.Block)] == list(range(9))
    assert peer.of_kind(wire.Reject) == [wire.Reject(9, 0, PIECE)]
    assert peer.of_kind(wire.Block)[3].data == data["data"][3 * PIECE : 4 * PIECE]
    assert torrent.record.uploaded == 9 * PIECE


@pytest.mark.parametrize("fast", [True, False])
def test_a_queue_of_requests_has_an_end(network: MemoryNetwork, fast: bool) -> None:
    data = {"data": bytes(300 * PIECE)}
    _, peer = seed_and_leech(network, data, fast=fast)
    peer.send(*(wire.Request(i // 10, i % 10 * 1000, 999) for i in range(2500)))
    network.run(1)
    if fast:
        assert len(peer.of_kind(wire.Reject)) == 500
        assert len(peer.of_kind(wire.Block)) == 2000
    else:
        assert peer.closed is not None


def test_a_choke_refuses_what_waits(network: MemoryNetwork) -> None:
    data = {"data": bytes(300 * PIECE)}
    torrent, peer = seed_and_leech(network, data)
    (session_peer,) = torrent.peers
    allowed = {event.piece for event in peer.of_kind(wire.AllowedFast)}
    assert allowed
    requests = [wire.Request(i, 0, PIECE) for i in range(300)]
    peer.send(*requests)
    network.run(0.0101)
    session_peer.choke()
    network.run(2)
    blocks = {block.piece for block in peer.of_kind(wire.Block)}
    rejects = {reject.piece for reject in peer.of_kind(wire.Reject)}
    assert blocks | rejects == set(range(300))
    assert not blocks & rejects
    assert allowed <= blocks
    assert len(rejects) > 100


def test_a_dialer_shares_its_attempts(network: MemoryNetwork) -> None:
    """Torrents take turns, however many candidates each has."""

    class Wanting:
        wants_peers = True

        def __init__(self, name: int) -> None:
            self.left = [PeerAddress(f"10.{name}.0.{i}", 1) for i in range(1, 20)]

        def candidates(self, count: int) -> list[PeerAddress]:
            return [self.left.pop() for _ in range(min(count, len(self.left)))]

        def dial_started(self, address: PeerAddress) -> None:
            started.append(address.host.split(".")[1])

        def dial_failed(self, address: PeerAddress, reason: str) -> None:
            pass

    started: list[str] = []
    dialer = Dialer(
        network.transport("10.0.0.1"),
        half_open_limit=1,
        may_connect=lambda: True,
        connected=lambda *_: pytest.fail("nobody listens"),
    )
    for name in (1, 2, 3):
        dialer.wake(Wanting(name))
    network.run(1)
    assert started[0] == "1"
    assert {tuple(sorted(started[i : i + 3])) for i in range(1, 49, 3)} == {("1", "2", "3")}


@pytest.mark.parametrize(
    ("host", "limited"),
    [
        ("8.1.2.3", True),
        ("2a01:4f8:1:2::{:x}", True),  # who has one IPv6 address has a /64 of them
        ("2a01:4f8:1:{:x}::1", False),
        ("8.1.2.{}", False),
        ("192.168.1.2", False),  # a gateway may stand for many
    ],
)
def test_one_host_has_its_number_of_connections_with_a_torrent(
    network: MemoryNetwork, host: str, limited: bool
) -> None:
    node = SimNode(network, "10.0.0.1", peer_limit_per_host=3)
    torrent = node.add(TORRENT)
    for number in range(1, 6):
        peer_id = f"-XX0001-{number:012d}".encode()
        scripted(network, host.format(number), peer_id).dial(node.address)
    assert len(torrent.peers.connected) == (3 if limited else 5)
    assert node.session.connections.refused == ({"host_full": 2} if limited else {})


@pytest.mark.parametrize("host", ["8.1.2.3", "2a01:4f8:1:2::{:x}"])
def test_one_host_has_its_share_of_all_connections(network: MemoryNetwork, host: str) -> None:
    """Who has one IPv6 address has a /64 of them."""
    node = SimNode(network, "10.0.0.1", peer_limit_global=40, peer_limit_per_host=0)
    torrents = [node.add(TORRENT), node.add(OTHER)]
    peers = []
    for number in range(16):
        hash_ = torrents[number % 2].info_hashes.wire_ids[0]
        peer_id = f"-XX0001-{number:012d}".encode()
        peers.append(ScriptedPeer(network, host.format(number + 1), hash_, peer_id=peer_id))
        peers[-1].dial(node.address)
    assert node.session.connections.established == 10
    assert node.session.connections.refused == {"host_full": 6}
    peers[0].hang_up()
    network.run(1)
    scripted(network, host.format(99), b"-XX0001-one-more....").dial(node.address)
    assert node.session.connections.established == 10, "a place came free"


def test_who_wants_nothing_is_not_told_of_each_piece_by_itself(network: MemoryNetwork) -> None:
    contents = {"data": random.Random(1).randbytes(100 * PIECE)}
    data = make_torrent(contents, piece_length=PIECE)
    seed, node = SimNode(network, "10.0.0.2"), SimNode(network, "10.0.0.1")
    seed.put(data, contents)
    torrent = node.add(data)
    silent = ScriptedPeer(network, "10.0.0.3", torrent.info_hashes.wire_ids[0])
    silent.dial(node.address)
    silent.send(wire.HaveNone())
    arrivals: list[float] = []
    silent.answer = lambda event: arrivals.append(network.clock.seconds())
    began = network.clock.seconds()
    node.connect(torrent, seed.address)
    network.run_until(lambda: torrent.is_complete())
    network.run(1.1)
    assert len(silent.of_kind(wire.Have)) == 100
    took = network.clock.seconds() - began
    assert len(set(arrivals)) <= took / 0.05 + 2, "a few times a second"


def test_who_comes_from_outside_is_noted_for_the_port_test(
    network: MemoryNetwork, seed: SimNode
) -> None:
    (torrent,) = seed.session.torrents
    for host in ("10.0.0.9", "192.0.2.9", "2001:db8::9"):
        ScriptedPeer(network, host, torrent.info_hashes.wire_ids[0]).dial(seed.address)
        network.run(1)
    assert seed.control.reached_at.keys() <= {"ipv4", "ipv6"}
    now = seed.session.wall()
    assert {name: round(now - at) for name, at in seed.control.reached_at.items()} == {
        "ipv4": 2, "ipv6": 1
    }  # fmt: skip
