"""A piece that failed is kept, and only as much of it is fetched again as shows what was bad."""

from __future__ import annotations

import random
from typing import Callable

import pytest

from p2pd.formats.metainfo import parse_torrent
from p2pd.protocols.peerwire import messages as wire
from p2pd.protocols.peerwire.connection import Event
from p2pd.session.torrents.torrent import Torrent
from p2pd.testing import MemoryNetwork, ScriptedPeer, SimNode, make_torrent

BLOCK = 16 * 1024
PIECE = 16 * BLOCK
PIECES = 2
DATA = random.Random(1).randbytes(PIECES * PIECE)
TORRENT = make_torrent({"data": DATA}, piece_length=PIECE)
INFO_HASH = parse_torrent(TORRENT).info_hashes.wire_ids[0]

Lies = Callable[[wire.Request], bool]


@pytest.fixture
def node(network: MemoryNetwork) -> SimNode:
    """A node that wants the torrent."""
    return SimNode(network, "10.0.0.1")


@pytest.fixture
def torrent(node: SimNode) -> Torrent:
    """The torrent it wants."""
    return node.add(TORRENT)


def seed(network: MemoryNetwork, node: SimNode, host: str, lies: Lies) -> ScriptedPeer:
    """A peer that has everything, and changes the blocks that it lies about; what it was asked."""
    peer = ScriptedPeer(network, host, INFO_HASH)

    def answer(event: Event) -> None:
        if isinstance(event, wire.Request):
            start = event.piece * PIECE + event.begin
            data = DATA[start : start + event.length]
            if lies(event):
                data = host.encode().ljust(len(data))
            peer.send(wire.Block(event.piece, event.begin, data))

    peer.answer = answer
    peer.dial(node.address)
    peer.send(wire.HaveAll(), wire.Unchoke())
    return peer


def bad(*blocks: int) -> Lies:
    """Of the first piece these blocks."""
    return lambda request: request.piece == 0 and request.begin // BLOCK in blocks


def banned(node: SimNode) -> list[str]:
    return sorted(ban.host for ban in node.session.bans.list())


def assert_complete(node: SimNode, torrent: Torrent) -> None:
    pieces = node.storage(torrent).pieces
    assert b"".join(pieces[piece] for piece in range(PIECES)) == DATA
    assert node.session.budget.used == 0


def test_only_what_shows_the_bad_block_comes_again(
    network: MemoryNetwork, node: SimNode, torrent: Torrent
) -> None:
    seed(network, node, "10.0.1.1", bad(3))
    network.run_until(lambda: banned(node))
    seed(network, node, "10.0.1.2", bad())
    network.run_until(lambda: torrent.record.completed_at)
    network.run(1)
    assert banned(node) == ["10.0.1.1"]
    assert_complete(node, torrent)
    # The blocks 0 to 3 came twice, and a few were on their way.
    assert 4 * BLOCK <= torrent.record.corrupt <= 8 * BLOCK


def test_of_two_that_spoiled_different_blocks_both_are_found_and_nothing_more_is_needed(
    network: MemoryNetwork, node: SimNode, torrent: Torrent
) -> None:
    seed(network, node, "10.0.1.1", bad(3, 15))
    network.run_until(lambda: banned(node))
    seed(network, node, "10.0.1.2", bad(7))
    network.run_until(lambda: len(banned(node)) == 2)
    network.run(1)
    assert torrent.content is not None
    assert 0 in torrent.content.have
    assert torrent.record.corrupt == PIECE
    seed(network, node, "10.0.1.3", bad())
    network.run_until(lambda: torrent.record.completed_at)
    network.run(1)
    assert banned(node) == ["10.0.1.1", "10.0.1.2"]
    assert_complete(node, torrent)


def test_a_piece_of_which_all_was_bad_comes_as_a_whole(
    network: MemoryNetwork, node: SimNode, torrent: Torrent
) -> None:
    seed(network, node, "10.0.1.1", bad(*range(16)))
    network.run_until(lambda: banned(node))
    seed(network, node, "10.0.1.2", bad())
    network.run_until(lambda: torrent.record.completed_at)
    network.run(1)
    assert banned(node) == ["10.0.1.1"]
    assert_complete(node, torrent)
    assert torrent.record.corrupt == PIECE


def test_a_kept_piece_gives_way_when_memory_is_short(
    network: MemoryNetwork, node: SimNode, torrent: Torrent
) -> None:
    seed(network, node, "10.0.1.1", bad(3))
    network.run_until(lambda: banned(node))
    budget = node.session.budget
    budget.limit = budget.used
    seed(network, node, "10.0.1.2", bad())
    network.run_until(lambda: torrent.record.completed_at, limit=200)
    network.run(1)
    assert_complete(node, torrent)
    assert torrent.record.corrupt == PIECE


def test_a_torrent_that_stops_gives_the_memory_back(
    network: MemoryNetwork, node: SimNode, torrent: Torrent
) -> None:
    seed(network, node, "10.0.1.1", bad(3))
    network.run_until(lambda: banned(node))
    node.stop()
    assert node.session.budget.used == 0
    assert torrent.record.corrupt == PIECE
