"""Piece layers (BEP 52) from peers that lie, refuse or fall silent."""

from __future__ import annotations

import random
from typing import Callable

import pytest

from p2pd.formats.metainfo import parse_torrent
from p2pd.protocols.peerwire.messages import Hashes, HashReject, HashRequest
from p2pd.session.peers.peer_session import PeerSession
from p2pd.session.torrents.torrent import Torrent
from p2pd.testing import MemoryNetwork, SimNode, make_torrent

PIECE = 16 * 1024
FILES = {"a": random.Random(1).randbytes(9 * PIECE + 1), "b": random.Random(2).randbytes(3 * PIECE)}
TORRENT = make_torrent(FILES, "v2", piece_length=PIECE)
HASHES = parse_torrent(TORRENT).info_hashes

Answer = Callable[[PeerSession, HashRequest], None]


def seed(network: MemoryNetwork, host: str, answer: Answer | None = None) -> SimNode:
    """A seed; with `answer` it answers hash requests its own way."""
    node = SimNode(network, host)
    torrent = node.put(TORRENT, FILES)
    if answer is not None:
        assert torrent.layers is not None
        torrent.layers._answer = answer  # type: ignore[method-assign]
    return node


def wanting(network: MemoryNetwork, *seeds: SimNode) -> tuple[SimNode, Torrent]:
    """A node with the magnet, connected to these."""
    assert HASHES.v2 is not None
    node = SimNode(network, "10.0.0.99")
    torrent = node.add(f"magnet:?xt=urn:btmh:1220{HASHES.v2.hex()}")
    node.connect(torrent, *[one.address for one in seeds])
    return node, torrent


def lie(peer: PeerSession, asked: HashRequest) -> None:
    """Hashes of the right number that prove nothing."""
    length = 32 * (asked.length + asked.proof_layers)
    peer.send(Hashes(*asked, bytes(length)))
    peer.flush()


def ramble(peer: PeerSession, asked: HashRequest) -> None:
    """Hashes of a wrong number."""
    peer.send(Hashes(*asked, bytes(96)))
    peer.flush()


def refuse(peer: PeerSession, asked: HashRequest) -> None:
    """A reject."""
    peer.send(HashReject(*asked))
    peer.flush()


def keep_silent(peer: PeerSession, asked: HashRequest) -> None:
    """Nothing."""


@pytest.mark.parametrize("answer", [lie, ramble])
def test_hashes_that_prove_nothing_cost_the_connection(
    network: MemoryNetwork, answer: Answer
) -> None:
    node, torrent = wanting(network, seed(network, "10.0.0.1", answer))
    network.run(5)
    assert torrent.content is not None
    assert len(torrent.peers) == 0
    assert torrent.content.have.count == 0
    node.connect(torrent, seed(network, "10.0.0.2").address)
    network.run_until(lambda: torrent.record.completed_at)


@pytest.mark.parametrize("answer", [refuse, keep_silent])
def test_who_does_not_answer_is_left_for_another(network: MemoryNetwork, answer: Answer) -> None:
    node, torrent = wanting(network, seed(network, "10.0.0.1", answer))
    network.run(5)
    assert torrent.content is not None
    assert torrent.content.have.count == 0
    assert torrent.record.downloaded == 0, "what cannot be verified is not asked for"
    node.connect(torrent, seed(network, "10.0.0.2").address)
    network.run_until(lambda: torrent.record.completed_at)
    kept = node.store.rows[torrent.record.id].torrent
    assert kept is not None
    assert parse_torrent(kept).missing_piece_layers() == ()


def test_a_peer_that_refused_is_asked_again_and_not_at_once(network: MemoryNetwork) -> None:
    asked: list[float] = []

    def later(peer: PeerSession, message: HashRequest) -> None:
        asked.append(network.clock.seconds())
        refuse(peer, message)

    wanting(network, seed(network, "10.0.0.1", later))
    network.run(35)
    times = sorted({round(moment) for moment in asked})
    assert 3 <= len(times) <= 4
    assert len(asked) == 2 * len(times), "one request a file"
