"""A torrent of one file of sixty pieces, another of the same data, and a disk that refuses it."""

from __future__ import annotations

import random

from p2pd.base.errors import StorageError
from p2pd.session.torrents.torrent import Torrent
from p2pd.testing import MemoryNetwork, SimNode, make_torrent

PIECE = 32 * 1024
PIECES = 60
DATA = random.Random(8).randbytes(PIECES * PIECE)
TORRENT = make_torrent({"data": DATA}, piece_length=PIECE)
OTHER = make_torrent({"other": DATA}, name="other", piece_length=PIECE)
IN_FLIGHT = 16 * PIECE


def seed_of_both(network: MemoryNetwork) -> SimNode:
    """A node that has both torrents."""
    made = SimNode(network, "10.0.0.9")
    made.put(TORRENT, {"data": DATA})
    made.put(OTHER, {"other": DATA})
    return made


def refused(node: SimNode, seed: SimNode, problem: StorageError, seconds: float = 0.5) -> Torrent:
    """A download of which the disk takes nothing after a few pieces, for so long already."""
    torrent = node.add(TORRENT)
    node.connect(torrent, seed.address)
    storage = node.storage(torrent)
    node.network.run_until(lambda: storage.pieces)
    storage.fault = problem
    node.network.run(seconds)
    return torrent


def sent_by(seed: SimNode) -> int:
    """Bytes of payload that the seed has sent."""
    return seed.session.rate_upload.total
