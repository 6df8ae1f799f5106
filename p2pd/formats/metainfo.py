"""Metainfo: torrents of v1 (BEP 3), v2 (BEP 52) and both (hybrid) in one model.

The info dictionary's raw bytes are kept as they came: hashes are taken over them and they are
handed on unchanged. Trackers are BEP 12's, web seeds BEP 19's and 17's, nodes BEP 5's, attributes
BEP 47's, signatures BEP 35's; ``ssl-cert`` is libtorrent's: the CA of those who may be peers.
Nothing is known here of files on a disk or of how pieces are exchanged.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from hashlib import sha1, sha256
from typing import Any, Literal, NamedTuple

from p2pd.base.ids import InfoHashes
from p2pd.formats import bencode
from p2pd.formats.file_lists import MAX_LENGTH, MetainfoError, RawFile, joined, v1_files, v2_files
from p2pd.formats.merkle import BLOCK, HASH_SIZE, layer_root
from p2pd.formats.safe_paths import safe_component, safe_paths
from p2pd.formats.torrent_signatures import (
    TorrentSignature,
    parse_signatures,
    signatures_value,
)
from p2pd.formats.urls import tracker_tiers, web_seeds

__all__ = ["FileEntry", "Metainfo", "MetainfoError", "parse_info", "parse_torrent", "to_torrent"]

MAX_PIECES = 1 << 24
MAX_PIECE_LENGTH = 512 * 1024 * 1024
MAX_NODES = 100
MAX_TEXT = 64 * 1024
MAX_CA = 64 * 1024
"""Bytes of the certificate of a torrent's CA."""

Version = Literal["v1", "v2", "hybrid"]


class FileEntry(NamedTuple):
    """One file: safe relative `path` without the torrent's folder, `length` in bytes.

    `pieces_root` is the v2 Merkle root of a non-empty file. `pad` marks filling zeros that are
    no file (BEP 47). `symlink` is where a link would point, within the torrent: never followed.
    """

    path: tuple[str, ...]
    length: int
    pieces_root: bytes | None = None
    pad: bool = False
    executable: bool = False
    hidden: bool = False
    symlink: tuple[str, ...] | None = None


@dataclass(frozen=True, slots=True)
class Metainfo:
    """A torrent that was checked: whatever is in here keeps the rules of its version.

    `files` are in the order of the piece space: with pads for v1 and hybrid, without for v2-only,
    where every file starts a piece. `piece_hashes` are the v1 SHA-1s, 20 bytes each;
    `piece_layers` map a file's root to its concatenated 32-byte piece hashes and may lack some.
    """

    info_hashes: InfoHashes
    info_bytes: bytes = field(repr=False)
    name: str
    piece_length: int
    files: tuple[FileEntry, ...] = field(repr=False)
    single_file: bool
    piece_hashes: bytes | None = field(repr=False)
    piece_layers: Mapping[bytes, bytes] = field(repr=False, hash=False)
    private: bool = False
    tls_ca: bytes | None = field(default=None, repr=False)
    """The CA (PEM, as it came) of a torrent whose peers are reached by TLS alone."""
    source: str | None = None
    comment: str | None = None
    created_by: str | None = None
    creation_date: int | None = None
    trackers: tuple[tuple[str, ...], ...] = ()
    web_seeds: tuple[str, ...] = ()
    http_seeds: tuple[str, ...] = ()
    """Those of BEP 17."""
    nodes: tuple[tuple[str, int], ...] = ()
    signatures: tuple[TorrentSignature, ...] = ()
    """By whom it is signed, perhaps (BEP 35): nobody checked them."""
    raw_name: bytes = field(default=b"", repr=False)
    """The name as it came; servers have the files by it."""
    raw_paths: Mapping[int, tuple[bytes, ...]] = field(default_factory=dict, repr=False, hash=False)
    """The paths as they came, of files whose own had to be made safe; see `raw_path`."""

    def raw_path(self, index: int) -> tuple[bytes, ...]:
        """The path of a file as it came, by its place in `files`."""
        found = self.raw_paths.get(index)
        return found or tuple(part.encode() for part in self.files[index].path)

    @property
    def version(self) -> Version:
        """Which of the two formats the torrent has."""
        if self.info_hashes.v2 is None:
            return "v1"
        return "v2" if self.info_hashes.v1 is None else "hybrid"

    @property
    def total_length(self) -> int:
        """Bytes of all files, pads not counted."""
        return sum(file.length for file in self.files if not file.pad)

    def missing_piece_layers(self) -> tuple[bytes, ...]:
        """Roots of the files longer than a piece whose piece hashes are not known yet (BEP 52)."""
        wanted = dict.fromkeys(
            file.pieces_root
            for file in self.files
            if file.pieces_root is not None and file.length > self.piece_length
        )
        return tuple(root for root in wanted if root not in self.piece_layers)


def parse_torrent(data: bytes) -> Metainfo:
    """Read a .torrent file. Raises MetainfoError or BencodeError, both with words for a person.

    Wrong piece layers are an error; absent ones are not, peers can send them.
    """
    root, (start, end) = bencode.decode_torrent(data)
    tiers = tracker_tiers(root.get(b"announce-list")) or tracker_tiers([root.get(b"announce")])
    seeds = root.get(b"url-list")
    return _build(
        bytes(data[start:end]),
        root[b"info"],
        layers=root.get(b"piece layers", {}),
        trackers=tiers,
        web_seeds=web_seeds(seeds if isinstance(seeds, list) else [seeds]),
        http_seeds=_http_seeds(root.get(b"httpseeds")),
        nodes=_nodes(root.get(b"nodes")),
        comment=_text(root, b"comment"),
        created_by=_text(root, b"created by"),
        creation_date=_date(root.get(b"creation date")),
        signatures=parse_signatures(root.get(b"signatures")),
    )


def parse_info(
    info_bytes: bytes,
    *,
    expected: InfoHashes | None = None,
    trackers: Iterable[Iterable[str] | str] = (),
    web_seeds: Iterable[str] = (),
) -> Metainfo:
    """Read an info dictionary alone, as peers send it for a magnet (BEP 9).

    `trackers` are tiers; a plain string is a tier of its own. Every hash in `expected` must fit,
    else MetainfoError. There are no piece layers yet.
    """
    info = bencode.decode(info_bytes, strict_order=False, max_size=bencode.MAX_TORRENT_SIZE)
    tiers = tuple((tier,) if isinstance(tier, str) else tuple(tier) for tier in trackers)
    found = _build(bytes(info_bytes), info, layers={}, trackers=tiers, web_seeds=tuple(web_seeds))
    if expected is not None:
        ours = found.info_hashes
        if expected.v1 not in (None, ours.v1) or expected.v2 not in (None, ours.v2):
            raise MetainfoError("the metadata does not have the info-hash that was asked for")
    return found


def to_torrent(metainfo: Metainfo, *, piece_layers: Mapping[bytes, bytes] | None = None) -> bytes:
    """A .torrent file around the raw info dictionary, so that its info-hash stays.

    `piece_layers` adds to, or replaces, those the metainfo knows.
    """
    urls = [url for tier in metainfo.trackers for url in tier]
    outer: dict[bytes, Any] = {
        b"announce": urls[0] if urls else None,
        b"announce-list": [list(tier) for tier in metainfo.trackers] if len(urls) > 1 else None,
        b"comment": metainfo.comment,
        b"created by": metainfo.created_by,
        b"creation date": metainfo.creation_date,
        b"httpseeds": list(metainfo.http_seeds) or None,
        b"info": metainfo.info_bytes,
        b"nodes": [list(node) for node in metainfo.nodes] or None,
        b"piece layers": None,
        b"signatures": signatures_value(metainfo.signatures),
        b"url-list": list(metainfo.web_seeds) or None,
    }
    if metainfo.info_hashes.v2 is not None:
        outer[b"piece layers"] = {**metainfo.piece_layers, **(piece_layers or {})}
    parts = [b"d"]
    for key, value in outer.items():  # listed above in bencode's order
        if value is not None:
            parts += [bencode.encode(key), value if key == b"info" else bencode.encode(value)]
    return b"".join([*parts, b"e"])


def _build(info_bytes: bytes, info: Any, *, layers: Any, **outer: Any) -> Metainfo:
    if type(info) is not dict:
        raise MetainfoError("the info value is no dictionary")
    has_v1, has_v2 = _versions(info)
    piece_length = _piece_length(info, has_v2)
    hashes = InfoHashes(
        sha1(info_bytes).digest() if has_v1 else None,
        sha256(info_bytes).digest() if has_v2 else None,
    )
    raw_name = _raw_name(info) or hashes.hash_string.encode()
    raw_files, single = _raw_files(info, raw_name, piece_length, has_v1, has_v2)
    files = _safe_files(raw_files)
    _check_size(raw_files, piece_length, has_v1)
    return Metainfo(
        info_hashes=hashes,
        info_bytes=info_bytes,
        name=safe_component(raw_name),
        piece_length=piece_length,
        files=files,
        single_file=single,
        piece_hashes=_piece_hashes(info, raw_files, piece_length) if has_v1 else None,
        piece_layers=_checked_layers(layers, files, piece_length) if has_v2 else {},
        private=info.get(b"private") == 1,
        tls_ca=_tls_ca(info),
        source=_text(info, b"source"),
        raw_name=raw_name,
        raw_paths=_raw_paths(raw_files, files),
        **outer,
    )


def _tls_ca(info: dict[bytes, Any]) -> bytes | None:
    """Whether it can be used is seen later: that it is there is what keeps others out."""
    found = info.get(b"ssl-cert", b"")
    if type(found) is not bytes:
        raise MetainfoError("the certificate of the torrent's CA (ssl-cert) is not a string")
    if len(found) > MAX_CA:
        raise MetainfoError(
            f"the certificate of the torrent's CA (ssl-cert) is longer than {MAX_CA} bytes"
        )
    return found or None


def _versions(info: dict[bytes, Any]) -> tuple[bool, bool]:
    version = info.get(b"meta version", 1)
    if type(version) is not int or version < 1:
        raise MetainfoError("the meta version is no number from 1 on")
    if version > 2:
        raise MetainfoError(f"meta version {version} is newer than this program knows")
    if version == 1 and b"file tree" in info:
        raise MetainfoError("there is a v2 file tree but no meta version 2")
    if version == 2 and b"file tree" not in info:
        raise MetainfoError("a v2 torrent needs a file tree")
    has_v1 = version == 1 or b"pieces" in info or b"files" in info or b"length" in info
    return has_v1, version == 2


def _piece_length(info: dict[bytes, Any], has_v2: bool) -> int:
    length = info.get(b"piece length")
    if type(length) is not int or not 0 < length <= MAX_PIECE_LENGTH:
        raise MetainfoError(f"the piece length is missing or not in 1..{MAX_PIECE_LENGTH} bytes")
    if has_v2 and (length < BLOCK or length & (length - 1)):
        raise MetainfoError("the piece length of a v2 torrent is a power of two from 16 KiB on")
    return length


def _raw_name(info: dict[bytes, Any]) -> bytes | None:
    for key in (b"name.utf-8", b"name"):
        name = info.get(key, b"")
        if not isinstance(name, bytes):
            raise MetainfoError("the torrent's name is not a string")
        if name:
            return name
    return None


def _raw_files(
    info: dict[bytes, Any], name: bytes, piece_length: int, has_v1: bool, has_v2: bool
) -> tuple[list[RawFile], bool]:
    if not has_v2:
        return v1_files(info, name)
    tree = v2_files(info[b"file tree"])
    if not has_v1:
        return tree, len(tree) == 1 and len(tree[0].path) == 1
    files, single = v1_files(info, name)
    return joined(files, tree, piece_length), single


def _safe_files(raw_files: list[RawFile]) -> tuple[FileEntry, ...]:
    paths = iter(safe_paths(file.path for file in raw_files if not file.pad))
    files = []
    for _, length, root, attributes, symlink, pad in raw_files:
        if pad:
            files.append(FileEntry((".pad", str(length)), length, None, True))
        elif not attributes:
            files.append(FileEntry(next(paths), length, root))
        else:
            target = None if symlink is None else tuple(
                safe_component(part) for part in symlink if part not in (b".", b"..")
            )  # fmt: skip
            shown = (b"x" in attributes, b"h" in attributes)
            files.append(FileEntry(next(paths), length, root, False, *shown, target))
    return tuple(files)


def _raw_paths(
    raw_files: list[RawFile], files: tuple[FileEntry, ...]
) -> dict[int, tuple[bytes, ...]]:
    return {
        index: raw.path
        for index, (raw, file) in enumerate(zip(raw_files, files, strict=True))
        if not raw.pad and b"/".join(raw.path) != "/".join(file.path).encode()
    }


def _check_size(raw_files: list[RawFile], piece_length: int, has_v1: bool) -> None:
    total = sum(file.length for file in raw_files)
    if not any(file.length for file in raw_files if not file.pad):
        raise MetainfoError("the torrent holds no data: all its files are empty")
    pieces = -(-total // piece_length)
    if not has_v1:
        pieces = sum(-(-file.length // piece_length) for file in raw_files)
    if total > MAX_LENGTH or pieces > MAX_PIECES:
        raise MetainfoError(f"{total} bytes in {pieces} pieces are more than this program takes")


def _piece_hashes(info: dict[bytes, Any], raw_files: list[RawFile], piece_length: int) -> bytes:
    hashes = info.get(b"pieces")
    wanted = -(-sum(file.length for file in raw_files) // piece_length)
    if type(hashes) is not bytes or len(hashes) != 20 * wanted:
        raise MetainfoError(f"the torrent does not have one SHA-1 for each of its {wanted} pieces")
    return hashes


def _checked_layers(
    layers: Any, files: tuple[FileEntry, ...], piece_length: int
) -> dict[bytes, bytes]:
    """The layers of our files, each proven to lead to its file's root; others are dropped."""
    if type(layers) is not dict:
        raise MetainfoError("the piece layers are no dictionary")
    checked: dict[bytes, bytes] = {}
    for file in files:
        root = file.pieces_root
        if root is None or file.length <= piece_length or root not in layers:
            continue
        layer = layers[root]
        size = -(-file.length // piece_length) * HASH_SIZE
        if type(layer) is not bytes or len(layer) != size:
            raise MetainfoError("a piece layer does not have one hash for each piece of its file")
        if root not in checked and layer_root(layer, piece_length) != root:
            raise MetainfoError("a piece layer does not match its file's pieces root")
        checked[root] = layer
    return checked


def _http_seeds(value: Any) -> tuple[str, ...]:
    return web_seeds(value if isinstance(value, list) else [value])


def _nodes(value: Any) -> tuple[tuple[str, int], ...]:
    nodes = []
    for node in value[:MAX_NODES] if isinstance(value, list) else ():
        if isinstance(node, list) and len(node) == 2 and isinstance(node[0], bytes):
            host, port = node[0].decode("ascii", "replace"), node[1]
            if 0 < len(host) <= 255 and host.isprintable() and isinstance(port, int):
                nodes.append((host, port))
    return tuple(node for node in nodes if 0 < node[1] < 65536)


def _text(source: dict[bytes, Any], key: bytes) -> str | None:
    value = source.get(key + b".utf-8", source.get(key))
    return value[:MAX_TEXT].decode("utf-8", "replace") if isinstance(value, bytes) else None


def _date(value: Any) -> int | None:
    return value if isinstance(value, int) and 0 <= value < 1 << 40 else None
