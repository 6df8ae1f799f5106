"""Bans in a session: who sent bad blocks and nobody else, over restarts, until they end."""

from __future__ import annotations

import random
from typing import Callable, Iterable

import pytest

from p2pd.base.addresses import PeerAddress
from p2pd.formats.metainfo import parse_torrent
from p2pd.protocols.peerwire import messages as wire
from p2pd.protocols.peerwire.connection import Event
from p2pd.protocols.peerwire.extensions.registry import ExtensionHandshake
from p2pd.session.session_parts import SessionLimits
from p2pd.session.torrents.torrent import Torrent
from p2pd.swarm.bans import Ban, PeerName
from p2pd.testing import MemoryNetwork, ScriptedPeer, SimNode, make_torrent

PIECE = 64 * 1024
PIECES = 6
DATA = random.Random(1).randbytes(PIECES * PIECE)
TORRENT = make_torrent({"data": DATA}, piece_length=PIECE)
OTHER = make_torrent({"other": DATA[:PIECE]}, piece_length=PIECE)
INFO_HASH = parse_torrent(TORRENT).info_hashes.wire_ids[0]
HOUR = 3600.0


@pytest.fixture
def node(network: MemoryNetwork) -> SimNode:
    """A node that wants the torrent; its bans last an hour."""
    return SimNode(network, "10.0.0.1", limits=SessionLimits(check_workers=1, ban_seconds=HOUR))


@pytest.fixture
def torrent(node: SimNode) -> Torrent:
    """The torrent it wants."""
    return node.add(TORRENT)


def peer_with(
    network: MemoryNetwork,
    host: str,
    blocks: Iterable[tuple[int, int]],
    *,
    lies: Callable[[wire.Request], bool] = lambda _: False,
    peer_id: bytes | None = None,
) -> ScriptedPeer:
    """A peer that answers requests for these blocks (piece, number) and for no others."""
    peer, answers = ScriptedPeer(network, host, INFO_HASH, fast=False, peer_id=peer_id), set(blocks)

    def answer(event: Event) -> None:
        if isinstance(event, wire.Request) and (event.piece, event.begin >> 14) in answers:
            start = event.piece * PIECE + event.begin
            data = DATA[start : start + event.length]
            if lies(event):
                data = bytes(len(data))
            peer.send(wire.Block(event.piece, event.begin, data))

    peer.answer = answer
    return peer


def every_block() -> list[tuple[int, int]]:
    return [(piece, block) for piece in range(PIECES) for block in range(4)]


def seed(peer: ScriptedPeer, node: SimNode, pieces: int = 0xFC) -> None:
    """Dial, say what is had, and serve."""
    peer.dial(node.address)
    peer.send(wire.Bitfield(bytes([pieces])), wire.Unchoke())


def share_piece_0(network: MemoryNetwork, node: SimNode, *liars: int) -> list[ScriptedPeer]:
    """Four peers send a block each of the first piece, and these of them a wrong one."""
    peers = []
    for number in range(4):
        peer = peer_with(
            network,
            f"10.0.1.{number}",
            [(0, number)],
            lies=lambda _, bad=number in liars: bad,  # type: ignore[misc]
        )
        seed(peer, node, pieces=0x80)
        peers.append(peer)
        network.run(31)  # until what it does not answer is asked of the next
    return peers


def banned(node: SimNode) -> list[str]:
    return [ban.host for ban in node.session.bans.list()]


def test_who_spoiled_a_shared_piece_is_found_when_it_comes_right_and_the_others_stay(
    network: MemoryNetwork, node: SimNode, torrent: Torrent
) -> None:
    share_piece_0(network, node, 1, 3)
    network.run_until(torrent.trust.smart_ban.suspects, limit=400)
    assert banned(node) == []
    seed(peer_with(network, "10.0.2.1", every_block()), node)
    network.run_until(lambda: torrent.record.completed_at, limit=400)
    assert sorted(banned(node)) == ["10.0.1.1", "10.0.1.3"]
    assert torrent.trust.smart_ban.suspects() == set()
    assert {peer.address.host for peer in torrent.peers} >= {"10.0.1.0", "10.0.1.2"}
    reasons = {ban.reason for ban in node.session.bans.list()}
    assert reasons == {f"it sent bad blocks of piece 0 of {torrent.record.name}"}


def test_a_liar_that_hung_up_is_banned_all_the_same(
    network: MemoryNetwork, node: SimNode, torrent: Torrent
) -> None:
    peers = share_piece_0(network, node, 2)
    network.run_until(torrent.trust.smart_ban.suspects, limit=400)
    for peer in peers:
        peer.hang_up()
    network.run(1)
    seed(peer_with(network, "10.0.2.1", every_block()), node)
    network.run_until(lambda: torrent.record.completed_at, limit=400)
    assert banned(node) == ["10.0.1.2"]


def test_a_ban_holds_in_every_torrent_and_after_a_restart_until_it_ends(
    network: MemoryNetwork, node: SimNode, torrent: Torrent
) -> None:
    other = node.add(OTHER)
    liar = peer_with(network, "10.0.1.1", every_block(), lies=lambda _: True)
    other.peers.pool.add(PeerAddress("10.0.1.1", 6881), "pex", other.seconds())
    seed(liar, node)
    network.run_until(lambda: banned(node))
    (ban,) = node.session.bans.list()
    assert ban.until == ban.since + HOUR
    assert "the whole of piece" in ban.reason
    assert other.peers.pool.is_banned("10.0.1.1")
    assert PeerAddress("10.0.1.1", 6881) not in other.peers.pool
    node.stop()
    again = SimNode(network, "10.0.0.9", store=node.store, disk=node.disk, bans=node.bans)
    network.run(1)
    assert again.session.bans.list() == [ban]
    refused = peer_with(network, "10.0.1.1", every_block())
    seed(refused, again)
    network.run(2)
    assert refused.closed is not None
    network.run(HOUR)
    assert again.session.bans.list() == []
    assert again.bans.rows == {}
    seed(peer_with(network, "10.0.1.1", every_block()), again)
    network.run_until(lambda: again.session.torrents.by_id(torrent.record.id).record.completed_at)  # type: ignore[union-attr]


def test_bans_that_ended_while_it_was_down_are_forgotten(
    network: MemoryNetwork, node: SimNode
) -> None:
    node.session.bans.add(Ban("10.0.1.1", 0, b"", "x", 1.0, node.session.wall() + 60))
    node.session.bans.add(Ban("10.0.1.2", 0, b"", "x", 1.0, None))
    node.stop()
    network.run(61)
    again = SimNode(network, "10.0.0.9", store=node.store, disk=node.disk, bans=node.bans)
    assert banned(again) == ["10.0.1.2"]
    assert [ban.host for ban in again.bans.rows.values()] == ["10.0.1.2"]


def test_behind_an_address_of_a_good_peer_only_the_liar_is_banned(
    network: MemoryNetwork, node: SimNode, torrent: Torrent
) -> None:
    good = peer_with(network, "10.0.1.1", [(0, n) for n in range(4)])
    seed(good, node)
    network.run_until(lambda: torrent.content is not None and torrent.content.have.count)
    liar = peer_with(
        network, "10.0.1.1", every_block(), lies=lambda _: True, peer_id=b"-TS0001-the liar...."
    )
    seed(liar, node)
    network.run_until(lambda: banned(node), limit=100)
    network.run(1)
    assert liar.closed is not None
    assert good.closed is None
    (ban,) = node.session.bans.list()
    assert ban.peer_id == liar.peer_id
    assert not torrent.peers.pool.is_banned("10.0.1.1")
    again = ScriptedPeer(network, "10.0.1.1", INFO_HASH, peer_id=liar.peer_id)
    again.dial(node.address)
    network.run(1)
    assert again.closed is not None


def test_one_that_is_named_twice_is_banned_and_kept_all_the_same(
    network: MemoryNetwork, node: SimNode
) -> None:
    node.control.ban([PeerAddress("10.0.1.1", 0)] * 2, "by hand", 0)
    node.stop()
    again = SimNode(network, "10.0.0.9", store=node.store, disk=node.disk, bans=node.bans)
    assert banned(again) == ["10.0.1.1"]


def test_a_peer_that_is_banned_by_its_port_gives_itself_away_when_it_tells_it(
    network: MemoryNetwork, node: SimNode, torrent: Torrent
) -> None:
    node.control.ban([PeerAddress("10.0.1.1", 7000)], "by hand", 0)
    bad, good = (
        ScriptedPeer(network, "10.0.1.1", INFO_HASH, peer_id=f"-TS0001-number  {port}".encode())
        for port in (7000, 7001)
    )
    for peer, port in ((bad, 7000), (good, 7001)):
        peer.dial(node.address)
        peer.send(wire.Extended(0, ExtensionHandshake(port=port).encode()))
        network.run(1)
    assert bad.closed is not None
    assert good.closed is None
    assert len(torrent.peers) == 1


def test_a_lifted_ban_lets_the_peer_in_again(
    network: MemoryNetwork, node: SimNode, torrent: Torrent
) -> None:
    node.control.ban([PeerAddress("10.0.1.1", 0)], "by hand", 0)
    assert [(ban.reason, ban.until) for ban in node.control.bans()] == [("by hand", None)]
    peer = peer_with(network, "10.0.1.1", every_block())
    seed(peer, node)
    network.run(1)
    assert len(torrent.peers) == 0
    assert node.control.lift_bans([PeerAddress("10.0.1.1", 0)]) == 1
    assert node.bans.rows == {}
    seed(peer_with(network, "10.0.1.1", every_block()), node)
    network.run_until(lambda: torrent.record.completed_at)


def test_what_a_peer_did_is_its_rating_and_a_silent_one_is_poor(
    network: MemoryNetwork, node: SimNode, torrent: Torrent
) -> None:
    silent = peer_with(network, "10.0.1.1", [])
    seed(silent, node)
    network.run(400)
    good = peer_with(network, "10.0.1.2", every_block())
    seed(good, node)
    network.run_until(lambda: torrent.record.completed_at, limit=200)
    now = torrent.seconds()
    bad, best = (
        torrent.trust.of(PeerName(peer.address.host, 0, peer.peer_id)).rating(now)
        for peer in (silent, good)
    )
    assert "time-out" in bad.words
    assert "6 good pieces" in best.words
    assert bad.score < 50 < best.score


def test_who_broke_the_protocol_is_rated_for_it_when_it_comes_back(
    network: MemoryNetwork, node: SimNode, torrent: Torrent
) -> None:
    for _ in range(2):
        rude = peer_with(network, "10.0.1.1", [])
        rude.dial(node.address)
        rude.send(wire.Bitfield(bytes(999)))
        network.run(1)
    peer = peer_with(network, "10.0.1.1", [])
    peer.dial(node.address)
    network.run(1)
    (connected,) = torrent.peers
    assert "2 breaches of the protocol" in torrent.trust.rating(connected).words
    assert torrent.trust.is_poor(connected)
