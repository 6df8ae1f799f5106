"""Where each byte of the piece space lies in which file (BEP 3, pads BEP 47, alignment BEP 52).

Built once from a metainfo, then asked from the hot path: sizes of pieces are a dictionary look-up,
ranges a bisection. Nothing is known here of a disk; paths are relative and safe.
"""

from __future__ import annotations

import copy
from bisect import bisect_right
from typing import Iterable, NamedTuple

from p2pd.base.piece_set import PieceSet
from p2pd.base.requests import BLOCK_SIZE
from p2pd.formats.metainfo import FileEntry, Metainfo
from p2pd.formats.safe_paths import safe_component, safe_paths

__all__ = ["FileLayout", "FileSpan", "LaidOutFile", "safe_component", "safe_paths"]

ZEROS = -1
"""The file index of bytes that are in no file: between v2 files, always zero."""


class FileSpan(NamedTuple):
    """`length` bytes at `file_offset` in a file; file index -1 are zeros that lie in no file."""

    file_index: int
    file_offset: int
    length: int


class LaidOutFile(NamedTuple):
    """A file with its place in the piece space; `path` includes the torrent's folder, if any.

    `offset` and `length` are bytes; the file has a part in the pieces ``first_piece`` up to, not
    including, ``end_piece``.
    """

    path: tuple[str, ...]
    length: int
    offset: int
    pad: bool
    first_piece: int
    end_piece: int
    executable: bool = False
    hidden: bool = False
    symlink: tuple[str, ...] | None = None


class FileLayout:
    """The map between pieces and files of one torrent.

    `total_length` counts the bytes of real files, pads excluded; `piece_space` counts all bytes
    that pieces may hold.
    """

    __slots__ = (
        "_data_starts", "_indices", "_padding", "_request_sizes", "_sizes", "aligned", "files",
        "piece_count", "piece_length", "total_length",
    )  # fmt: skip

    def __init__(self, files: list[LaidOutFile], piece_length: int, *, aligned: bool) -> None:
        """`aligned`: v2-only, every file starts a piece and its last piece ends with the file."""
        self.files = tuple(files)
        self.piece_length = piece_length
        self.aligned = aligned
        self.piece_count = max((file.end_piece for file in files), default=0)
        self.total_length = sum(file.length for file in files if not file.pad)
        self._indices = [index for index, file in enumerate(files) if file.length]
        self._data_starts = [files[index].offset for index in self._indices]
        self._sizes: dict[int, int] = {}
        self._request_sizes: dict[int, int] = {}
        self._padding: dict[int, int] = {}
        self._measure_short_pieces()
        self._measure_padding()

    @classmethod
    def of(cls, metainfo: Metainfo) -> FileLayout:
        """The layout of a torrent's files."""
        folder = () if metainfo.single_file else (metainfo.name,)
        aligned = metainfo.version == "v2"
        files, offset, piece_length = [], 0, metainfo.piece_length
        for entry in metainfo.files:
            files.append(_laid_out(entry, folder, offset, piece_length))
            offset += entry.length
            if aligned:
                offset += -offset % piece_length
        return cls(files, piece_length, aligned=aligned)

    def with_paths(self, paths: Iterable[tuple[str, ...]]) -> FileLayout:
        """The same layout with other paths, one for each file."""
        other = copy.copy(self)
        pairs = zip(self.files, paths, strict=True)
        other.files = tuple(
            file if file.path == path else file._replace(path=path) for file, path in pairs
        )
        return other

    def piece_size(self, piece: int) -> int:
        """Bytes a peer may ask of a piece: with pads in v1 and hybrid, the file's own in v2-only.

        Raises IndexError for a piece that does not exist.
        """
        self._check(piece)
        return self._sizes.get(piece, self.piece_length)

    def request_size(self, piece: int) -> int:
        """Bytes worth asking for: without the blocks at the end that are all padding (BEP 47).

        At least one block, so that a piece which is nothing but padding can still complete.
        """
        self._check(piece)
        size = self._request_sizes.get(piece)
        return self._sizes.get(piece, self.piece_length) if size is None else size

    def padded_size(self, piece: int) -> int:
        """Up to where a lenient answer may go: v2-only pieces are zero-filled to their length."""
        size = self.piece_size(piece)
        return self.piece_length if self.aligned else size

    def holds(self, piece: int, begin: int, length: int) -> bool:
        """Whether these bytes lie within the padded size of a piece that there is. Never raises."""
        size = self.piece_length if self.aligned else self._sizes.get(piece, self.piece_length)
        return 0 <= piece < self.piece_count and begin >= 0 and begin + length <= size

    def data_size(self, piece: int) -> int:
        """Bytes of real files in a piece, pads not counted."""
        return self.piece_size(piece) - self._padding.get(piece, 0)

    def spans(self, piece: int, begin: int, length: int) -> list[FileSpan]:
        """The parts of files that make up a range of a piece, in order, pads included.

        In v2-only torrents bytes past the file's end come as a span of file index -1.
        Raises IndexError when the range is not within the piece's padded size.
        """
        self._check(piece)
        if begin < 0 or length < 0 or begin + length > self.padded_size(piece):
            raise IndexError(f"no {length} bytes at {begin} in piece {piece}")
        position = piece * self.piece_length + begin
        at = bisect_right(self._data_starts, position) - 1
        spans = []
        while length > 0:
            index = self._indices[at]
            file = self.files[index]
            offset = position - file.offset
            part = min(length, file.length - offset)
            if part <= 0:  # the gap after a v2-only file, up to the end of its last piece
                spans.append(FileSpan(ZEROS, 0, length))
                break
            spans.append(FileSpan(index, offset, part))
            position += part
            length -= part
            at += 0 if self.aligned else 1
        return spans

    def pieces_of_file(self, index: int) -> range:
        """The pieces a file has a part in; none for an empty file."""
        file = self.files[index]
        return range(file.first_piece, file.end_piece)

    def files_of_piece(self, piece: int) -> list[int]:
        """The indices of the files, pads included, that have bytes in a piece."""
        return [span.file_index for span in self.spans(piece, 0, self.piece_size(piece))]

    def file_progress(self, have: PieceSet) -> list[int]:
        """Bytes had of each file, pads included, when the pieces in `have` are there."""
        flags, size = have.flags, self.piece_length
        progress = []
        for _, length, offset, _, first, end, *_ in self.files:
            count = flags.count(1, first, end)
            if count == end - first:
                progress.append(length)
                continue
            done = count * size
            if count and flags[first]:
                done -= offset - first * size
            if count and flags[end - 1]:
                done -= end * size - offset - length
            progress.append(done)
        return progress

    def bytes_had(self, have: PieceSet) -> int:
        """Bytes of real files in the pieces of `have`: ``total_length`` when all are there."""
        if have.is_full:
            return self.total_length
        flags = have.flags
        short = sum(self.piece_length - size for piece, size in self._sizes.items() if flags[piece])
        pads = sum(size for piece, size in self._padding.items() if flags[piece])
        return have.count * self.piece_length - short - pads

    def _check(self, piece: int) -> None:
        if not 0 <= piece < self.piece_count:
            raise IndexError(f"no piece {piece} among {self.piece_count}")

    def _measure_short_pieces(self) -> None:
        """Remember the size of each piece that is shorter than the piece length."""
        indices = self._indices if self.aligned else self._indices[-1:]
        for index in indices:
            file = self.files[index]
            size = file.offset + file.length - (file.end_piece - 1) * self.piece_length
            if size != self.piece_length:
                self._sizes[file.end_piece - 1] = size

    def _measure_padding(self) -> None:
        """Remember how much of which piece is pads, and what is left to request before them."""
        size = self.piece_length
        for file in (self.files[index] for index in self._indices if self.files[index].pad):
            end = file.offset + file.length
            for piece in range(file.first_piece, file.end_piece):
                start = piece * size
                within = (max(file.offset - start, 0), min(end - start, size))
                self._padding[piece] = self._padding.get(piece, 0) + within[1] - within[0]
                if within[1] == self.piece_size(piece):
                    blocks = max(-(-within[0] // BLOCK_SIZE), 1) * BLOCK_SIZE
                    if blocks < within[1]:
                        self._request_sizes[piece] = blocks


def _laid_out(
    entry: FileEntry, folder: tuple[str, ...], offset: int, piece_length: int
) -> LaidOutFile:
    path, length, _, pad, executable, hidden, symlink = entry
    first = offset // piece_length
    end = -(-(offset + length) // piece_length) if length else first
    return LaidOutFile(folder + path, length, offset, pad, first, end, executable, hidden, symlink)
