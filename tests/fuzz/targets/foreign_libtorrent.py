"""Fuzz libtorrent's resume data, as qBittorrent keeps it, beside torrents that are right."""

from __future__ import annotations

from p2pd.base.errors import FormatError
from p2pd.formats.foreign import qbittorrent
from tests.formats.recorded_state import RECORDED

_STATE = [*(RECORDED / "qbittorrent").iterdir(), *(RECORDED / "qbittorrent_v2").iterdir()]
_RESUME = [path.read_bytes() for path in sorted(_STATE) if path.suffix == ".fastresume"]
_TORRENTS = [path.read_bytes() for path in sorted(_STATE) if path.suffix == ".torrent"]

SEEDS: list[bytes] = [
    *_RESUME,
    _RESUME[0].replace(b"12:file-versioni1e", b"12:file-versioni2e").replace(
        b"6:pieces9:" + bytes([1] * 9), b"6:pieces2:\xff\x80"
    ),
    _RESUME[0].replace(b"15:max_connections", b"12:mapped_filesl0:5:x/b.ye15:max_connections"),
]  # fmt: skip


def fuzz(data: bytes) -> None:
    """Only FormatError may refuse."""
    for torrent in (*_TORRENTS, None):
        try:
            found = qbittorrent.read_files(data, torrent, 0.0)
        except FormatError:
            continue
        assert (found.metainfo is None) != (found.magnet is None)
