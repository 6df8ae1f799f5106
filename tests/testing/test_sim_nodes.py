"""Single sessions and scripted peers on a network with rates."""

from __future__ import annotations

import random

from p2pd.base.requests import Request
from p2pd.formats.metainfo import parse_torrent
from p2pd.protocols.peerwire.messages import Bitfield, Block, Interested, Unchoke
from p2pd.testing import Link, ScriptedPeer, SimNetwork, SimNode, make_torrent

SEED, PEER = "21.0.0.1", "22.0.0.1"
CONTENTS = {"a": random.Random(1).randbytes(128 * 1024)}


def test_a_session_serves_a_scripted_peer_at_the_rate_of_its_link() -> None:
    network = SimNetwork(default=Link(up=32 * 1024))
    data = make_torrent(CONTENTS)
    seed = SimNode(network, SEED)
    seed.put(data, CONTENTS).record.super_seeding = "off"
    info_hash = parse_torrent(data).info_hashes.wire_ids[0]
    peer = ScriptedPeer(network, PEER, info_hash)
    peer.dial(seed.address)
    peer.send(Bitfield(bytes(1)), Interested())
    network.run_until(lambda: peer.of_kind(Unchoke))
    began = network.clock.now
    peer.send(*(Request(piece, 0, 16384) for piece in range(4)))
    network.run_until(lambda: len(peer.of_kind(Block)) == 4)
    assert 1.9 < network.clock.now - began < 2.5
    blocks = peer.of_kind(Block)
    assert [block.piece for block in blocks] == [0, 1, 2, 3]
    assert bytes(blocks[1].data) == CONTENTS["a"][32768 : 32768 + 16384]


def test_a_session_that_stops_is_gone_from_the_network() -> None:
    network = SimNetwork()
    node = SimNode(network, SEED)
    node.stop()
    failed: list[str] = []
    transport = network.transport(PEER)
    transport.dial(node.address, lambda stream: stream.receiver, failed.append, 5.0)
    network.run(1.0)
    assert failed == ["connection refused"]
