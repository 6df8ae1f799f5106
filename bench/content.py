"""What is transferred: files of any size, the same bytes in every run, and torrents of them.

The bytes are a random mebibyte over and over, but every block of 16 KiB begins with its number:
no two blocks are equal, so a block in the wrong place is found. That is as fast as writing.
"""

from __future__ import annotations

import hashlib
import random
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from bench.errors import WrongBytesError
from bench.tls_swarm import TlsSwarm, new_swarm
from p2pd.formats import bencode

BLOCK = 16 * 1024
CHUNK = 1 << 20
_NUMBER = struct.Struct(">Q")


def content(size: int, seed: int = 1) -> Iterator[bytearray]:
    """`size` bytes in chunks of a mebibyte; each is overwritten by the next."""
    chunk = bytearray(random.Random(seed).randbytes(CHUNK))
    number = 0
    for start in range(0, size, CHUNK):
        for begin in range(0, CHUNK, BLOCK):
            _NUMBER.pack_into(chunk, begin, number)
            number += 1
        yield chunk if size - start >= CHUNK else chunk[: size - start]


@dataclass(frozen=True, slots=True)
class Torrent:
    """A torrent file of one file, and where that file is. `digest` is its SHA-256.

    `swarm` has the certificates of an SSL torrent.
    """

    path: Path
    info_hash: str
    content: Path
    size: int
    piece: int
    digest: str
    swarm: TlsSwarm | None = None

    @property
    def name(self) -> str:
        """The name of the file that it downloads."""
        return self.content.name

    @property
    def link(self) -> str:
        """Its magnet link (BEP 9), which tells of nobody."""
        return f"magnet:?xt=urn:btih:{self.info_hash}"

    def verify(self, folder: Path) -> None:
        """Compare the copy in `folder` with the source. Raises WrongBytesError."""
        copy = folder / self.name
        if not copy.is_file():
            raise WrongBytesError(f"{copy} is not there")
        if file_digest(copy) != self.digest:
            raise WrongBytesError(f"{copy} differs from what was sent")


def file_digest(path: Path) -> str:
    """SHA-256 of a file, in hex."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def make_torrent(
    source: Path, piece: int, digest: str, target: Path, swarm: TlsSwarm | None = None
) -> Torrent:
    """Write a v1 torrent (BEP 3) of one file with pieces of `piece` bytes, without trackers."""
    hashes = bytearray()
    with source.open("rb") as file:
        while data := file.read(piece):
            hashes += hashlib.sha1(data).digest()
    size = source.stat().st_size
    info: dict[bytes, object] = {
        b"length": size,
        b"name": source.name.encode(),
        b"piece length": piece,
        b"pieces": bytes(hashes),
    }
    if swarm is not None:
        info[b"ssl-cert"] = swarm.ca_pem.encode()
    target.write_bytes(bencode.encode({b"info": info}))
    info_hash = hashlib.sha1(bencode.encode(info)).hexdigest()
    return Torrent(target, info_hash, source, size, piece, digest, swarm)


class Sources:
    """The files of one run of the suite, each made once, when it is first asked for."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._files: dict[int, tuple[Path, str]] = {}
        self._torrents: dict[tuple[int, int, bool], Torrent] = {}

    def torrent(self, size: int, piece: int, *, tls: bool = False) -> Torrent:
        """A torrent of `size` bytes; the same file serves all sizes of pieces, and TLS too."""
        if (size, piece, tls) not in self._torrents:
            source, digest = self._file(size)
            target = self._folder / f"{size}-{piece}{'-tls' if tls else ''}.torrent"
            swarm = new_swarm() if tls else None
            self._torrents[size, piece, tls] = make_torrent(source, piece, digest, target, swarm)
        return self._torrents[size, piece, tls]

    def _file(self, size: int) -> tuple[Path, str]:
        if size not in self._files:
            folder = self._folder / str(size)
            folder.mkdir(parents=True)
            path = folder / f"content-{size}.bin"
            digest = hashlib.sha256()
            with path.open("wb") as file:
                for chunk in content(size):
                    file.write(chunk)
                    digest.update(chunk)
            self._files[size] = (path, digest.hexdigest())
        return self._files[size]

    def many_small(self, count: int, size: int = 1024) -> tuple[Path, list[Torrent]]:
        """`count` torrents of one piece each, and the folder that has all their files."""
        folder, torrents = self._folder / f"small-{count}", []
        (folder / "torrents").mkdir(parents=True)
        for number in range(count):
            data = random.Random(number).randbytes(size)
            source = folder / f"small-{number:05}.bin"
            source.write_bytes(data)
            target = folder / "torrents" / f"{number:05}.torrent"
            digest = hashlib.sha256(data).hexdigest()
            torrents.append(make_torrent(source, BLOCK, digest, target))
        return folder, torrents
