"""A small hybrid torrent with a tracker, and what a session shows of it."""

from __future__ import annotations

import random

from p2pd.formats.metainfo import parse_torrent
from p2pd.session.torrents.torrent import Torrent
from p2pd.session.torrents.torrent_report import TorrentReport
from p2pd.testing import SimNode, make_torrent

PIECE = 32 * 1024
FILES = {
    "a": random.Random(1).randbytes(3 * PIECE),
    "b": random.Random(2).randbytes(PIECE + 5),
    "c": b"",
}
SIZE = 4 * PIECE + 5
TORRENT = make_torrent(FILES, "hybrid", piece_length=PIECE, trackers=(("http://t.example/a",),))
META = parse_torrent(TORRENT)
HASHES = META.info_hashes


def report(node: SimNode, torrent: Torrent) -> TorrentReport:
    """What is shown of the torrent."""
    found = node.control.find(torrent.record.id)
    assert isinstance(found, TorrentReport)
    return found
