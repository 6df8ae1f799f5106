"""The open pieces of one torrent: their buffers, and what they count for in the memory budget."""

from __future__ import annotations

from typing import Iterator

from p2pd.formats.file_layout import FileLayout
from p2pd.session.disks.memory_budget import MemoryShare


class OpenPieces:
    """Each open piece counts as a whole one, from when it is first asked for."""

    def __init__(self, layout: FileLayout, memory: MemoryShare) -> None:
        self.buffers: dict[int, bytearray] = {}
        """Of pieces of which something came, and which are not on their way to the disk."""
        self._layout = layout
        self._memory = memory
        self._open: set[int] = set()

    def open(self, piece: int) -> None:
        """It is asked for."""
        if piece not in self._open:
            self._open.add(piece)
            self._memory.take(self._layout.piece_length)

    def buffer_of(self, piece: int) -> bytearray:
        """Where its blocks belong."""
        buffer = self.buffers.get(piece)
        if buffer is None:
            self.open(piece)
            buffer = self.buffers[piece] = self._new_buffer(piece)
        return buffer

    def drop(self, piece: int) -> None:
        """Nobody needs it or its buffer."""
        buffer = self.buffers.pop(piece, None)
        if buffer is not None:
            self._memory.buffers.give(buffer)
        self.release(piece)

    def release(self, piece: int) -> None:
        """It is not open any more; its buffer, if there is one, is somebody else's business."""
        if piece in self._open:
            self._open.remove(piece)
            self._memory.give(self._layout.piece_length)

    def move_to(self, memory: MemoryShare) -> None:
        """They are for another device now."""
        size = len(self._open) * self._layout.piece_length
        before, self._memory = self._memory, memory
        memory.take(size)
        before.give(size)

    def __contains__(self, piece: int) -> bool:
        return piece in self._open

    def __iter__(self) -> Iterator[int]:
        return iter(set(self._open))

    def _new_buffer(self, piece: int) -> bytearray:
        size = self._layout.piece_size(piece)
        if size == self._layout.request_size(piece):
            return self._memory.buffers.take(size)
        return bytearray(size)  # what is not asked for is padding, and must read as zeros
