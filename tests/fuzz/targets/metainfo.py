"""Fuzz torrent files: what is accepted has safe paths and a layout that covers every byte."""

from __future__ import annotations

from p2pd.base.errors import FormatError
from p2pd.formats.creator import CreationOptions, CreationPlan, SourceFile, TorrentDraft
from p2pd.formats.file_layout import FileLayout
from p2pd.formats.metainfo import Metainfo, Version, parse_info, parse_torrent, to_torrent


def _seed(version: Version, *, single: bool) -> bytes:
    files = [SourceFile(("a",), 40_000), SourceFile(("d", "b"), 5), SourceFile(("e",), 0)]
    draft = TorrentDraft(
        CreationPlan(
            "a" if single else "top",
            tuple(files[:1] if single else files),
            single,
            CreationOptions(version, 16384, trackers=(("http://t/a",),), web_seeds=("http://w/",)),
        )
    )
    sizes = [draft.layout.piece_size(piece) for piece in range(draft.layout.piece_count)]
    return draft.assemble(
        [draft.hash_piece(piece, bytes(size)) for piece, size in enumerate(sizes)]
    )


SEEDS: list[bytes] = [
    _seed(version, single=single) for version in ("v1", "v2", "hybrid") for single in (True, False)
]


def fuzz(data: bytes) -> None:
    """Only FormatError may refuse; an accepted torrent keeps all promises of its model."""
    for parse in (parse_torrent, parse_info):
        try:
            found = parse(data)
        except FormatError:
            continue
        _examine(found)
        if parse_torrent(to_torrent(found)).info_hashes != found.info_hashes:
            raise AssertionError("writing the torrent again changed its info-hash")


def _examine(found: Metainfo) -> None:
    layout = FileLayout.of(found)
    paths = [file.path for file in layout.files if not file.pad]
    if len(set(paths)) != len(paths):
        raise AssertionError("two files have one path")
    for part in {part for path in paths for part in path}:
        if part in ("", ".", "..") or "/" in part or "\0" in part or len(part.encode()) > 255:
            raise AssertionError(f"an unsafe name: {part!r}")
    for piece in {0, layout.piece_count // 2, layout.piece_count - 1}:
        size = layout.piece_size(piece)
        covered = sum(span.length for span in layout.spans(piece, 0, size))
        if not 0 < layout.request_size(piece) <= size == covered:
            raise AssertionError(f"piece {piece} is not covered by its files")
