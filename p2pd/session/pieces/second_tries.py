"""The failed pieces of one torrent that are kept in memory until they come right.

They count against the session's memory budget, and are the first to go when it is spent. Refuses
to know how a piece is asked for again.
"""

from __future__ import annotations

from typing import Iterable, Mapping

from p2pd.session.disks.memory_budget import MemoryShare
from p2pd.swarm.failed_piece import FailedPiece

KEPT_MOST = 8
"""Pieces of a torrent; the one that failed longest ago is forgotten first."""

LEAST_ROOM = 4
"""Pieces for which there must be room in the budget besides."""


class SecondTries:
    """Failed pieces by their index."""

    def __init__(self, memory: MemoryShare, piece_length: int) -> None:
        self._memory = memory
        self._length = piece_length
        self._kept: dict[int, FailedPiece] = {}

    def keep(self, piece: int, buffer: bytearray) -> bool:
        """Keep the bytes of a failed piece, if there is room; whether they are kept."""
        if self._memory.room_for(self._length) < LEAST_ROOM:
            return False
        self._memory.take(self._length)
        self._kept[piece] = FailedPiece(buffer)
        return True

    def too_many(self) -> list[int]:
        """Those that should be forgotten now."""
        return list(self._kept)[: max(0, len(self._kept) - KEPT_MOST)]

    def forget(self, piece: int, *, spare: bool = True) -> bool:
        """Whether the piece was kept, as it is no longer; `spare`: its buffer is needed no more."""
        failed = self._kept.pop(piece, None)
        if failed is None:
            return False
        if spare:
            self._memory.buffers.give(failed.data)
        self._memory.give(self._length)
        return True

    def came_again(
        self, blocks: Iterable[tuple[int, int, int]], buffers: Mapping[int, bytearray]
    ) -> list[int]:
        """Blocks are in these buffers: the pieces of which one is not as it was before."""
        changed: dict[int, None] = {}
        for piece, begin, length in blocks:
            failed = self._kept.get(piece)
            if failed is not None:
                block = memoryview(buffers[piece])[begin : begin + length]
                if failed.came_again(begin, block):
                    changed[piece] = None
        return list(changed)

    def pieces(self) -> list[int]:
        """Those that are kept."""
        return list(self._kept)

    def __getitem__(self, piece: int) -> FailedPiece:
        return self._kept[piece]

    def __contains__(self, piece: object) -> bool:
        return piece in self._kept

    def __bool__(self) -> bool:
        return bool(self._kept)
