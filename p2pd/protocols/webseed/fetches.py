"""Which ranges of which files a row of blocks is, and the blocks out of what comes (BEP 19).

Pad files are nowhere to be had: their zeros are put in here (BEP 47), as are those behind the files
of v2 torrents.
"""

from __future__ import annotations

from typing import Iterable, NamedTuple, Sequence

from p2pd.base.requests import Request
from p2pd.formats.file_layout import FileLayout
from p2pd.protocols.peerwire.messages import Block


class Fetch(NamedTuple):
    """`length` bytes at `offset` of a file; `position`: so many bytes of the row are before them.

    `file` is the file's place in the layout.
    """

    file: int
    offset: int
    length: int
    position: int


def fetches_of(layout: FileLayout, blocks: Iterable[Request]) -> list[Fetch]:
    """What to ask for, one file after the other. Raises IndexError outside the torrent."""
    found: list[Fetch] = []
    position = 0
    for piece, begin, length in _joined(blocks):
        for file, offset, size in layout.spans(piece, begin, length):
            if file >= 0 and not layout.files[file].pad:
                _append(found, Fetch(file, offset, size, position))
            position += size
    return found


def _append(found: list[Fetch], fetch: Fetch) -> None:
    last = found[-1] if found else None
    if last is not None and last.file == fetch.file:
        follows = last.offset + last.length == fetch.offset
        if follows and last.position + last.length == fetch.position:
            found[-1] = last._replace(length=last.length + fetch.length)
            return
    found.append(fetch)


def _joined(blocks: Iterable[Request]) -> list[Request]:
    """Neighbours in one piece made one."""
    joined: list[Request] = []
    for block in blocks:
        last = joined[-1] if joined else None
        if last is not None and last.piece == block.piece and last.begin + last.length == block[1]:
            joined[-1] = last._replace(length=last.length + block.length)
        else:
            joined.append(block)
    return joined


class BlockStream:
    """Cuts what comes of a row of blocks into these, in order.

    Only a block that came in parts is put together in memory of its own.
    """

    __slots__ = ("_blocks", "_filled", "_next", "_part", "position")

    def __init__(self, blocks: Sequence[Request]) -> None:
        self._blocks = blocks
        self._next = 0
        self._part = bytearray()
        self._filled = 0
        self.position = 0
        """Bytes of the row that came."""

    @property
    def left(self) -> int:
        """Bytes of the row that are still to come."""
        return sum(block.length for block in self._blocks[self._next :]) - self._filled

    def zeros_until(self, position: int | None = None) -> list[Block]:
        """Up to there, or to the end, there is nothing but padding; the blocks that it ends."""
        count = self.left if position is None else position - self.position
        blocks: list[Block] = []
        while count > 0:
            some = min(count, self._blocks[self._next].length - self._filled)
            blocks += self.feed(bytes(some))
            count -= some
        return blocks

    def feed(self, data: bytes | memoryview) -> list[Block]:
        """The blocks that these bytes complete. What lies behind the last block is left out."""
        view, blocks = memoryview(data), []
        at, size = 0, len(view)
        while at < size and self._next < len(self._blocks):
            piece, begin, length = self._blocks[self._next]
            if not self._filled and size - at >= length:
                blocks.append(Block(piece, begin, view[at : at + length]))
                self._next += 1
                at += length
                continue
            some = min(size - at, length - self._filled)
            if not self._filled:
                self._part = bytearray(length)
            self._part[self._filled : self._filled + some] = view[at : at + some]
            self._filled += some
            at += some
            if self._filled == length:
                blocks.append(Block(piece, begin, memoryview(self._part)))
                self._next, self._filled = self._next + 1, 0
        self.position += at
        return blocks
