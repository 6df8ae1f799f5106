"""Peers that break the rules, or say nothing at all: the session survives and goes on."""

from __future__ import annotations

import random
from typing import Callable

import pytest

from p2pd.formats.metainfo import parse_torrent
from p2pd.protocols.peerwire import messages as wire
from p2pd.protocols.peerwire.connection import Event
from p2pd.session.torrents.torrent import Torrent
from p2pd.testing import MemoryNetwork, ScriptedPeer, SimNode, make_torrent

PIECE = 32 * 1024
DATA = random.Random(1).randbytes(10 * PIECE)
TORRENT = make_torrent({"data": DATA}, piece_length=PIECE)
INFO_HASH = parse_torrent(TORRENT).info_hashes.wire_ids[0]


@pytest.fixture
def node(network: MemoryNetwork) -> SimNode:
    """A node that wants the torrent."""
    return SimNode(network, "10.0.0.1")


@pytest.fixture
def torrent(node: SimNode) -> Torrent:
    """The torrent it wants."""
    return node.add(TORRENT)


def block(request: wire.Request) -> wire.Block:
    """What a good peer answers."""
    start = request.piece * PIECE + request.begin
    return wire.Block(request.piece, request.begin, DATA[start : start + request.length])


def peer_at(
    network: MemoryNetwork, host: str, *, fast: bool = True, mute: bool = False
) -> ScriptedPeer:
    """A peer of this torrent."""
    return ScriptedPeer(network, host, INFO_HASH, fast=fast, mute=mute)


def serve(peer: ScriptedPeer, spoil: Callable[[wire.Request], bool] = lambda _: False) -> None:
    """Let the peer answer every request, some of them wrongly."""

    def answer(event: Event) -> None:
        if isinstance(event, wire.Request):
            good = block(event)
            peer.send(good._replace(data=bytes(event.length)) if spoil(event) else good)

    peer.answer = answer


def seed_to(peer: ScriptedPeer, node: SimNode) -> None:
    """Dial as a seed that unchokes."""
    peer.dial(node.address)
    peer.send(wire.Bitfield(b"\xff\xc0"), wire.Unchoke())
    peer.network.run(0.1)


def assert_downloads(network: MemoryNetwork, node: SimNode, torrent: Torrent) -> None:
    """Show that the node still works: an honest seed can give it everything."""
    honest = peer_at(network, "10.9.9.9")
    serve(honest)
    seed_to(honest, node)
    network.run_until(lambda: torrent.record.completed_at, limit=120)
    assert b"".join(node.storage(torrent).pieces[i] for i in range(10)) == DATA


BROKEN: dict[str, list[wire.Message] | bytes] = {
    "garbage": b"\x00\x00\x00\x05\x04\xff" + bytes(range(200)),
    "a message too long": b"\xff\xff\xff\xff\x07",
    "a choke with content": b"\x00\x00\x00\x02\x00\x00",
    "a have that is too short": b"\x00\x00\x00\x03\x04\x00\x00",
    "a bitfield too short": [wire.Bitfield(b"\xff")],
    "a bitfield too long": [wire.Bitfield(b"\xff\xc0\x00")],
    "a bitfield with spare bits": [wire.Bitfield(b"\xff\xff")],
    "a have beyond the end": [wire.Have(10)],
    "a have far beyond the end": [wire.Have(2**32 - 1)],
    "a request beyond the last piece": [wire.Request(10, 0, 16384)],
    "a request beyond the end of a piece": [wire.Request(0, PIECE - 16384, 16385)],
    "a request of nothing": [wire.Request(0, 0, 0)],
    "a request that is too long": [wire.Request(0, 0, 1 << 20)],
    "extension rubbish": [wire.Extended(0, b"d1:m")],
    "metadata rubbish": [wire.Extended(2, b"i5e")],
}


@pytest.mark.parametrize("broken", BROKEN.values(), ids=BROKEN)
def test_a_peer_that_breaks_the_protocol_is_dropped(
    network: MemoryNetwork, node: SimNode, torrent: Torrent, broken: list[wire.Message] | bytes
) -> None:
    peer = peer_at(network, "10.0.0.2")
    peer.dial(node.address)
    assert len(torrent.peers) == 1
    if isinstance(broken, bytes):
        peer.send_raw(broken)
    else:
        peer.send(*broken)
    network.run(0.1)
    assert peer.closed is not None
    assert len(torrent.peers) == 0
    assert node.session.connections.total == 0
    assert not torrent.error
    assert_downloads(network, node, torrent)


HARMLESS: dict[str, list[wire.Message]] = {
    "an unknown message": [wire.Extended(99, b"?")],
    "a bitfield after haves, and again": [
        wire.Have(0),
        wire.Bitfield(b"\xff\xc0"),
        wire.Bitfield(bytes(2)),
        wire.Have(0),
    ],
    "a suggestion beyond the end": [wire.Suggest(10)],
    "an allowed piece beyond the end": [wire.AllowedFast(2**31)],
    "a cancel of what it never asked": [wire.Cancel(3, 0, 16384)],
    "a reject of what nobody asked": [wire.Reject(3, 0, 16384), wire.Reject(99, 5, 7)],
    "a request while choked": [wire.Request(0, 0, 16384)],
    "blocks that nobody asked for": [wire.Block(i, 0, bytes(16384)) for i in range(10)],
    "a block outside the torrent": [wire.Block(99, 1 << 30, bytes(5))],
    "a block across others": [wire.Block(0, 8192, bytes(16384))],
    "hashes that nobody asked for": [wire.Hashes(bytes(32), 0, 0, 2, 0, bytes(64))],
    "a hash request in a v1 torrent": [wire.HashRequest(bytes(32), 0, 0, 2, 0)],
    "keep-alives": [wire.KeepAlive()] * 5,
}


@pytest.mark.parametrize("messages", HARMLESS.values(), ids=HARMLESS)
def test_a_peer_that_says_odd_things_does_no_harm(
    network: MemoryNetwork, node: SimNode, torrent: Torrent, messages: list[wire.Message]
) -> None:
    peer = peer_at(network, "10.0.0.2")
    peer.dial(node.address)
    peer.send(wire.HaveNone(), *messages)
    network.run(0.1)
    assert peer.closed is None
    assert node.session.budget.used == 0
    assert_downloads(network, node, torrent)
    assert torrent.record.downloaded == len(DATA)


def test_a_refused_request_is_rejected_by_name(
    network: MemoryNetwork, node: SimNode, torrent: Torrent
) -> None:
    peer = peer_at(network, "10.0.0.2")
    peer.dial(node.address)
    peer.send(wire.HaveNone(), wire.Request(0, 0, 16384))
    network.run(0.1)
    assert peer.of_kind(wire.Reject) == [wire.Reject(0, 0, 16384)]


def test_a_peer_that_floods_with_unasked_blocks_is_dropped(
    network: MemoryNetwork, node: SimNode, torrent: Torrent
) -> None:
    peer = peer_at(network, "10.0.0.2")
    peer.dial(node.address)
    peer.send(wire.HaveNone(), *[wire.Block(0, 0, bytes(16384))] * 300)
    network.run(0.1)
    assert peer.closed is not None
    assert torrent.record.corrupt >= 200 * 16384
    assert torrent.record.downloaded == 0


def test_a_wrong_info_hash_is_not_answered(network: MemoryNetwork, node: SimNode) -> None:
    peer = ScriptedPeer(network, "10.0.0.2", b"x" * 20)
    peer.dial(node.address)
    assert peer.closed is not None
    assert peer.received == []


def test_a_dialled_peer_with_another_info_hash_is_left(
    network: MemoryNetwork, node: SimNode, torrent: Torrent
) -> None:
    peer = ScriptedPeer(network, "10.0.0.2", b"x" * 20)
    node.connect(torrent, peer.listen())
    network.run(1)
    assert peer.connections == 1
    assert peer.closed is not None
    network.run(5)
    assert peer.connections == 1, "it is not dialled again at once"
    assert node.session.connections.total == 0


@pytest.mark.parametrize("incoming", [True, False])
def test_a_peer_that_never_shakes_hands_is_given_up(
    network: MemoryNetwork, node: SimNode, torrent: Torrent, incoming: bool
) -> None:
    peer = peer_at(network, "10.0.0.2", mute=True)
    if incoming:
        peer.dial(node.address)
    else:
        node.connect(torrent, peer.listen())
    network.run(18)
    assert peer.closed is None
    assert node.session.connections.total == 1
    network.run(5)
    assert peer.closed is not None
    assert node.session.connections.total == 0


def test_half_a_handshake_is_not_enough(
    network: MemoryNetwork, node: SimNode, torrent: Torrent
) -> None:
    peer = peer_at(network, "10.0.0.2", mute=True)
    peer.dial(node.address)
    for byte in b"\x13BitTorrent protocol" + bytes(8):
        peer.send_raw(bytes([byte]))
        network.run(1)
    assert peer.closed is not None
    assert node.session.connections.total == 0


def test_one_host_cannot_fill_the_handshakes(network: MemoryNetwork, node: SimNode) -> None:
    peers = [peer_at(network, "10.0.0.2", mute=True) for _ in range(30)]
    for peer in peers:
        peer.dial(node.address)
    assert sum(peer.closed is None for peer in peers) == 20
    assert node.session.connections.arrivals.turned_away == {"host_handshakes": 10}


def test_a_silent_peer_is_dropped_after_three_minutes(
    network: MemoryNetwork, node: SimNode, torrent: Torrent
) -> None:
    peer = peer_at(network, "10.0.0.2")
    peer.dial(node.address)
    network.run(170)
    assert peer.closed is None
    assert len(peer.of_kind(wire.KeepAlive)) == 1
    network.run(12)
    assert peer.closed is not None


@pytest.mark.parametrize("fast", [True, False])
def test_the_blocks_of_a_peer_that_does_not_answer_go_to_another(
    network: MemoryNetwork, node: SimNode, torrent: Torrent, fast: bool
) -> None:
    stalling = peer_at(network, "10.0.0.2", fast=fast)
    seed_to(stalling, node)
    asked = stalling.of_kind(wire.Request)
    assert asked
    honest = peer_at(network, "10.0.0.3", fast=fast)
    honest.dial(node.address)
    serve(honest)
    honest.send(wire.Bitfield(b"\xff\xc0"), wire.Unchoke())
    network.run_until(lambda: torrent.record.completed_at)
    served = {(r.piece, r.begin) for r in honest.of_kind(wire.Request)}
    assert {(r.piece, r.begin) for r in asked} <= served


def snubs(node: SimNode, torrent: Torrent) -> bool:
    """Whether control is shown that the only peer snubs us."""
    view = node.control.find(torrent.record.id)
    assert view is not None
    return view.peers[0].snubbed


@pytest.mark.parametrize("fast", [True, False])
def test_a_peer_that_stalled_is_asked_again(
    network: MemoryNetwork, node: SimNode, torrent: Torrent, fast: bool
) -> None:
    """The only seed loses our requests; after the time-out it is tried again, by one request."""
    peer = peer_at(network, "10.0.0.2", fast=fast)
    seed_to(peer, node)
    assert not snubs(node, torrent)
    network.run(31)
    cancelled = len(peer.of_kind(wire.Cancel))
    assert len(peer.of_kind(wire.Request)) == cancelled + 1
    assert snubs(node, torrent)
    peer.send(block(peer.of_kind(wire.Request)[-1]))
    network.run(0.1)
    assert not snubs(node, torrent)
    serve(peer)
    peer.send(block(peer.of_kind(wire.Request)[-1]))
    network.run_until(lambda: torrent.record.completed_at, limit=100)


def test_a_peer_that_chokes_in_the_middle_loses_its_requests(
    network: MemoryNetwork, node: SimNode, torrent: Torrent
) -> None:
    choking = peer_at(network, "10.0.0.2", fast=False)
    seed_to(choking, node)
    assert choking.of_kind(wire.Request)
    choking.send(wire.Choke())
    network.run(0.1)
    assert node.session.budget.used == 0
    assert_downloads(network, node, torrent)


def test_with_fast_extension_a_choke_leaves_requests_until_they_are_rejected(
    network: MemoryNetwork, node: SimNode, torrent: Torrent
) -> None:
    choking = peer_at(network, "10.0.0.2")
    seed_to(choking, node)
    asked = choking.of_kind(wire.Request)
    choking.send(wire.Choke(), *(wire.Reject(*request) for request in asked))
    network.run(0.1)
    assert choking.of_kind(wire.Request) == asked
    assert node.session.budget.used == 0
    choking.send(wire.AllowedFast(4))
    network.run(0.1)
    assert {r.piece for r in choking.of_kind(wire.Request)[len(asked) :]} == {4}


def test_a_peer_that_rejects_everything_is_dropped_in_the_end(
    network: MemoryNetwork, node: SimNode, torrent: Torrent
) -> None:
    peer = peer_at(network, "10.0.0.2")
    peer.answer = lambda event: (
        peer.send(wire.Reject(*event)) if isinstance(event, wire.Request) else None
    )
    seed_to(peer, node)
    network.run_until(lambda: peer.closed, limit=600)
    assert_downloads(network, node, torrent)


def test_the_only_sender_of_a_bad_piece_is_banned(
    network: MemoryNetwork, node: SimNode, torrent: Torrent
) -> None:
    liar = peer_at(network, "10.0.0.2")
    serve(liar, spoil=lambda request: True)
    seed_to(liar, node)
    network.run(2)
    assert liar.closed is not None
    assert torrent.peers.pool.is_banned("10.0.0.2")
    again = peer_at(network, "10.0.0.2")
    again.dial(node.address)
    network.run(1)
    assert len(torrent.peers) == 0
    assert_downloads(network, node, torrent)
    assert torrent.record.corrupt >= PIECE
    assert_downloads(network, node, torrent)


def test_a_piece_spoiled_by_one_of_two_is_asked_again(
    network: MemoryNetwork, node: SimNode, torrent: Torrent
) -> None:
    liar, honest = peer_at(network, "10.0.0.2"), peer_at(network, "10.0.0.3")
    spoiled = iter([True])
    serve(liar, spoil=lambda request: next(spoiled, False))
    serve(honest)
    for peer in (liar, honest):
        peer.dial(node.address)
    for peer in (liar, honest):
        peer.send(wire.Bitfield(b"\xff\xc0"), wire.Unchoke())
    network.run_until(lambda: torrent.record.completed_at)
    assert b"".join(node.storage(torrent).pieces[i] for i in range(10)) == DATA
    assert honest.closed is None or "banned" not in honest.closed
    assert not torrent.peers.pool.is_banned("10.0.0.3")


def test_a_peer_that_hangs_up_gives_its_blocks_back(
    network: MemoryNetwork, node: SimNode, torrent: Torrent
) -> None:
    peer = peer_at(network, "10.0.0.2")
    seed_to(peer, node)
    peer.send(block(peer.of_kind(wire.Request)[0]))
    network.run(0.05)
    assert node.session.budget.used > 0
    peer.hang_up()
    network.run(0.1)
    assert len(torrent.peers) == 0
    assert_downloads(network, node, torrent)
    assert node.session.budget.used == 0
    assert torrent.record.downloaded == len(DATA)


def test_a_peer_that_does_not_read_is_dropped(network: MemoryNetwork, contents: object) -> None:
    """What waits for one peer is bounded, even if its requests are valid."""
    seed = SimNode(network, "10.0.0.1")
    given = seed.put(TORRENT, {"data": DATA})
    peer = peer_at(network, "10.0.0.2")
    peer.dial(seed.address)
    peer.send(wire.HaveNone(), wire.Interested())
    network.run(1)
    network.latency = 1000.0  # nothing arrives any more
    upload = next(iter(given.peers)).upload
    for _ in range(10):
        for i in range(20):
            upload.asked(wire.Request(i // 2, i % 2 * 16384, 16384))
        upload.serve()
        network.run(1)
    (session_peer,) = given.peers
    assert session_peer.stream.pending <= 1_600_000
    assert session_peer.closed is False
