"""New torrents, v1 (BEP 3), v2 (BEP 52) and hybrid with pads (BEP 47), from names and hashes.

A plan names the files; a draft lays them out, hashes one piece at a time from bytes it is handed,
and puts the torrent together. Who reads the files, and in which threads, is not known here.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from hashlib import sha1
from itertools import chain
from typing import Any, NamedTuple

from p2pd import __version__
from p2pd.base.errors import FormatError
from p2pd.formats import bencode, merkle
from p2pd.formats.file_layout import FileLayout, LaidOutFile
from p2pd.formats.metainfo import MAX_NODES, MAX_PIECES, Metainfo, Version, parse_info, to_torrent
from p2pd.formats.safe_paths import safe_component, safe_paths
from p2pd.formats.urls import tracker_url, web_seed_url
from p2pd.formats.x509.pem import certificate_pem
from p2pd.formats.x509.swarm_ca import read_ca

SMALLEST_PIECE = 16 * 1024
LARGEST_AUTOMATIC_PIECE = 16 * 1024 * 1024
LARGEST_PIECE = 128 * 1024 * 1024
AIMED_PIECES = 2048


class CreationError(FormatError):
    """The torrent cannot be made as asked; the text says what to change."""


class SourceFile(NamedTuple):
    """A file to put in: `path` below the torrent's folder (or its one name), `length` in bytes."""

    path: tuple[str, ...]
    length: int
    executable: bool = False


@dataclass(frozen=True, slots=True)
class CreationOptions:
    """How a torrent is made. `piece_length` in bytes, None: by the size of the content.

    `trackers` are tiers (BEP 12), `nodes` are of the DHT, by name or address (BEP 5).
    `creation_date` is in Unix seconds and left out when None. `authority` is the certificate, in
    PEM, of who issues those of the torrent's peers, who are to speak TLS: it is in `info`.
    """

    version: Version = "v1"
    piece_length: int | None = None
    private: bool = False
    source: str | None = None
    trackers: tuple[tuple[str, ...], ...] = ()
    web_seeds: tuple[str, ...] = ()
    nodes: tuple[tuple[str, int], ...] = ()
    comment: str | None = None
    created_by: str | None = f"p2pd/{__version__}"
    creation_date: int | None = None
    authority: str | None = None


@dataclass(frozen=True, slots=True)
class CreationPlan:
    """What goes into a torrent. With `single_file` there is one file, called `name`."""

    name: str
    files: tuple[SourceFile, ...]
    single_file: bool
    options: CreationOptions = CreationOptions()


class PieceHashes(NamedTuple):
    """A piece's SHA-1 and its Merkle hash; empty for a version that has none."""

    v1: bytes
    v2: bytes


def choose_piece_length(total_length: int) -> int:
    """The piece length for that many bytes: 16 KiB to 16 MiB, for about 2,000 pieces at most."""
    length = SMALLEST_PIECE
    while length < LARGEST_AUTOMATIC_PIECE and total_length > length * AIMED_PIECES:
        length *= 2
    return length


class TorrentDraft:
    """A torrent in the making: `layout` says which bytes each piece needs, pads included.

    Raises CreationError for a plan that no good torrent can be made of.
    """

    def __init__(self, plan: CreationPlan) -> None:
        _check(plan)
        self.plan = plan
        self.version = plan.options.version
        total = sum(file.length for file in plan.files)
        self.piece_length = plan.options.piece_length or choose_piece_length(total)
        self.layout = self._laid_out()
        if self.layout.piece_count > MAX_PIECES:
            raise CreationError(f"more than {MAX_PIECES} pieces: choose a larger piece length")

    def hash_piece(self, piece: int, data: bytes | bytearray | memoryview) -> PieceHashes:
        """The hashes of a piece from its bytes: ``layout.piece_size(piece)`` many, with pads."""
        if len(data) != self.layout.piece_size(piece):
            raise CreationError(f"piece {piece} was given {len(data)} bytes")
        v1 = b"" if self.version == "v2" else sha1(data).digest()
        if self.version == "v1":
            return PieceHashes(v1, b"")
        file_length = self.layout.files[self.layout.spans(piece, 0, 1)[0].file_index].length
        own = memoryview(data)[: self.layout.data_size(piece)]
        return PieceHashes(v1, merkle.piece_root(own, self.piece_length, file_length))

    def assemble(self, hashes: Sequence[PieceHashes]) -> bytes:
        """The .torrent file, given the hashes of all pieces in order."""
        if len(hashes) != self.layout.piece_count:
            raise CreationError(f"{len(hashes)} hashes for {self.layout.piece_count} pieces")
        options = self.plan.options
        info: dict[bytes, Any] = {
            b"name": self.plan.name.encode(),
            b"piece length": self.piece_length,
        }
        if options.private:
            info[b"private"] = 1
        if options.source:
            info[b"source"] = options.source.encode()
        if options.authority:
            # Of what was handed in nothing else: a key may stand beside it.
            info[b"ssl-cert"] = certificate_pem(read_ca(options.authority)).encode()
        if self.version != "v2":
            info.update(self._v1_keys(hashes))
        layers: dict[bytes, bytes] = {}
        if self.version != "v1":
            info[b"meta version"] = 2
            info[b"file tree"] = self._file_tree(hashes, layers)
        return to_torrent(self._with_outer_keys(info), piece_layers=layers)

    def _with_outer_keys(self, info: dict[bytes, Any]) -> Metainfo:
        """Read back what was made: a torrent that we would refuse is never handed out."""
        options = self.plan.options
        found = parse_info(
            bencode.encode(info), trackers=options.trackers, web_seeds=options.web_seeds
        )
        return replace(
            found,
            nodes=options.nodes,
            comment=options.comment,
            created_by=options.created_by,
            creation_date=options.creation_date,
        )

    def _laid_out(self) -> FileLayout:
        """Files in canonical order; in a hybrid a pad after each that ends within a piece."""
        aligned, padded = self.version == "v2", self.version == "hybrid"
        size, offset = self.piece_length, 0
        placed = []
        for file in _in_order(self.plan):
            placed.append(_placed(file.path, file.length, offset, size, False, file.executable))
            offset += file.length
            gap = -offset % size if file.length else 0
            if gap and padded and len(self.plan.files) > 1:
                placed.append(_placed((".pad", str(gap)), gap, offset, size, True, False))
            if aligned or padded:
                offset += gap
        return FileLayout(placed, size, aligned=aligned)

    def _v1_keys(self, hashes: Sequence[PieceHashes]) -> dict[bytes, Any]:
        pieces = b"".join(piece.v1 for piece in hashes)
        files = self.layout.files
        if self.plan.single_file:
            return {b"pieces": pieces, b"length": files[0].length, **_attributes(files[0])}
        entries = [
            {
                b"length": file.length,
                b"path": [part.encode() for part in file.path],
                **_attributes(file),
            }
            for file in files
        ]
        return {b"pieces": pieces, b"files": entries}

    def _file_tree(
        self, hashes: Sequence[PieceHashes], layers: dict[bytes, bytes]
    ) -> dict[bytes, Any]:
        """The v2 tree of files; the piece layers of the longer ones are put into `layers`."""
        tree: dict[bytes, Any] = {}
        for file in self.layout.files:
            if file.pad:
                continue
            properties: dict[bytes, Any] = {b"length": file.length, **_attributes(file)}
            own = [piece.v2 for piece in hashes[file.first_piece : file.end_piece]]
            if own:
                root = merkle.file_root(own, self.piece_length)
                properties[b"pieces root"] = root
                if len(own) > 1:
                    layers[root] = b"".join(own)
            folder = tree
            for part in file.path[:-1]:
                folder = folder.setdefault(part.encode(), {})
            folder[file.path[-1].encode()] = {b"": properties}
        return tree


def _check_nodes(options: CreationOptions) -> None:
    if options.nodes and options.private:
        raise CreationError("a private torrent names no nodes of the DHT (BEP 27)")
    if len(options.nodes) > MAX_NODES:
        raise CreationError(f"a torrent names {MAX_NODES} nodes of the DHT at most")
    for host, port in options.nodes:
        fits = 0 < len(host) <= 255 and host.isascii() and host.isprintable() and " " not in host
        if not fits or not 0 < port < 65536:
            raise CreationError(f"this is no node of the DHT: {host[:100]!r}, port {port}")


def _check_authority(pem: str | None) -> None:
    try:
        if pem is not None:
            read_ca(pem)
    except FormatError as problem:
        raise CreationError(str(problem)) from None


def _check(plan: CreationPlan) -> None:
    options = plan.options
    length = options.piece_length
    if not any(file.length for file in plan.files):
        raise CreationError("there is nothing to share: no file holds any data")
    if length is not None and (
        length & (length - 1) or not SMALLEST_PIECE <= length <= LARGEST_PIECE
    ):
        raise CreationError("the piece length must be a power of two from 16 KiB to 128 MiB")
    _check_names(plan)
    for url in chain.from_iterable(options.trackers):
        if tracker_url(url) != url:
            raise CreationError(f"this is no tracker's URL: {url[:200]!r}")
    for text in (options.source, options.comment, options.created_by):
        if text is not None and text.encode("utf-8", "replace").decode() != text:
            raise CreationError("a text of the torrent holds half a character")
    for url in options.web_seeds:
        if web_seed_url(url) != url:
            raise CreationError(f"this is no web seed's URL: {url[:200]!r}")
    _check_nodes(options)
    _check_authority(options.authority)
    if (
        options.version == "v2"
        and not plan.single_file
        and [len(f.path) for f in plan.files] == [1]
    ):
        raise CreationError(
            "a v2 torrent cannot tell a folder with one file from the file alone: "
            "share the file itself, or make a v1 or hybrid torrent"
        )


def _check_names(plan: CreationPlan) -> None:
    """Names that every reader has to change are refused: nobody could seed from this folder."""
    if plan.single_file and [file.path for file in plan.files] != [(plan.name,)]:
        raise CreationError("a single-file torrent has one file, with the torrent's name")
    for name in {plan.name, *chain.from_iterable(file.path for file in plan.files)}:
        if safe_component(name) != name:
            shown = name.encode("utf-8", "backslashreplace").decode()[:200]
            raise CreationError(f"the name {shown!r} cannot be used on every system: rename it")
    paths = [file.path for file in plan.files]
    for path, safe in zip(paths, safe_paths(paths), strict=True):
        if path != safe:
            shown = "/".join(path)[:200]
            raise CreationError(f"{shown!r} differs from another name in upper and lower case only")


def _in_order(plan: CreationPlan) -> list[SourceFile]:
    """Sorted as a file tree is (BEP 52): by the UTF-8 of the components, not of the joined path."""
    return sorted(plan.files, key=lambda file: [part.encode() for part in file.path])


def _placed(
    path: tuple[str, ...], length: int, offset: int, size: int, pad: bool, executable: bool
) -> LaidOutFile:
    first = offset // size
    end = -(-(offset + length) // size) if length else first
    return LaidOutFile(path, length, offset, pad, first, end, executable)


def _attributes(file: LaidOutFile) -> dict[bytes, bytes]:
    marks = b"p" * file.pad + b"x" * file.executable
    return {b"attr": marks} if marks else {}
