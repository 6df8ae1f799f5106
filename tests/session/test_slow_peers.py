"""Peers that ask and do not read, and clients that add faster than anything can be added."""

from __future__ import annotations

import random

import pytest
from twisted.internet.defer import Deferred

from p2pd.formats.metainfo import parse_torrent
from p2pd.protocols.peerwire import messages as wire
from p2pd.protocols.peerwire.extensions import ut_metadata
from p2pd.protocols.peerwire.extensions.registry import ExtensionHandshake
from p2pd.protocols.peerwire.extensions.ut_metadata import (
    MetadataData,
    MetadataReject,
    MetadataRequest,
)
from p2pd.session.add_line import AddLine
from p2pd.session.peers.send_queues import ANSWERS_AHEAD, SendQueues
from p2pd.session.torrents.torrent_requests import AddTorrent, AddTorrentError
from p2pd.testing import MemoryNetwork, ScriptedPeer, SimNode, make_torrent

LONG = make_torrent({f"{i:04} {'x' * 60}": b"%04d" % i for i in range(400)})
PIECE = 16 * 1024
LAYERED = {"a": random.Random(1).randbytes(600 * PIECE), "b": b"b"}


def test_metadata_is_asked_for_faster_than_it_is_read(network: MemoryNetwork) -> None:
    node = SimNode(network, "10.0.0.1")
    torrent = node.add(LONG)
    peer = ScriptedPeer(network, "10.0.0.2", parse_torrent(LONG).info_hashes.wire_ids[0])
    peer.dial(node.address)
    peer.send(wire.Extended(0, ExtensionHandshake(messages={"ut_metadata": 7}).encode()))
    network.run(0.1)
    before = len(peer.of_kind(wire.Extended))
    peer.send(*(wire.Extended(2, MetadataRequest(0).encode()) for _ in range(1000)))
    network.run(1)
    answers = [ut_metadata.parse(e.payload) for e in peer.of_kind(wire.Extended)[before:]]
    given = [answer for answer in answers if isinstance(answer, MetadataData)]
    assert len(given) == ANSWERS_AHEAD // ut_metadata.PIECE_SIZE, "and a header each"
    assert sum(isinstance(answer, MetadataReject) for answer in answers) == 1000 - len(given)
    assert len(torrent.peers) == 1, "it is told so, and stays"


def test_hashes_are_asked_for_faster_than_they_are_read(network: MemoryNetwork) -> None:
    data = make_torrent(LAYERED, "v2", piece_length=PIECE)
    metainfo = parse_torrent(data)
    node = SimNode(network, "10.0.0.1")
    torrent = node.put(data, LAYERED)
    root = metainfo.files[0].pieces_root
    assert root is not None
    peer = ScriptedPeer(network, "10.0.0.2", torrent.info_hashes.wire_ids[0])
    peer.dial(node.address)
    peer.send(*(wire.HashRequest(root, 0, 0, 512, 0) for _ in range(1000)))
    network.run(1)
    given = len(peer.of_kind(wire.Hashes))
    assert given == ANSWERS_AHEAD // (512 * 32), "and a header each"
    assert len(peer.of_kind(wire.HashReject)) == 1000 - given


class FakePeer:
    """Has so many bytes waiting."""

    def __init__(self, pending: int) -> None:
        self.send_pending = pending
        self.dropped = False

    def reads_too_little(self) -> None:
        self.dropped = True


def test_all_queues_together_have_a_bound_and_the_longest_go_first() -> None:
    queues = SendQueues(limit=100)
    peers = [FakePeer(size) for size in (10, 60, 20, 50)]
    queues.look(peers)
    assert [peer.dropped for peer in peers] == [False, True, False, False]
    assert queues.bytes == 80
    queues.look([FakePeer(50), FakePeer(50)])
    assert queues.bytes == 100


def test_a_line_of_adds_has_its_places() -> None:
    line = AddLine(places=2, size=100)
    busy = pytest.raises(AddTorrentError, match="2 torrents wait to be added: try again")
    with line.place(10), line.place(10), busy:
        line.place(1).__enter__()
    with line.place(1000), pytest.raises(AddTorrentError):
        line.place(1).__enter__()
    assert (line.waiting, line.bytes, line.refused) == (0, 0, 2)


def test_a_thousand_magnets_at_once_are_taken_as_far_as_the_line_goes(
    network: MemoryNetwork,
) -> None:
    node = SimNode(network, "10.0.0.1")
    outcomes: list[object] = []
    for number in range(1000):
        request = AddTorrent(magnet=f"magnet:?xt=urn:btih:{number:040x}")
        adding = Deferred.fromCoroutine(node.control.add(request))
        adding.addBoth(outcomes.append)
    network.run(5)
    assert len(outcomes) == 1000
    assert node.control._adding.line.waiting == 0
    assert len(node.session.torrents) == 1000 - node.control._adding.line.refused
