"""Magnets whose peers lie, contradict each other, or have nothing to say."""

from __future__ import annotations

import hashlib
import random
from typing import Any

import pytest

from p2pd.base.errors import StateError, StorageError
from p2pd.formats.magnet import Magnet
from p2pd.formats.metainfo import parse_torrent
from p2pd.protocols.peerwire import messages as wire
from p2pd.protocols.peerwire.connection import Event
from p2pd.protocols.peerwire.extensions import ut_metadata
from p2pd.protocols.peerwire.extensions.registry import MAX_EXTENSIONS, ExtensionHandshake
from p2pd.protocols.peerwire.extensions.ut_metadata import (
    MetadataData,
    MetadataReject,
    MetadataRequest,
)
from p2pd.session.peers.peer_pieces import EARLY_LIMIT, PeerPieces
from p2pd.session.torrents.torrent import Torrent
from p2pd.storage.memory_storage import MemoryStorage
from p2pd.testing import MemoryNetwork, ScriptedPeer, SimNode, make_torrent

NAMES = {f"{i:04} {'x' * 60}": b"%04d" % i for i in range(400)}
LONG = make_torrent(NAMES)
"""Its metadata has three pieces."""
INFO = parse_torrent(LONG).info_bytes
HASH = parse_torrent(LONG).info_hashes.wire_ids[0]
COUNT = -(-len(INFO) // ut_metadata.PIECE_SIZE)


@pytest.fixture
def node(network: MemoryNetwork) -> SimNode:
    """A node that wants the metadata."""
    return SimNode(network, "10.0.0.1")


@pytest.fixture
def torrent(node: SimNode) -> Torrent:
    """The magnet."""
    return node.add(f"magnet:?xt=urn:btih:{HASH.hex()}")


def informed(network: MemoryNetwork, host: str, node: SimNode) -> ScriptedPeer:
    """A peer that says it has the metadata, and gives nothing yet."""
    peer = ScriptedPeer(network, host, HASH)
    peer.dial(node.address)
    hello = ExtensionHandshake(messages={"ut_metadata": 7}, metadata_size=len(INFO))
    peer.send(wire.Extended(0, hello.encode()))
    network.run(0.1)
    return peer


def asked(peer: ScriptedPeer) -> list[int]:
    """The metadata pieces that were asked of the peer."""
    found = []
    for event in peer.of_kind(wire.Extended):
        message = ut_metadata.parse(event.payload) if event.id == 7 else None
        if isinstance(message, MetadataRequest):
            found.append(message.piece)
    return found


def data(piece: int) -> wire.Extended:
    """The right piece of metadata, on its way to the node."""
    start = piece * ut_metadata.PIECE_SIZE
    part = INFO[start : start + ut_metadata.PIECE_SIZE]
    return wire.Extended(2, MetadataData(piece, len(INFO), part).encode())


def lie(piece: int) -> wire.Extended:
    """The same of the right length, and wrong."""
    size = min(ut_metadata.PIECE_SIZE, len(INFO) - piece * ut_metadata.PIECE_SIZE)
    return wire.Extended(2, MetadataData(piece, len(INFO), bytes(size)).encode())


def give_all(peer: ScriptedPeer) -> None:
    """Let the peer give whatever metadata it is asked for."""

    def answer(event: Event) -> None:
        if isinstance(event, wire.Extended) and event.id == 7:
            message = ut_metadata.parse(event.payload)
            assert isinstance(message, MetadataRequest)
            peer.send(data(message.piece))

    peer.answer = answer


def test_metadata_is_asked_for_and_believed(
    network: MemoryNetwork, node: SimNode, torrent: Torrent
) -> None:
    peer = informed(network, "10.0.0.2", node)
    assert asked(peer) == list(range(COUNT))
    assert torrent.metadata.progress == 0
    peer.send(data(0))
    network.run(0.1)
    assert 0 < torrent.metadata.progress < 1
    peer.send(*map(data, range(1, COUNT)))
    network.run(0.1)
    assert torrent.content is not None
    assert torrent.record.name == "folder"
    assert torrent.metadata.progress == 1


REJECTS = [MetadataReject(number) for number in range(COUNT)]
UNASKED = [MetadataData(0, len(INFO), bytes(ut_metadata.PIECE_SIZE))]


@pytest.mark.parametrize("lies", [REJECTS, UNASKED], ids=["rejects", "data nobody asked for"])
def test_what_another_was_asked_cannot_be_answered_for_it(
    network: MemoryNetwork, node: SimNode, torrent: Torrent, lies: Any
) -> None:
    honest = informed(network, "10.0.0.2", node)
    liar = informed(network, "10.0.0.3", node)
    liar.send(*(wire.Extended(2, lie.encode()) for lie in lies))
    network.run(0.1)
    honest.send(*map(data, range(COUNT)))
    network.run(0.1)
    assert torrent.content is not None


def test_wrong_metadata_costs_the_liar_its_connection(
    network: MemoryNetwork, node: SimNode, torrent: Torrent
) -> None:
    liar = informed(network, "10.0.0.2", node)
    liar.send(*map(lie, range(COUNT)))
    network.run(0.1)
    assert liar.closed is not None
    honest = informed(network, "10.0.0.3", node)
    honest.send(*map(data, asked(honest)))
    network.run(0.1)
    assert torrent.content is not None


def test_a_peer_that_keeps_silent_is_replaced(
    network: MemoryNetwork, node: SimNode, torrent: Torrent
) -> None:
    informed(network, "10.0.0.2", node)
    give_all(informed(network, "10.0.0.3", node))
    network.run_until(lambda: torrent.content is not None, limit=40)


def test_who_lied_about_the_metadata_is_not_let_in_again(
    network: MemoryNetwork, node: SimNode, torrent: Torrent
) -> None:
    liar = informed(network, "10.0.0.2", node)
    liar.send(*map(lie, asked(liar)))
    network.run(0.1)
    (ban,) = node.session.bans.in_force
    assert "wrong metadata" in ban.reason
    again = informed(network, "10.0.0.2", node)
    assert again.closed is not None


def test_the_last_piece_is_asked_of_a_second_peer_when_it_is_late(
    network: MemoryNetwork, node: SimNode, torrent: Torrent
) -> None:
    slow = informed(network, "10.0.0.2", node)
    second = informed(network, "10.0.0.3", node)
    slow.send(*map(data, range(COUNT - 1)))
    network.run(1)
    assert asked(second) == []
    network.run(3)
    assert asked(second) == [COUNT - 1]
    second.send(data(COUNT - 1))
    network.run(0.1)
    assert torrent.content is not None


def test_who_refuses_is_not_asked_every_second(
    network: MemoryNetwork, node: SimNode, torrent: Torrent
) -> None:
    peer = informed(network, "10.0.0.2", node)

    def refuse(event: Event) -> None:
        if isinstance(event, wire.Extended) and event.id == 7:
            message = ut_metadata.parse(event.payload)
            assert isinstance(message, MetadataRequest)
            peer.send(wire.Extended(2, MetadataReject(message.piece).encode()))

    peer.answer = refuse
    network.run(60)
    assert len(asked(peer)) <= 4 * COUNT
    give_all(peer)
    network.run_until(lambda: torrent.content is not None, limit=40)


def test_a_link_that_names_two_torrents_is_no_fault_of_its_peers(
    network: MemoryNetwork, node: SimNode
) -> None:
    torrent = node.add(f"magnet:?xt=urn:btih:{HASH.hex()}&xt=urn:btmh:1220{'ab' * 32}")
    give_all(peer := ScriptedPeer(network, "10.0.0.2", HASH))
    peer.dial(node.address)
    hello = ExtensionHandshake(messages={"ut_metadata": 7}, metadata_size=len(INFO))
    peer.send(wire.Extended(0, hello.encode()))
    network.run(1)
    assert "two different torrents" in torrent.error
    assert not torrent.running
    assert not list(node.session.bans.in_force)


def test_metadata_is_rejected_while_there_is_none(
    network: MemoryNetwork, node: SimNode, torrent: Torrent
) -> None:
    peer = informed(network, "10.0.0.2", node)
    peer.send(wire.Extended(2, MetadataRequest(0).encode()))
    network.run(0.1)
    last = peer.of_kind(wire.Extended)[-1]
    assert ut_metadata.parse(last.payload) == MetadataReject(0)


def test_what_a_peer_said_of_its_pieces_before_the_metadata_came_counts(
    network: MemoryNetwork, node: SimNode, torrent: Torrent
) -> None:
    peer = informed(network, "10.0.0.2", node)
    peer.send(wire.Have(0), wire.Unchoke())
    peer.send(*map(data, range(COUNT)))
    network.run(0.1)
    assert peer.of_kind(wire.Request) == [wire.Request(0, 0, sum(map(len, NAMES.values())))]


def test_a_lie_about_pieces_is_found_out_when_the_metadata_comes(
    network: MemoryNetwork, node: SimNode, torrent: Torrent
) -> None:
    peer, liar = informed(network, "10.0.0.2", node), informed(network, "10.0.0.3", node)
    liar.send(wire.Have(77))
    peer.send(*map(data, range(COUNT)))
    network.run(0.1)
    assert liar.closed is not None
    assert peer.closed is None


def test_stopped_and_started_while_its_files_are_looked_at(
    network: MemoryNetwork, node: SimNode, torrent: Torrent
) -> None:
    peer = informed(network, "10.0.0.2", node)
    peer.send(*map(data, range(COUNT)))
    network.run_until(lambda: torrent.opening.busy)
    network.result(torrent.stop())
    network.result(torrent.start())
    network.run(1)
    assert torrent.content is not None
    assert torrent.running


def test_one_that_is_removed_while_its_metadata_is_looked_at_can_be_added_again(
    network: MemoryNetwork, node: SimNode, torrent: Torrent
) -> None:
    peer = informed(network, "10.0.0.2", node)
    peer.send(*map(data, range(COUNT)))
    network.run_until(lambda: torrent.opening.busy)
    network.result(node.session.remove(torrent, delete_data=True))
    assert node.session.torrents.by_wire_id(HASH) is None
    again = node.add(f"magnet:?xt=urn:btih:{HASH.hex()}")
    assert again is not torrent
    assert again.running


def test_a_folder_that_cannot_be_made_is_said_when_the_metadata_is_here(
    network: MemoryNetwork, node: SimNode, torrent: Torrent, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(_storage: MemoryStorage) -> None:
        raise StorageError("the disk is full")

    monkeypatch.setattr(MemoryStorage, "prepare", refuse)
    peer = informed(network, "10.0.0.2", node)
    peer.send(*map(data, range(COUNT)))
    network.run(1)
    assert torrent.error == "the disk is full"
    assert not torrent.running
    monkeypatch.undo()
    network.result(torrent.start())
    assert torrent.running


def test_a_database_that_refuses_does_not_stop_a_magnet(
    network: MemoryNetwork, node: SimNode, torrent: Torrent
) -> None:
    peer = informed(network, "10.0.0.2", node)
    node.store.fault = StateError("the database is full")
    peer.send(*map(data, range(COUNT)), wire.HaveAll(), wire.Unchoke())
    network.run(1)
    assert peer.of_kind(wire.Request), "it downloads"


@pytest.mark.parametrize("version", ["v1", "v2", "hybrid"])
def test_a_torrent_file_brings_what_no_peer_has(
    network: MemoryNetwork, contents: dict[str, bytes], version: Any
) -> None:
    made = make_torrent(contents, version)
    link = Magnet(parse_torrent(made).info_hashes).to_uri()
    seed, node = SimNode(network, "10.0.0.1"), SimNode(network, "10.0.0.2")
    given = seed.put(made, contents)
    torrent = node.add(link)
    assert torrent.content is None
    assert node.add(made) is torrent
    assert torrent.content is not None
    assert torrent.content.verifier.complete, "with its piece layers"
    node.connect(torrent, seed.address)
    network.run_until(lambda: torrent.record.completed_at)
    assert node.store.rows[torrent.record.id].torrent is not None
    assert node.session.torrents.by_hash_string(given.info_hashes.hash_string) is torrent


def test_metadata_that_cannot_be_used_is_said_in_words(network: MemoryNetwork) -> None:
    node = SimNode(network, "10.0.0.1")
    info = b"d4:name1:x12:piece lengthi0e6:pieces0:6:lengthi0ee"
    hash_ = hashlib.sha1(info).digest()
    torrent = node.add(f"magnet:?xt=urn:btih:{hash_.hex()}")
    peer = ScriptedPeer(network, "10.0.0.2", hash_)
    peer.dial(node.address)
    hello = ExtensionHandshake(messages={"ut_metadata": 7}, metadata_size=len(info))
    peer.send(wire.Extended(0, hello.encode()))
    network.run(0.1)
    peer.send(wire.Extended(2, MetadataData(0, len(info), info).encode()))
    network.run(1)
    assert "metadata cannot be used" in torrent.error
    assert not torrent.running


def test_what_is_kept_of_a_peer_before_the_metadata_is_bounded() -> None:
    told = PeerPieces()
    for _ in range(3):
        for piece in range(2 * EARLY_LIMIT):
            told.told(wire.Have(piece))
        told.told(wire.Bitfield(bytes(100_000)))
    told.told(wire.Have(3))
    assert len(told._early) == 2


def test_random_extension_payloads_never_break_a_session(
    network: MemoryNetwork, node: SimNode, torrent: Torrent
) -> None:
    rng = random.Random(5)
    for i in range(12):
        peer = informed(network, f"10.0.1.{i + 1}", node)
        peer.send(wire.Extended(rng.randrange(6), rng.randbytes(rng.randrange(60))))
        network.run(0.1)
    assert torrent.running
    give_all(informed(network, "10.0.0.3", node))
    network.run_until(lambda: torrent.content is not None, limit=200)


def test_handshakes_that_name_ever_more_extensions_do_not_fill_the_memory(
    network: MemoryNetwork, node: SimNode, torrent: Torrent
) -> None:
    peer = ScriptedPeer(network, "10.0.0.2", HASH)
    peer.dial(node.address)
    names = [[f"{hello}-{n}" for n in range(MAX_EXTENSIONS)] for hello in range(5)]
    for some in names:
        told = ExtensionHandshake(messages=dict.fromkeys(some, 1))
        peer.send(wire.Extended(0, told.encode()))
    network.run(0.1)
    (connected,) = torrent.peers
    spoken = [name for some in names for name in some if connected.extensions.speaks(name)]
    assert spoken == names[0]
