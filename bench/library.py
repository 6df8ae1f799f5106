"""A library of torrents that seed: sizes as in life, files that are holes, two tiers of trackers.

Nobody asks for the data, so the files are sparse and the hashes random: engines are given a state
that says that all was verified, as it was before they were stopped.
"""

from __future__ import annotations

import hashlib
import random
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from p2pd.formats import bencode

MOST_FILES = 5
PIECES = (200, 2000)
PIECE_LENGTH = 256 * 1024


@dataclass(frozen=True, slots=True)
class LibraryTorrent:
    """One of them: its .torrent, and its files with their lengths, below the library's folder."""

    path: Path
    info_hash: str
    name: str
    pieces: int
    files: tuple[tuple[str, int], ...]


class Library:
    """`count` torrents, announced to `trackers` (one tier each). `data` has their files."""

    def __init__(self, folder: Path, count: int, trackers: Sequence[str]) -> None:
        self.data = folder / "data"
        self._torrents = folder / "torrents"
        self._trackers = trackers
        self.data.mkdir(parents=True)
        self._torrents.mkdir()
        self.torrents = [self._make(number) for number in range(count)]

    def _make(self, number: int) -> LibraryTorrent:
        rng = random.Random(number)
        name = f"A.Film.That.Nobody.Knows.{number:05}.1080p.x264"
        pieces, count = rng.randint(*PIECES), rng.randint(1, MOST_FILES)
        total = pieces * PIECE_LENGTH - rng.randrange(PIECE_LENGTH)
        ends = sorted(rng.sample(range(1, total), count - 1))
        lengths = [end - begin for begin, end in zip([0, *ends], [*ends, total], strict=True)]
        info: dict[bytes, object] = {b"name": name.encode(), b"piece length": PIECE_LENGTH}
        if count == 1:
            files = [(name, total)]
            info[b"length"] = total
        else:
            paths = [f"Part {part + 1} of {count}.mkv" for part in range(count)]
            files = [(f"{name}/{path}", n) for path, n in zip(paths, lengths, strict=True)]
            info[b"files"] = [
                {b"length": n, b"path": [p.encode()]} for p, n in zip(paths, lengths, strict=True)
            ]
        info[b"pieces"] = rng.randbytes(20 * pieces)
        for path, length in files:
            _hole(self.data / path, length)
        return self._write(number, name, info, files, pieces)

    def _write(
        self,
        number: int,
        name: str,
        info: dict[bytes, object],
        files: list[tuple[str, int]],
        pieces: int,
    ) -> LibraryTorrent:
        tiers = [[url.encode()] for url in self._trackers]
        outer = {b"announce": tiers[0][0], b"announce-list": tiers, b"info": info}
        info_hash = hashlib.sha1(bencode.encode(info)).hexdigest()
        path = self._torrents / f"{number:05}.torrent"
        path.write_bytes(bencode.encode(outer))
        return LibraryTorrent(path, info_hash, name, pieces, tuple(files))


def _hole(path: Path, length: int) -> None:
    path.parent.mkdir(exist_ok=True)
    with path.open("wb") as file:
        file.truncate(length)
