"""Torrents made of data in memory."""

from __future__ import annotations

from typing import Any, Mapping

from p2pd.formats.creator import CreationOptions, CreationPlan, SourceFile, TorrentDraft
from p2pd.formats.file_layout import FileLayout
from p2pd.formats.metainfo import Version


def make_torrent(
    contents: Mapping[str, bytes],
    version: Version = "v1",
    *,
    name: str = "folder",
    piece_length: int = 32 * 1024,
    **options: Any,
) -> bytes:
    """A .torrent file of these files, whose paths are below the torrent's folder."""
    files = tuple(SourceFile(tuple(path.split("/")), len(data)) for path, data in contents.items())
    chosen = CreationOptions(version=version, piece_length=piece_length, **options)
    draft = TorrentDraft(CreationPlan(name, files, single_file=False, options=chosen))
    pieces = range(draft.layout.piece_count)
    return draft.assemble(
        [draft.hash_piece(piece, piece_bytes(draft.layout, contents, piece)) for piece in pieces]
    )


def piece_bytes(layout: FileLayout, contents: Mapping[str, bytes], piece: int) -> bytes:
    """A piece of these files; paths with and without the torrent's folder are understood."""
    data = b""
    for index, offset, length in layout.spans(piece, 0, layout.piece_size(piece)):
        path = "/".join(layout.files[index].path)
        if index < 0 or layout.files[index].pad:
            data += bytes(length)
            continue
        file = contents[path] if path in contents else contents[path.partition("/")[2]]
        data += file[offset : offset + length]
    return data
