"""A seed that shows its peers single pieces: when it does, what they see, and how it ends."""

from __future__ import annotations

import random

import pytest

from p2pd.formats.metainfo import parse_torrent
from p2pd.protocols.peerwire import messages as wire
from p2pd.protocols.peerwire.extensions.registry import ExtensionHandshake
from p2pd.session.torrents.torrent import Torrent
from p2pd.session.torrents.torrent_requests import TorrentChanges
from p2pd.session.torrents.torrent_super_seeding import ALONE_SECONDS
from p2pd.testing import MemoryNetwork, ScriptedPeer, SimNode, make_torrent

PIECE = 16 * 1024
PIECES = 20
DATA = random.Random(1).randbytes(PIECES * PIECE)
TORRENT = make_torrent({"data": DATA}, piece_length=PIECE)
INFO_HASH = parse_torrent(TORRENT).info_hashes.wire_ids[0]
NEAR, FAR = "10.0.0.", "93.184.216."


def new_seed(network: MemoryNetwork, **options: str) -> tuple[SimNode, Torrent]:
    seed = SimNode(network, "93.184.100.1")
    return seed, seed.put(TORRENT, {"data": DATA}, **options)


def peer_of(seed: SimNode, host: str, *pieces: int) -> ScriptedPeer:
    """A peer that has these pieces and is interested."""
    peer = ScriptedPeer(seed.network, host, INFO_HASH)
    peer.dial(seed.address)
    told = bytearray((PIECES + 7) // 8)
    for piece in pieces:
        told[piece // 8] |= 0x80 >> piece % 8
    peer.send(wire.Bitfield(bytes(told)), wire.Interested())
    seed.network.run(0.1)
    return peer


def haves(peer: ScriptedPeer) -> list[int]:
    return [have.piece for have in peer.of_kind(wire.Have)]


def fetch(peer: ScriptedPeer, piece: int) -> None:
    """Ask for a piece of one block, and tell that it came."""
    peer.send(wire.Request(piece, 0, PIECE))
    peer.network.run(0.1)
    assert any(block.piece == piece for block in peer.of_kind(wire.Block))
    peer.send(wire.Have(piece))
    peer.network.run(0.1)


def test_peers_of_a_new_torrent_see_single_pieces_each_its_own(network: MemoryNetwork) -> None:
    seed, _ = new_seed(network)
    peers = [peer_of(seed, f"{FAR}{number}") for number in (1, 2)]
    fetch(peers[0], haves(peers[0])[0])
    for peer in peers:
        assert peer.of_kind(wire.HaveNone)
        assert peer.of_kind(wire.Unchoke)
        assert not peer.of_kind(wire.AllowedFast)
    shown = haves(peers[0]) + haves(peers[1])
    assert len(set(shown)) == len(shown) < PIECES


def test_what_a_peer_was_not_shown_it_cannot_have(network: MemoryNetwork) -> None:
    seed, torrent = new_seed(network)
    peer = peer_of(seed, f"{FAR}1")
    hidden = next(piece for piece in range(PIECES) if piece not in haves(peer))
    peer.send(wire.Request(hidden, 0, PIECE))
    network.run(0.1)
    assert peer.of_kind(wire.Reject) == [wire.Reject(hidden, 0, PIECE)]
    assert torrent.record.uploaded == 0


def test_a_piece_that_came_is_followed_by_another(network: MemoryNetwork) -> None:
    seed, _ = new_seed(network)
    peer = peer_of(seed, f"{FAR}1")
    for place in range(5):
        fetch(peer, haves(peer)[place])
    assert len(set(haves(peer))) == len(haves(peer)) > 5


def test_when_the_swarm_has_a_copy_everyone_is_told_of_everything(network: MemoryNetwork) -> None:
    seed, torrent = new_seed(network)
    peers = [peer_of(seed, f"{FAR}{number}") for number in (1, 2)]
    for turn in range(PIECES):
        peer = peers[turn % 2]
        peer.answer = None
        waiting = [p for p in haves(peer) if all(block.piece != p for block in blocks(peer))]
        if waiting:
            fetch(peer, waiting[0])
    network.run_until(lambda: all(set(haves(peer)) == set(range(PIECES)) for peer in peers))
    assert torrent.record.uploaded <= len(DATA) + 4 * PIECE
    late = peer_of(seed, f"{FAR}9")
    assert late.of_kind(wire.HaveAll)


def blocks(peer: ScriptedPeer) -> list[wire.Block]:
    return peer.of_kind(wire.Block)


def test_a_peer_that_is_alone_is_soon_told_of_everything(network: MemoryNetwork) -> None:
    seed, _ = new_seed(network)
    peer = peer_of(seed, f"{FAR}1")
    network.run(ALONE_SECONDS + 2)
    assert set(haves(peer)) == set(range(PIECES))
    assert peer.of_kind(wire.Unchoke)


def test_pieces_that_we_did_not_send_prove_another_source(network: MemoryNetwork) -> None:
    seed, _ = new_seed(network)
    first = peer_of(seed, f"{FAR}1")
    peer_of(seed, f"{FAR}2", *range(8))
    assert set(haves(first)) == set(range(PIECES))
    assert peer_of(seed, f"{FAR}3").of_kind(wire.HaveAll)


@pytest.mark.parametrize(("mode", "host", "hides"), [
    ("auto", FAR, True), ("auto", NEAR, False), ("on", NEAR, True), ("off", FAR, False),
])  # fmt: skip
def test_from_whom_it_hides(network: MemoryNetwork, mode: str, host: str, hides: bool) -> None:
    seed, _ = new_seed(network, super_seeding=mode)
    peer = peer_of(seed, f"{host}7")
    assert bool(peer.of_kind(wire.HaveNone)) == hides
    assert bool(peer.of_kind(wire.HaveAll)) != hides


def test_from_near_peers_it_hides_where_uploads_are_limited(network: MemoryNetwork) -> None:
    limited = {"speed_limit_up": 1000, "speed_limit_up_enabled": True}
    seed = SimNode(network, "93.184.100.1", **limited)
    seed.put(TORRENT, {"data": DATA})
    assert peer_of(seed, f"{NEAR}1").of_kind(wire.HaveNone)
    spared = SimNode(network, "93.184.100.2", limit_local_peers=False, **limited)
    spared.put(TORRENT, {"data": DATA})
    assert peer_of(spared, f"{NEAR}2").of_kind(wire.HaveAll)


def test_a_torrent_that_was_downloaded_or_given_away_is_not_new(network: MemoryNetwork) -> None:
    seed, torrent = new_seed(network)
    torrent.record.downloaded = len(DATA)
    assert peer_of(seed, f"{FAR}1").of_kind(wire.HaveAll)
    torrent.record.downloaded, torrent.record.uploaded = 0, 2 * len(DATA)
    assert peer_of(seed, f"{FAR}2").of_kind(wire.HaveAll)


def test_switched_off_everyone_is_told_of_everything(network: MemoryNetwork) -> None:
    seed, torrent = new_seed(network)
    peer = peer_of(seed, f"{FAR}1")
    view = seed.control.find(torrent.record.id)
    assert view is not None
    network.result(seed.control.change(view, TorrentChanges(super_seeding="off")))
    network.run(0.1)
    assert set(haves(peer)) == set(range(PIECES))
    assert view.super_seeding == "off"
    assert seed.store.rows[torrent.record.id].super_seeding == "off"


def test_a_change_of_files_does_not_give_it_away(network: MemoryNetwork) -> None:
    seed, torrent = new_seed(network)
    peer = peer_of(seed, f"{FAR}1")
    peer.send(wire.Extended(0, ExtensionHandshake(messages={"upload_only": 5}).encode()))
    network.run(0.1)
    view = seed.control.find(torrent.record.id)
    assert view is not None
    network.result(seed.control.change(view, TorrentChanges(priority_high=(0,))))
    network.run(0.1)
    assert [message for message in peer.of_kind(wire.Extended) if message.id == 5] == []


def test_added_torrents_get_what_the_session_is_set_to(network: MemoryNetwork) -> None:
    node = SimNode(network, "93.184.100.1", super_seeding="on")
    assert node.put(TORRENT, {"data": DATA}).record.super_seeding == "on"


def test_a_seed_hears_at_once_of_what_came_and_its_uplink_is_never_idle(
    network: MemoryNetwork,
) -> None:
    seed, given = new_seed(network)
    leecher = SimNode(network, f"{FAR}1")
    leecher.connect(leecher.add(TORRENT), seed.address)
    network.run(0.8)
    assert given.record.uploaded >= 6 * PIECE, "and not only with the news of each second"


def test_a_crowd_takes_little_more_than_a_copy_from_its_seed(network: MemoryNetwork) -> None:
    seed = SimNode(network, "93.184.100.1", speed_limit_up=500, speed_limit_up_enabled=True)
    given = seed.put(TORRENT, {"data": DATA})
    nodes = [SimNode(network, f"{FAR}{number}") for number in range(1, 6)]
    taken = [node.add(TORRENT) for node in nodes]
    for node, torrent in zip(nodes, taken, strict=True):
        others = [other.address for other in nodes if other is not node]
        node.connect(torrent, seed.address, *others)
    network.run_until(lambda: all(torrent.record.completed_at for torrent in taken))
    assert given.record.uploaded <= 1.25 * len(DATA)
