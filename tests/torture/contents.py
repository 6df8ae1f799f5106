"""What the torrents of a run hold, and which pieces of it are right on disk.

All of it is compared with the original bytes, not with hashes that p2pd could have got wrong.
"""

from __future__ import annotations

import random
import shutil
from dataclasses import dataclass, field
from pathlib import Path

from p2pd.formats.file_layout import FileLayout
from p2pd.formats.metainfo import parse_torrent
from p2pd.storage.torrent_creator import CreationOptions, create_torrent

KIB = 1024
VERSIONS = ("v1", "v2", "hybrid")


@dataclass(frozen=True)
class Content:
    """One torrent, with the bytes of its files by their paths below the download folder."""

    name: str
    torrent: bytes
    layout: FileLayout
    wire_id: bytes
    hash_string: str
    files: dict[tuple[str, ...], bytes] = field(repr=False)

    @property
    def piece_count(self) -> int:
        return self.layout.piece_count

    @property
    def size(self) -> int:
        return self.layout.total_length

    def block(self, piece: int, begin: int, length: int) -> bytes:
        """What a seed sends."""
        parts = []
        for index, offset, size in self.layout.spans(piece, begin, length):
            file = None if index < 0 else self.layout.files[index]
            if file is None or file.pad:
                parts.append(bytes(size))
            else:
                parts.append(self.files[file.path][offset : offset + size])
        return b"".join(parts)

    def right_pieces(self, folder: Path) -> set[int]:
        """The pieces that are right below a download folder."""
        found = {path: _bytes_of(folder.joinpath(*path)) for path in self.files}
        return {piece for piece in range(self.piece_count) if self._is_right(piece, found)}

    def _is_right(self, piece: int, found: dict[tuple[str, ...], bytes]) -> bool:
        for index, offset, size in self.layout.spans(piece, 0, self.layout.piece_size(piece)):
            path = self.layout.files[index].path
            if path not in self.files:  # padding
                continue
            part = slice(offset, offset + size)
            if found[path][part] != self.files[path][part]:
                return False
        return True

    def is_whole(self, folder: Path) -> bool:
        """Whether every file is there as it should be, and nothing besides."""
        every = all(_bytes_of(folder.joinpath(*path)) == data for path, data in self.files.items())
        return every and self.files_below(folder) == len(self.files)

    def files_below(self, folder: Path) -> int:
        """How many files there are under the torrent's name."""
        top = folder / self.name
        if top.is_dir():
            return sum(path.is_file() for path in top.rglob("*"))
        return int(top.exists())

    def traces_below(self, folder: Path, *, of_moves_only: bool) -> list[Path]:
        """What there is of it, and of a move of it."""
        return [
            path
            for place in self._places(folder, of_moves_only=of_moves_only)
            if place.exists()
            for path in (place, *place.rglob("*"))
        ]

    def remove_below(self, folder: Path, *, of_moves_only: bool) -> None:
        """Remove all of it."""
        for path in self._places(folder, of_moves_only=of_moves_only):
            shutil.rmtree(path) if path.is_dir() else path.unlink(missing_ok=True)

    def _places(self, folder: Path, *, of_moves_only: bool) -> list[Path]:
        move = folder / f".p2pd-moving-{self.hash_string}"
        return [move] if of_moves_only else [folder / self.name, move]


def make_contents(folder: Path, rng: random.Random, count: int) -> list[Content]:
    """Torrents of all versions, of one file and of several, from half a MiB to four."""
    return [
        _make(
            folder, f"{VERSIONS[number % 3]} {number}", rng, VERSIONS[number % 3], number % 2 == 0
        )
        for number in range(count)
    ]


def _make(folder: Path, name: str, rng: random.Random, version: str, several: bool) -> Content:
    top = folder / name
    if several:
        for number in range(rng.randint(2, 6)):
            inner = top / f"part {number % 2}" / f"{number}.bin"
            inner.parent.mkdir(parents=True, exist_ok=True)
            inner.write_bytes(rng.randbytes(rng.choice((0, 1, rng.randint(1, 900 * KIB)))))
        (top / "big.bin").write_bytes(rng.randbytes(rng.randint(400 * KIB, 1600 * KIB)))
    else:
        folder.mkdir(parents=True, exist_ok=True)
        top.write_bytes(rng.randbytes(rng.randint(512 * KIB, 4096 * KIB)))
    piece = rng.choice((16, 32, 64)) * KIB
    torrent = create_torrent(str(top), CreationOptions(version=version, piece_length=piece))
    return _content(top, torrent)


def _content(top: Path, torrent: bytes) -> Content:
    metainfo = parse_torrent(torrent)
    hashes = metainfo.info_hashes
    layout = FileLayout.of(metainfo)
    wire_id = hashes.v1 or (hashes.v2 or b"")[:20]
    files = {
        file.path: _bytes_of(top.parent.joinpath(*file.path))
        for file in layout.files
        if not file.pad
    }
    return Content(top.name, torrent, layout, wire_id, wire_id.hex(), files)


def _bytes_of(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError:
        return b""
