"""Fuzz Transmission's resume files, beside a torrent that is right, and its torrents and links.

Its groups and its queue are JSON.
"""

from __future__ import annotations

from contextlib import suppress

from p2pd.base.errors import FormatError
from p2pd.formats.foreign import transmission
from tests.formats.recorded_state import RECORDED

_RESUME = [path.read_bytes() for path in sorted((RECORDED / "transmission/resume").iterdir())]
_TORRENTS = [path.read_bytes() for path in sorted((RECORDED / "transmission/torrents").iterdir())]

SEEDS: list[bytes] = [
    *_RESUME,
    *_TORRENTS,
    b"magnet:?xt=urn:btih:" + b"ab" * 20,
    b'{"night": {"uploadLimit": 5, "uploadLimited": true}}',
    b'["ab.torrent"]',
]


def fuzz(data: bytes) -> None:
    """Only FormatError may refuse."""
    transmission.read_queue(data)
    with suppress(FormatError):
        transmission.read_groups(data)
    for resume, torrent in ((data, _TORRENTS[0]), (data, _TORRENTS[1]), (_RESUME[0], data)):
        try:
            found = transmission.read(resume, torrent, 0.0)
        except FormatError:
            continue
        assert (found.metainfo is None) != (found.magnet is None)
