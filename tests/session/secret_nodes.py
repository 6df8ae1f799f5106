"""Two nodes with a torrent that has a secret, and what tests of them have in common."""

from __future__ import annotations

import random

from p2pd.formats.metainfo import parse_torrent
from p2pd.protocols.swarm_secret.secret import SwarmSecret
from p2pd.session.torrents.torrent import Torrent
from p2pd.session.torrents.torrent_requests import TorrentChanges
from p2pd.testing import MemoryNetwork, SimNode, make_torrent

PIECE = 32 * 1024
FILES = {"a.bin": random.Random(1).randbytes(5 * PIECE + 777), "c.txt": b"small"}
V1 = make_torrent(FILES, "v1", piece_length=PIECE, name="one")
V2 = make_torrent(FILES, "v2", piece_length=PIECE, name="one")
HYBRID = make_torrent(FILES, "hybrid", piece_length=PIECE, name="one")
OTHER = make_torrent({"b.bin": b"x" * PIECE}, piece_length=PIECE, name="other")
HASH = parse_torrent(V1).info_hashes.wire_ids[0]
SEED, LEECHER, STRANGER = "10.0.0.1", "10.0.0.2", "10.0.0.3"
SECRET = SwarmSecret(bytes(range(32))).text()
WRONG = SwarmSecret(bytes(32)).text()
WORDS = "walnut ferry copper lantern"


def counts(node: SimNode) -> tuple[int, int]:
    found = node.session.secrets.counts
    return found.accepted, found.refused


def pair(
    network: MemoryNetwork,
    *,
    seeds: str = SECRET,
    leeches: str = SECRET,
    torrent: bytes = V1,
    wanted: bytes | str = b"",
    dials: str = "preferred",
    accepts: str = "preferred",
) -> tuple[SimNode, Torrent, SimNode, Torrent]:
    seed = SimNode(network, SEED, encryption=accepts)
    leecher = SimNode(network, LEECHER, encryption=dials)
    had = seed.put(torrent, FILES, secret=seeds)
    wants = leecher.add(wanted or torrent, secret=leeches)
    leecher.connect(wants, seed.address)
    return seed, had, leecher, wants


def change(node: SimNode, torrent: Torrent, secret: str) -> None:
    view = node.control.find(torrent.record.id)
    assert view is not None
    node.network.result(node.control.change(view, TorrentChanges(secret=secret)))
