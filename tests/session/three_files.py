"""A torrent of three files of ten pieces each, and where a download of it stands."""

from __future__ import annotations

import random

from p2pd.base.piece_set import PieceSet
from p2pd.session.session_events import Listener
from p2pd.session.torrents.torrent import Torrent
from p2pd.testing import MemoryNetwork, SimNode, make_torrent

PIECE = 32 * 1024
FILES = {f"{name}.bin": random.Random(name).randbytes(10 * PIECE) for name in "abc"}
TORRENT = make_torrent(FILES, piece_length=PIECE)
SIZE = 30 * PIECE


def have(torrent: Torrent) -> PieceSet:
    """The torrent's pieces."""
    assert torrent.content is not None
    return torrent.content.have


def half_done(network: MemoryNetwork, node: SimNode, seed: SimNode) -> Torrent:
    """A torrent in the middle of its download."""
    torrent = node.add(TORRENT)
    node.connect(torrent, seed.address)
    network.run_until(lambda: have(torrent).count >= 10)
    assert have(torrent).count < 30
    return torrent


def restarted(
    network: MemoryNetwork, node: SimNode, listener: Listener | None = None
) -> tuple[SimNode, Torrent]:
    """The node after a restart, or after a crash if it was not stopped."""
    network.listeners.pop(node.address, None)
    again = SimNode(
        network, node.address.host, store=node.store, disk=node.disk, seed=2, listener=listener
    )
    network.run(0.5)
    (torrent,) = again.session.torrents
    return again, torrent
