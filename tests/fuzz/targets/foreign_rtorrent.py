"""Fuzz the three files that rtorrent keeps of a torrent, each beside the two others."""

from __future__ import annotations

from p2pd.base.errors import FormatError
from p2pd.formats.foreign import rtorrent
from tests.formats.recorded_state import RECORDED

_TORRENT, _RESUME, _CHOICES = (
    path.read_bytes() for path in sorted((RECORDED / "rtorrent").iterdir())[:3]
)

SEEDS: list[bytes] = [
    *(path.read_bytes() for path in sorted((RECORDED / "rtorrent").iterdir())),
    b"d8:announce3:abc4:infod6:lengthi1e4:name45:" + b"AB" * 20
    + b".meta22:rtorrent_meta_downloadi1eee", b"throttle.up = slow, 100k",
]  # fmt: skip


def fuzz(data: bytes) -> None:
    """Only FormatError may refuse."""
    rtorrent.read_throttles(data.decode("utf-8", "replace"))
    triples = ((data, _CHOICES, _RESUME), (_TORRENT, data, _RESUME), (_TORRENT, _CHOICES, data))
    for torrent, choices, resume in triples:
        try:
            found = rtorrent.read(torrent, choices, resume, 0.0, 2.0**41)
        except FormatError:
            continue
        assert (found.metainfo is None) != (found.magnet is None)
