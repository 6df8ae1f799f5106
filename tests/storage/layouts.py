"""Small torrents for the storage tests, made without touching a disk."""

from __future__ import annotations

import random
from hashlib import sha1

from p2pd.formats import bencode
from p2pd.formats.file_layout import FileLayout
from p2pd.formats.metainfo import Metainfo, parse_info

PIECE = 16 * 1024


def content_of(length: int, seed: int = 1) -> bytes:
    return random.Random(seed).randbytes(length)


def folder(files: dict[str, int], piece_length: int = PIECE) -> tuple[Metainfo, FileLayout, bytes]:
    """A v1 torrent of a folder, its layout, and the bytes of its piece space."""
    data = content_of(sum(files.values()))
    pieces = b"".join(
        sha1(data[at : at + piece_length]).digest() for at in range(0, len(data), piece_length)
    )
    info = {
        b"files": [
            {b"length": length, b"path": [part.encode() for part in path.split("/")]}
            for path, length in files.items()
        ],
        b"name": b"top",
        b"piece length": piece_length,
        b"pieces": pieces,
    }
    metainfo = parse_info(bencode.encode(info))
    return metainfo, FileLayout.of(metainfo), data


def piece_of(layout: FileLayout, data: bytes, piece: int) -> bytes:
    start = piece * layout.piece_length
    return data[start : start + layout.piece_size(piece)]
