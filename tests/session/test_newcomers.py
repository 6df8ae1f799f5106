"""Choked peers with next to nothing are offered a few pieces (BEP 6), a few peers at a time."""

from __future__ import annotations

from p2pd.protocols.peerwire import messages as wire
from p2pd.session.peers.peer_fast import FEW_PIECES, NEWCOMERS, OFFERED
from p2pd.testing import MemoryNetwork, ScriptedPeer, SimNode, make_torrent

PIECE = 16 * 1024
PIECES = 40
DATA = bytes(PIECES * PIECE)
TORRENT = make_torrent({"data": DATA}, piece_length=PIECE)


def newcomer(node: SimNode, info_hash: bytes, host: str, has: int = 0) -> ScriptedPeer:
    """A peer that has the first few pieces and is interested."""
    peer = ScriptedPeer(node.network, host, info_hash)
    peer.dial(node.address)
    bits = "1" * has + "0" * (PIECES - has)
    peer.send(wire.Bitfield(int(bits, 2).to_bytes(PIECES // 8, "big")), wire.Interested())
    node.network.run(0.1)
    return peer


def offers(peer: ScriptedPeer) -> int:
    return len(peer.of_kind(wire.AllowedFast))


def test_a_few_newcomers_at_a_time_live_on_what_they_are_offered(network: MemoryNetwork) -> None:
    node = SimNode(network, "10.0.0.1", upload_slots=1)
    info_hash = node.put(TORRENT, {"data": DATA}).info_hashes.wire_ids[0]
    slots = 2  # with the one by way of trial
    peers = [newcomer(node, info_hash, f"10.0.1.{n}") for n in range(1, slots + NEWCOMERS + 3)]
    choked = [peer for peer in peers if not peer.of_kind(wire.Unchoke)]
    assert len(choked) == NEWCOMERS + 2
    assert [offers(peer) for peer in choked] == [OFFERED] * NEWCOMERS + [0, 0]
    choked[0].hang_up()
    network.run(0.1)
    assert offers(newcomer(node, info_hash, "10.0.1.99")) == OFFERED


def test_who_has_some_pieces_is_offered_none(network: MemoryNetwork) -> None:
    node = SimNode(network, "10.0.0.1")
    info_hash = node.put(TORRENT, {"data": DATA}).info_hashes.wire_ids[0]
    assert offers(newcomer(node, info_hash, "10.0.1.1", has=FEW_PIECES)) == 0
    assert offers(newcomer(node, info_hash, "10.0.1.2", has=FEW_PIECES - 1)) > 0
