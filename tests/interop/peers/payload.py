"""The content that the interop swarms carry: folders of awkward files, torrents of them, comparing.

Torrents are made by libtorrent, so that p2pd reads what another program wrote, or by p2pd's own
creator, so that the other programs read what p2pd wrote.
"""

from __future__ import annotations

import dataclasses
import hashlib
import random
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

KIB = 1024
MIB = 1024 * KIB
BLOCK = 16 * KIB
PIECE = 64 * KIB

MULTI_FILE_SIZES = {
    "empty.bin": 0,
    "one byte.bin": 1,
    "less than a block.bin": BLOCK - 3,
    "folder/less than a piece.bin": PIECE - 5,
    "folder/exactly a piece.bin": PIECE,
    "folder/deeper/odd.bin": 3 * MIB + 12_345,
    "grüße.bin": 2 * MIB + 1,
    "last.bin": 70_001,
}
"""An empty file, files below a block and below a piece, odd sizes, folders, a name beyond ASCII."""


@dataclass(frozen=True)
class Content:
    """Something to share: a file or folder `path`, and the torrent file of it."""

    path: Path
    torrent: Path
    wire_ids: tuple[bytes, ...]
    magnet: str

    @property
    def name(self) -> str:
        return self.path.name

    @property
    def folder(self) -> Path:
        """Where a client that seeds it must look."""
        return self.path.parent

    @property
    def size(self) -> int:
        return sum(p.stat().st_size for p in _files_of(self.path).values())


def make_file(folder: Path, size: int, *, name: str = "single.bin", seed: int = 1) -> Path:
    """A file of `size` random bytes, the same for the same `seed`."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / name
    path.write_bytes(random.Random(seed).randbytes(size))
    return path


def make_folder(folder: Path, *, name: str = "many files", seed: int = 1, extra: int = 0) -> Path:
    """A folder with the files of MULTI_FILE_SIZES, the largest longer by `extra` bytes."""
    root = folder / name
    for number, (relative, size) in enumerate(MULTI_FILE_SIZES.items()):
        path = root / relative
        longer = extra if relative == "folder/deeper/odd.bin" else 0
        make_file(path.parent, size + longer, name=path.name, seed=seed * 1000 + number)
    return root


def make_odd_file(folder: Path) -> Path:
    """A file that ends within a block."""
    return make_file(folder, 5 * MIB + 4321)


def libtorrent_content(
    path: Path,
    version: str,
    *,
    trackers: Sequence[str] = (),
    piece_length: int = PIECE,
    private: bool = False,
    web_seeds: Sequence[str] = (),
) -> Content:
    """`path` with a torrent that libtorrent made: version "v1", "v2" or "hybrid"."""
    import libtorrent

    entries = [
        libtorrent.create_file_entry(
            str(file.relative_to(path.parent)), file.stat().st_size, mtime=0
        )
        for file in _files_of(path).values()
    ]
    flags = {
        "v1": libtorrent.create_torrent.v1_only,
        "v2": libtorrent.create_torrent.v2_only,
        "hybrid": 0,
    }[version]
    creator = libtorrent.create_torrent(entries, piece_length, flags)
    creator.set_priv(private)
    for tier, url in enumerate(trackers):
        creator.add_tracker(url, tier)
    for url in web_seeds:
        creator.add_url_seed(url)
    libtorrent.set_piece_hashes(creator, str(path.parent))
    return content_of(path, libtorrent.bencode(creator.generate()))


def p2pd_content(
    path: Path,
    version: str,
    *,
    trackers: Sequence[str] = (),
    nodes: Sequence[tuple[str, int]] = (),
    piece_length: int = PIECE,
    web_seeds: Sequence[str] = (),
) -> Content:
    """`path` with a torrent that p2pd's creator made."""
    from p2pd.storage.torrent_creator import CreationOptions, create_torrent

    options = CreationOptions(
        version=version,
        piece_length=piece_length,
        trackers=tuple((url,) for url in trackers),
        nodes=tuple(nodes),
        web_seeds=tuple(web_seeds),
    )
    return content_of(path, create_torrent(str(path), options))


def content_of(path: Path, torrent_bytes: bytes) -> Content:
    """Keep the torrent beside the content and read its hashes (with libtorrent)."""
    import libtorrent

    torrent = path.parent / f"{path.name}.torrent"
    torrent.write_bytes(torrent_bytes)
    info = libtorrent.torrent_info(str(torrent))
    hashes = info.info_hashes()
    ids = []
    if hashes.has_v1():
        ids.append(hashes.v1.to_bytes())
    if hashes.has_v2():
        ids.append(hashes.v2.to_bytes()[:20])
    return Content(path, torrent, tuple(ids), libtorrent.make_magnet_uri(info))


def without_piece_layers(content: Content) -> Content:
    """The same v2 torrent, but its file lacks the piece layers, which peers must then send."""
    import libtorrent

    decoded = libtorrent.bdecode(content.torrent.read_bytes())
    del decoded[b"piece layers"]
    torrent = content.folder / f"{content.name}.bare.torrent"
    torrent.write_bytes(libtorrent.bencode(decoded))
    return dataclasses.replace(content, torrent=torrent)


def digests(path: Path) -> dict[str, str]:
    """SHA-256 of every file below `path` by its relative name, or of the one file it is."""
    return {
        name: hashlib.sha256(file.read_bytes()).hexdigest()
        for name, file in _files_of(path).items()
        if not name.startswith(".pad")
    }


def differences(original: Path, copy: Path, *, empty_files: bool = True) -> list[str]:
    """The files that are not in both with the same bytes.

    Some clients leave out files without bytes: `empty_files` says whether they must be there.
    """
    expected, found = digests(original), digests(copy)
    if not empty_files:
        nothing = hashlib.sha256().hexdigest()
        expected, found = (
            {name: digest for name, digest in side.items() if digest != nothing}
            for side in (expected, found)
        )
    return sorted(name for name in expected | found if expected.get(name) != found.get(name))


def assert_same(original: Path, copy: Path, *, empty_files: bool = True) -> None:
    """Every file of `original` is in `copy` with the same bytes, and none is there besides."""
    different = differences(original, copy, empty_files=empty_files)
    assert not different, f"not the same in {copy}: {different}"


def _files_of(path: Path) -> dict[str, Path]:
    if path.is_file():
        return {"": path}
    files = (p for p in sorted(path.rglob("*")) if p.is_file())
    return {file.relative_to(path).as_posix(): file for file in files}
